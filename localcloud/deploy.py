"""The real template, deployed by the real `sam`, to the emulator."""

import hashlib
import os
import shlex
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from localcloud import environment, processes
from localcloud.endpoints import Endpoints
from localcloud.errors import DeployError
from localcloud.home import Home
from localcloud.toolchain import Toolchain

SERVICE = "deploy"
ARTIFACTS_BUCKET = "bellwether-local-artifacts"
CONFIG_ENVIRONMENT = "local"
SOURCES = (
    "template.yaml",
    "samconfig.toml",
    "stacks",
    "functions",
    "layers",
    "statemachines",
    "jobs",
    "db",
)
_CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
_DEPLOYED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
_NOT_SOURCES = ("__pycache__", ".aws-sam", "mlruns")


@dataclass(frozen=True)
class Stack:
    """A SAM project and the name that its stack goes by."""

    project: Path
    name: str

    @property
    def template(self) -> Path:
        return self.project / "template.yaml"

    @property
    def config(self) -> Path:
        return self.project / "samconfig.toml"

    def digest(self, parameters: Mapping[str, str]) -> str:
        """SHA-256 over everything that the deployed stack is made from, and its parameters."""
        total = hashlib.sha256(repr(sorted(parameters.items())).encode())
        for path in sorted(_files(self.project / source for source in SOURCES)):
            total.update(str(path.relative_to(self.project)).encode() + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def parameters(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Parameters of samconfig's local environment, and `extra` over them."""
        if not self.config.exists():
            return dict(extra)
        config = tomllib.loads(self.config.read_text())
        deploy = config.get(CONFIG_ENVIRONMENT, {}).get("deploy", {}).get("parameters", {})
        overrides = deploy.get("parameter_overrides", [])
        pairs = shlex.split(overrides) if isinstance(overrides, str) else overrides
        return dict(pair.split("=", 1) for pair in pairs) | dict(extra)


@dataclass(frozen=True)
class Deployment:
    """`sam build` and `sam deploy` for one stack on one cloud."""

    home: Home
    toolchain: Toolchain
    endpoints: Endpoints
    stack: Stack

    def status(self) -> str | None:
        """The stack's status; None when there is no such stack."""
        return _status(self._cloudformation, self.stack.name)

    def is_deployed(self) -> bool:
        return self.status() in _DEPLOYED

    def build(self) -> None:
        """`sam build`, cached. Raises DeployError with the end of its output."""
        self._sam(
            "build",
            "--template-file",
            str(self.stack.template),
            "--build-dir",
            str(self.home.build / "output"),
            "--cache-dir",
            str(self.home.build / "cache"),
            "--cached",
            "--parallel",
            *self._config(),
        )

    def deploy(self, parameters: Mapping[str, str]) -> None:
        """`sam deploy`, after taking away a stack that an earlier attempt left broken. Raises DeployError."""
        self._create_artifacts_bucket()
        self._delete_stillborn_stack()
        pairs = [f"{name}={value}" for name, value in self.stack.parameters(parameters).items()]
        try:
            self._sam(
                "deploy",
                "--template-file",
                str(self.home.build / "output" / "template.yaml"),
                "--stack-name",
                self.stack.name,
                "--no-resolve-s3",
                "--s3-bucket",
                ARTIFACTS_BUCKET,
                "--no-confirm-changeset",
                "--no-fail-on-empty-changeset",
                "--no-progressbar",
                "--capabilities",
                *_CAPABILITIES,
                *(["--parameter-overrides", *pairs] if pairs else []),
                *self._config(),
            )
        except DeployError as error:
            reasons = self._failures()
            raise DeployError("\n".join([str(error), *reasons])) from error

    @property
    def _cloudformation(self) -> Any:
        return self.endpoints.client("cloudformation")

    def _config(self) -> tuple[str, ...]:
        if not self.stack.config.exists():
            return ()
        return ("--config-file", str(self.stack.config), "--config-env", CONFIG_ENVIRONMENT)

    def _create_artifacts_bucket(self) -> None:
        s3 = self.endpoints.client("s3")
        try:
            s3.head_bucket(Bucket=ARTIFACTS_BUCKET)
        except ClientError:
            s3.create_bucket(Bucket=ARTIFACTS_BUCKET)

    def _delete_stillborn_stack(self) -> None:
        """A stack that was never deployed whole can't be updated, and nothing in it is worth keeping."""
        status = self.status()
        if status is None or status in (*_DEPLOYED, "REVIEW_IN_PROGRESS"):
            return
        if status.startswith("UPDATE_"):
            raise DeployError(f"stack {self.stack.name} is stuck in {status}: run `bellwether reset` to start again")
        self._cloudformation.delete_stack(StackName=self.stack.name)
        try:
            self._cloudformation.get_waiter("stack_delete_complete").wait(
                StackName=self.stack.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
        except WaiterError as error:
            raise DeployError(
                f"stack {self.stack.name} can't be removed after {status}: run `bellwether reset` to start again"
            ) from error

    def _sam(self, *arguments: str) -> None:
        log = self.home.log(SERVICE)
        log.parent.mkdir(parents=True, exist_ok=True)
        self.home.temporary(SERVICE).mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            start = output.tell()
            finished = subprocess.run(
                [str(self.toolchain.sam), *arguments],
                env=self._environment(),
                cwd=self.stack.project,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if finished.returncode != 0:
            said = log.read_bytes()[start:].decode(errors="replace").strip().splitlines()
            raise DeployError("\n".join([f"sam {arguments[0]} failed (all of it in {log}):", *said[-15:]]))

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.toolchain.project_bin), os.environ.get("PATH", os.defpath)])
        return {
            **environment.without_account(),
            **environment.local_aws(self.endpoints.aws_url, self.endpoints.sagemaker_url, self.endpoints.key),
            "TMPDIR": str(self.home.temporary(SERVICE)),
            "PATH": path,
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.5",  # sam waits for AWS 5 s at a time
            "__SAM_CLI_APP_DIR": str(self.home.build / "sam"),
            processes.HOME_VARIABLE: str(self.home.root),
            processes.SERVICE_VARIABLE: SERVICE,
        }

    def _failures(self) -> list[str]:
        """What CloudFormation says about each resource that failed, nested stacks included, oldest first."""
        try:
            summaries = self._cloudformation.list_stacks()["StackSummaries"]
            names = [item["StackId"] for item in summaries if item["StackName"].startswith(self.stack.name)]
            events = [
                event
                for name in names
                for event in self._cloudformation.describe_stack_events(StackName=name)["StackEvents"]
            ]
        except (ClientError, BotoCoreError):
            return []
        failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
        lines = [
            f"{event['StackName']}: {event['LogicalResourceId']} ({event['ResourceType']}): "
            f"{event.get('ResourceStatusReason', 'no reason given')}"
            for event in sorted(failed, key=lambda event: event["Timestamp"])
        ]
        return list(dict.fromkeys(lines))[-10:]


def _status(cloudformation: Any, name: str) -> str | None:
    try:
        return str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _files(roots: Iterable[Path]) -> Iterable[Path]:
    for root in roots:
        if root.is_file():
            yield root
        for path in root.rglob("*"):
            if path.is_file() and not any(part in _NOT_SOURCES for part in path.parts) and path.suffix != ".pyc":
                yield path
