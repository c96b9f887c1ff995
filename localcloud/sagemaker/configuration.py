"""Where the server listens, whom it talks to, and where it keeps things."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from localcloud.access_key import AccessKey


@dataclass(frozen=True)
class Configuration:
    """Settings of one server. `interpreter` runs jobs and inference code; it is not the server's own Python."""

    port: int
    events_url: str
    s3_url: str
    home: Path
    interpreter: Path
    key: AccessKey
    region: str = "us-east-1"
    account: str = "000000000000"
    stop_grace_seconds: float = 120.0
    host: str = "127.0.0.1"

    @property
    def state_file(self) -> Path:
        """The database that holds every document."""
        return self.home / "state.sqlite"

    def job_folder(self, kind: str, name: str) -> Path:
        """Working folder of a job, in place of the container's file system."""
        return self.home / "jobs" / kind / name

    def log_file(self, kind: str, name: str) -> Path:
        """Everything a job or an endpoint printed."""
        return self.home / "logs" / kind / f"{name}.log"

    def artifact_folder(self, url: str, etag: str) -> Path:
        """Where a model archive is unpacked: one folder for each content of each address."""
        return self.home / "artifacts" / hashlib.sha256(f"{url}\n{etag}".encode()).hexdigest()[:24]

    def arn(self, kind: str, name: str) -> str:
        """ARN of a resource. SageMaker writes names in small letters there, except those of package groups."""
        shown = name if kind == "model-package-group" else name.lower()
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{shown}"


def name_from_arn(text: str) -> str:
    """The name after the resource type when `text` is an ARN, else `text` itself."""
    return re.sub(r"^arn:[^:]+:sagemaker:[^:]*:\d*:[a-z-]+/", "", text)
