"""Control of the embedded cloud: up, down, reset, status. Used by the command line, the demo and the tests."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from localcloud import ports, processes, state
from localcloud.access_key import AccessKey
from localcloud.database_secret import put_database_secret
from localcloud.deploy import SERVICE as DEPLOY
from localcloud.deploy import Deployment, Stack
from localcloud.endpoints import STACK_NAME, Endpoints
from localcloud.errors import CloudDownError, CloudError, ServiceError
from localcloud.home import PROJECT, Home
from localcloud.lock import exclusive
from localcloud.logs import Logs
from localcloud.postgres import DATABASE, OWNER, Connection, Postgres, new_password
from localcloud.postgres import SERVICE as POSTGRES
from localcloud.services import Addresses, Emulator, LocalSageMaker, Replay, Service
from localcloud.state import CloudState
from localcloud.status import CloudStatus, ServiceStatus, StackStatus
from localcloud.toolchain import Toolchain

_START_ATTEMPTS = 3


@dataclass(frozen=True)
class Progress:
    """One step of `up`, reported when it starts and when it ends."""

    step: str
    detail: str = ""
    seconds: float | None = None
    """How long the step took; None while it runs."""

    @property
    def finished(self) -> bool:
        return self.seconds is not None

    def __str__(self) -> str:
        return f"{self.step} {self.detail}".rstrip()


OnProgress = Callable[[Progress], None]


def _silent(_progress: Progress) -> None:
    """Report nothing."""


class Cloud:
    """The cloud below one home. Several homes can be up side by side; one home is one cloud."""

    def __init__(
        self,
        home: Home | Path | None = None,
        *,
        toolchain: Toolchain | None = None,
        stack: Stack | None = None,
    ) -> None:
        self.home = home if isinstance(home, Home) else Home(home.resolve()) if home else Home.default()
        self.toolchain = toolchain or Toolchain()
        self.stack = stack or Stack(PROJECT, STACK_NAME)

    # ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────

    def up(self, on_progress: OnProgress = _silent, *, deploy: bool = True) -> Endpoints:
        """Start the services that aren't running, and deploy the stack if its sources changed. Safe to repeat.

        Raises CloudError (see localcloud.errors); its message says what to do.
        """
        with exclusive(self.home.lock_file, "up"):
            self.home.create()
            self._clear_strays()
            remembered = state.load(self.home.state_file)
            connection, remembered = self._start_postgres(remembered, on_progress)
            remembered = self._start_replay(remembered, on_progress)
            endpoints, remembered = self._start_aws(connection, remembered, on_progress)
            with _timed(on_progress, "database secret"):
                secret_arn = put_database_secret(endpoints)
                remembered = self._remember(remembered, database_secret_arn=secret_arn)
            if deploy:
                self._deploy(endpoints, remembered, on_progress)
            return endpoints

    def down(self, on_progress: OnProgress = _silent) -> None:
        """Stop all services; state and data are kept for the next `up`."""
        with exclusive(self.home.lock_file, "down"):
            for service in (LocalSageMaker.name, Emulator.name, Replay.name):
                with _timed(on_progress, f"stop {service}"):
                    processes.stop(self.home.root, service)
            with _timed(on_progress, f"stop {POSTGRES}"):
                Postgres(self.home).stop()
            processes.kill(self.home.root)
            shutil.rmtree(self.home.root / "tmp", ignore_errors=True)

    def reset(self, on_progress: OnProgress = _silent) -> None:
        """Stop all processes and remove all files, in any state."""
        with exclusive(self.home.lock_file, "reset"):
            with _timed(on_progress, "stop everything"):
                processes.kill(self.home.root)
                Postgres(self.home).stop()
            with _timed(on_progress, f"empty {self.home.root}"):
                for path in self.home.root.iterdir():
                    if path == self.home.lock_file:
                        continue
                    if path.is_dir() and not path.is_symlink():
                        shutil.rmtree(path)
                    else:
                        path.unlink()

    def endpoints(self) -> Endpoints | None:
        """Where the running cloud listens; None when it doesn't run."""
        if processes.leader(self.home.root, Emulator.name) is None:
            return None
        return self._endpoints(state.load(self.home.state_file))

    def status(self) -> CloudStatus:
        """State and address of each service, and whether the deployed stack matches its sources."""
        remembered = state.load(self.home.state_file)
        endpoints = self._endpoints(remembered)
        services = tuple(
            ServiceStatus.of(service.name, processes.leader(self.home.root, service.name), service.answers, url)
            for service, url in (
                (self._emulator(remembered), endpoints.aws_url),
                (self._sagemaker(remembered), endpoints.sagemaker_url),
                (self._replay(remembered), endpoints.replay_url),
            )
        )
        database = ServiceStatus.of(
            POSTGRES,
            processes.leader(self.home.root, POSTGRES),
            lambda: Postgres(self.home).answers(endpoints.postgres),
            endpoints.postgres.address,
        )
        return CloudStatus(
            home=str(self.home.root), services=(*services, database), stack=self._stack_status(endpoints, remembered)
        )

    def logs(self, name: str) -> Logs:
        """The log of a service, or of a function of the stack. Raises CloudError when there is no such thing."""

        def running() -> Endpoints:
            endpoints = self.endpoints()
            if endpoints is None:
                raise CloudDownError(f"{name!r} has no log file, and the embedded cloud is down: run `bellwether up`")
            return endpoints

        return Logs.find(self.home, name, running)

    # ── steps of up ───────────────────────────────────────────────────────────────────────────────────────────────

    def _clear_strays(self) -> None:
        """Stop processes that a killed command or service left running: `sam`, or child processes of a service."""
        processes.kill(self.home.root, DEPLOY)
        for service in (Emulator.name, LocalSageMaker.name, Replay.name):
            if processes.leader(self.home.root, service) is None:
                processes.kill(self.home.root, service)

    def _start_postgres(self, remembered: CloudState, on_progress: OnProgress) -> tuple[Connection, CloudState]:
        postgres = Postgres(self.home)
        with _timed(on_progress, POSTGRES) as tell:
            superuser = remembered.postgres_superuser_password or new_password()
            owner = remembered.postgres_password or new_password()
            remembered = self._remember(remembered, postgres_superuser_password=superuser, postgres_password=owner)
            known = Connection(ports.LOOPBACK, remembered.postgres_port, OWNER, owner, DATABASE)
            if processes.leader(self.home.root, POSTGRES) and postgres.answers(known):
                tell(f"{known.address} (already running)")
                return known, remembered
            postgres.stop()
            postgres.initialise(superuser)
            for attempt in range(_START_ATTEMPTS):
                port = ports.choose(remembered.postgres_port)
                remembered = self._remember(remembered, postgres_port=port)
                try:
                    postgres.start(port, superuser)
                    break
                except ServiceError:
                    if attempt + 1 == _START_ATTEMPTS or ports.is_free(port):
                        raise
            connection = postgres.create_owner(remembered.postgres_port, superuser, owner)
            tell(connection.address)
            return connection, remembered

    def _start_replay(self, remembered: CloudState, on_progress: OnProgress) -> CloudState:
        with _timed(on_progress, Replay.name) as tell:
            service = self._replay(remembered)
            if service.runs():
                tell(f"{service.addresses.replay_url} (already running)")
                return remembered
            service.stop()
            taken = {remembered.aws_port, remembered.sagemaker_port}
            for attempt in range(_START_ATTEMPTS):
                remembered = self._remember(remembered, replay_port=ports.choose(remembered.replay_port, avoid=taken))
                service = self._replay(remembered)
                if _started(service, last=attempt + 1 == _START_ATTEMPTS):
                    break
            tell(service.addresses.replay_url)
            return remembered

    def _start_aws(
        self, connection: Connection, remembered: CloudState, on_progress: OnProgress
    ) -> tuple[Endpoints, CloudState]:
        """Start both services. Each knows the other's port: if one port changes, both are restarted."""
        for attempt in range(_START_ATTEMPTS):
            running = self._emulator(remembered).runs(), self._sagemaker(remembered).runs()
            if not all(running):
                remembered = self._choose_ports(remembered, *running)
            services = (self._emulator(remembered), self._sagemaker(remembered))
            if all(self._start(each, on_progress, last=attempt + 1 == _START_ATTEMPTS) for each in services):
                break
        return self._endpoints(remembered, connection), remembered

    def _start(self, service: Service, on_progress: OnProgress, *, last: bool) -> bool:
        """Start a service; false if another process took its port and this was not the last attempt."""
        with _timed(on_progress, service.name) as tell:
            url = f"http://{ports.LOOPBACK}:{service.port}"
            if service.runs():
                tell(f"{url} (already running)")
                return True
            service.stop()
            started = _started(service, last=last)
            tell(url if started else f"{url} is used by another process")
            return started

    def _choose_ports(self, remembered: CloudState, emulator_runs: bool, sagemaker_runs: bool) -> CloudState:
        """Keep the previous ports. Replace one that is taken, and stop the service that knows the old port."""
        emulator, sagemaker = self._emulator(remembered), self._sagemaker(remembered)
        if not emulator_runs:
            emulator.stop()
        if not sagemaker_runs:
            sagemaker.stop()
        aws_port = remembered.aws_port if emulator_runs else ports.choose(remembered.aws_port)
        sagemaker_port = (
            remembered.sagemaker_port if sagemaker_runs else ports.choose(remembered.sagemaker_port, avoid={aws_port})
        )
        if emulator_runs and sagemaker_port != remembered.sagemaker_port:
            emulator.stop()
        if sagemaker_runs and aws_port != remembered.aws_port:
            sagemaker.stop()
        return self._remember(remembered, aws_port=aws_port, sagemaker_port=sagemaker_port)

    def _deploy(self, endpoints: Endpoints, remembered: CloudState, on_progress: OnProgress) -> None:
        if not self.stack.template.exists():
            raise CloudError(f"the template {self.stack.template} does not exist")
        parameters = self._stack_parameters(remembered)
        digest = self.stack.digest(parameters)
        deployment = Deployment(self.home, self.toolchain, endpoints, self.stack)
        if digest == remembered.deployed_sha256 and deployment.is_deployed():
            on_progress(Progress("sam build and deploy", "nothing changed", 0.0))
            return
        remembered = self._remember(remembered, deployed_sha256=None)
        with _timed(on_progress, "sam build"):
            deployment.build()
        with _timed(on_progress, "sam deploy") as tell:
            deployment.deploy(parameters)
            tell(self.stack.name)
        with _timed(on_progress, "save state"):
            self._emulator(remembered).checkpoint()
        self._remember(remembered, deployed_sha256=digest)

    # ── what is known ─────────────────────────────────────────────────────────────────────────────────────────────

    def _remember(self, remembered: CloudState, **changes: object) -> CloudState:
        changed = remembered.model_copy(update=changes)
        if changed != remembered or not self.home.state_file.exists():
            state.save(self.home.state_file, changed)
        return changed

    def _stack_parameters(self, remembered: CloudState) -> Mapping[str, str]:
        return {
            "DatabaseSecretArn": remembered.database_secret_arn or "",
            "MarketDataUrl": self._addresses(remembered).replay_url,
        }

    def _stack_status(self, endpoints: Endpoints, remembered: CloudState) -> StackStatus | None:
        if processes.leader(self.home.root, Emulator.name) is None or not self._emulator(remembered).answers():
            return None
        status = Deployment(self.home, self.toolchain, endpoints, self.stack).status()
        if status is None:
            return None
        current = remembered.deployed_sha256 == self.stack.digest(self._stack_parameters(remembered))
        return StackStatus(self.stack.name, status, current)

    def _addresses(self, remembered: CloudState) -> Addresses:
        return Addresses(remembered.aws_port, remembered.sagemaker_port, remembered.replay_port)

    def _emulator(self, remembered: CloudState) -> Emulator:
        return Emulator(self.home, self.toolchain, self._addresses(remembered))

    def _sagemaker(self, remembered: CloudState) -> Service:
        return LocalSageMaker(self.home, self.toolchain, self._addresses(remembered))

    def _replay(self, remembered: CloudState) -> Replay:
        return Replay(self.home, self.toolchain, self._addresses(remembered))

    def _endpoints(self, remembered: CloudState, connection: Connection | None = None) -> Endpoints:
        addresses = self._addresses(remembered)
        known = Connection(
            ports.LOOPBACK, remembered.postgres_port, OWNER, remembered.postgres_password or "", DATABASE
        )
        return Endpoints(
            addresses.aws_url,
            addresses.sagemaker_url,
            connection or known,
            AccessKey.stored(self.home.access_key_file) or AccessKey.random(),
            stack_name=self.stack.name,
            replay_url=addresses.replay_url,
        )


def _started(service: Service, *, last: bool) -> bool:
    """Whether a service could be started: not when its port was taken since it was chosen. Raises ServiceError."""
    try:
        service.start()
    except ServiceError:
        if last or ports.is_free(service.port):
            raise
        return False
    return True


@contextmanager
def _timed(on_progress: OnProgress, step: str) -> Iterator[Callable[[str], None]]:
    """Report a step's beginning and end; what is yielded takes the detail to report with the end."""
    told = Progress(step)

    def tell(detail: str) -> None:
        nonlocal told
        told = replace(told, detail=detail)

    on_progress(told)
    started = time.monotonic()
    yield tell
    on_progress(replace(told, seconds=time.monotonic() - started))
