"""The one folder that holds everything the cloud keeps: state, data, logs, temporary files."""

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VARIABLE = "BELLWETHER_HOME"


@dataclass(frozen=True)
class Home:
    """Paths below the folder. Nothing of ours is written anywhere else."""

    root: Path

    @classmethod
    def default(cls) -> "Home":
        """`$BELLWETHER_HOME`, or `.bellwether/` beside the code."""
        return cls(Path(os.environ.get(VARIABLE) or PROJECT / ".bellwether").expanduser().resolve())

    @property
    def lock_file(self) -> Path:
        return self.root / "lock"

    @property
    def state_file(self) -> Path:
        return self.root / "state.json"

    @property
    def access_key_file(self) -> Path:
        """The key that AWS clients of this cloud need."""
        return self.root / "access_key.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def emulator(self) -> Path:
        return self.root / "emulator"

    @property
    def emulator_state(self) -> Path:
        return self.emulator / "state"

    @property
    def objects(self) -> Path:
        """What lies in S3 buckets."""
        return self.emulator / "s3"

    @property
    def sagemaker(self) -> Path:
        return self.root / "sagemaker"

    @property
    def replay(self) -> Path:
        """Since when the replayed week plays."""
        return self.root / "replay"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def build(self) -> Path:
        """Output of `sam build`."""
        return self.root / "build"

    def log(self, service: str) -> Path:
        return self.logs / f"{service}.log"

    def temporary(self, service: str) -> Path:
        """The service's own folder for temporary files, emptied when it starts and stops."""
        return self.root / "tmp" / service

    def create(self) -> None:
        """Make the folders that services expect; what they hold is for the owner only (passwords, data)."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        for folder in (self.logs, self.emulator_state, self.objects, self.sagemaker, self.postgres):
            folder.mkdir(parents=True, exist_ok=True)
