"""The HTTP services: the emulator, the local SageMaker, and the replay of feeds and market data."""

import hashlib
import shutil
import signal
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from localcloud import environment, ports, processes
from localcloud.access_key import AccessKey
from localcloud.emulator.names import CHECKPOINT_STAMP, FUNCTION_PYTHON_VARIABLE, RESUMED_VARIABLE
from localcloud.errors import ServiceError
from localcloud.home import PROJECT, Home
from localcloud.toolchain import Toolchain

_START_SECONDS = 60
_LOG_LINES_SHOWN = 12


@dataclass(frozen=True)
class Addresses:
    """The ports of the services; the first two must each know of the other."""

    aws_port: int
    sagemaker_port: int
    replay_port: int = 4588

    @property
    def aws_url(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.aws_port}"

    @property
    def sagemaker_url(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.sagemaker_port}"

    @property
    def replay_url(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.replay_port}"


@dataclass(frozen=True)
class Service(ABC):
    """An HTTP server of the embedded cloud."""

    home: Home
    toolchain: Toolchain
    addresses: Addresses
    name: ClassVar[str]

    @property
    @abstractmethod
    def port(self) -> int: ...

    @property
    def key(self) -> AccessKey:
        """The key of this home's cloud."""
        return AccessKey.load(self.home.access_key_file)

    @property
    @abstractmethod
    def health_path(self) -> str: ...

    @abstractmethod
    def arguments(self) -> Sequence[str | Path]: ...

    def environment(self) -> dict[str, str]:
        return {
            **environment.clean(),
            **environment.local_aws(self.addresses.aws_url, self.addresses.sagemaker_url, self.key),
            **environment.scratch(self.home.temporary(self.name)),
        }

    def start(self) -> None:
        """Start the service and wait until it answers. Raises ServiceError with the end of its log."""
        self._empty_temporary()
        self.home.temporary(self.name).mkdir(parents=True)
        log = self.home.log(self.name)
        written = log.stat().st_size if log.exists() else 0
        pid = processes.start(
            self.name,
            self.arguments(),
            home=self.home.root,
            environment=self.environment(),
            log=log,
            folder=PROJECT,
            code=self.code(),
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            if not processes.is_alive(pid) or time.monotonic() > deadline:
                processes.kill(self.home.root, self.name)
                raise ServiceError(f"{self.name} failed to start. End of {log}:\n{_tail(log, written)}")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether this cloud's service answers HTTP on its port; another process may use the port."""
        return processes.listens(self.home.root, self.name, self.port) and self._talks()

    def _talks(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            opener.open(f"http://{ports.LOOPBACK}:{self.port}{self.health_path}", timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            return True
        except OSError:
            return False
        return True

    def runs(self) -> bool:
        """Whether the process runs the current code and answers."""
        process = processes.leader(self.home.root, self.name)
        return process is not None and process.code == self.code() and self.answers()

    def code(self) -> str:
        """Digest of the service's own code: after an upgrade, `up` starts it anew."""
        digest = hashlib.sha256()
        shared = PROJECT / "localcloud" / "signatures.py"
        for path in (shared, *sorted((PROJECT / "localcloud" / self.name).rglob("*.py"))):
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()

    def stop(self) -> None:
        """Stop the service after it saved its state, and remove its temporary files."""
        processes.stop(self.home.root, self.name)
        self._empty_temporary()

    def _empty_temporary(self) -> None:
        shutil.rmtree(self.home.temporary(self.name), ignore_errors=True)


class Emulator(Service):
    """ministack with the patches of localcloud/emulator."""

    name = "emulator"

    @property
    def port(self) -> int:
        return self.addresses.aws_port

    @property
    def health_path(self) -> str:
        return "/_ministack/health"

    def arguments(self) -> Sequence[str | Path]:
        return [self.toolchain.emulator_python, "-m", "localcloud.emulator"]

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            FUNCTION_PYTHON_VARIABLE: str(self.toolchain.function_python),
            RESUMED_VARIABLE: "DeployModel",
            "BIND_HOST": ports.LOOPBACK,
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.home.emulator_state),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.home.objects),
            # A Docker daemon on this machine must not change the emulator's behaviour.
            "DOCKER_HOST": f"unix://{self.home.root}/no-docker.sock",
        }

    def checkpoint(self) -> None:
        """Write the state to disk now, so that `kill -9` loses only later changes."""
        process = processes.leader(self.home.root, self.name)
        if process is None:
            raise ServiceError("the emulator isn't running")
        stamp = self.home.emulator_state / CHECKPOINT_STAMP
        stamp.unlink(missing_ok=True)
        processes.send(process.pid, signal.SIGUSR1)
        deadline = time.monotonic() + _START_SECONDS
        while not stamp.exists():
            if not processes.is_alive(process.pid) or time.monotonic() > deadline:
                raise ServiceError(f"the emulator didn't save its state: see {self.home.log(self.name)}")
            time.sleep(0.02)


class LocalSageMaker(Service):
    """Training jobs, registry and endpoints."""

    name = "sagemaker"

    @property
    def port(self) -> int:
        return self.addresses.sagemaker_port

    @property
    def health_path(self) -> str:
        return "/_local/health"

    def arguments(self) -> Sequence[str | Path]:
        return [
            self.toolchain.project_python,
            "-m",
            "localcloud.sagemaker",
            "--port",
            str(self.port),
            "--events-url",
            self.addresses.aws_url,
            "--s3-url",
            self.addresses.aws_url,
            "--interpreter",
            self.toolchain.sagemaker_python,
            "--home",
            self.home.sagemaker,
        ]

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "MOTO_ACCOUNT_ID": environment.ACCOUNT}


class Replay(Service):
    """Feeds and a market-data API that replay one invented week."""

    name = "replay"
    samples: ClassVar[Path] = PROJECT / "samples" / "news"

    @property
    def port(self) -> int:
        return self.addresses.replay_port

    @property
    def health_path(self) -> str:
        return "/_replay/health"

    def arguments(self) -> Sequence[str | Path]:
        return [
            self.toolchain.project_python,
            "-m",
            "localcloud.replay",
            "--port",
            str(self.port),
            "--samples",
            self.samples,
            "--home",
            self.home.replay,
        ]

    def code(self) -> str:
        """Digest of the code and of the replayed samples."""
        digest = hashlib.sha256(super().code().encode())
        for path in sorted(self.samples.glob("*.[cj]s*")):
            digest.update(path.read_bytes())
        return digest.hexdigest()


def _tail(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-_LOG_LINES_SHOWN:]) or "(empty)"
