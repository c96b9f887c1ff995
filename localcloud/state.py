"""State between commands: ports, passwords, the deployed sources. One file, replaced atomically."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from localcloud.errors import CloudError


class CloudState(BaseModel):
    """Kept in `state.json`, readable by the owner only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    aws_port: int = 4566
    sagemaker_port: int = 4577
    replay_port: int = 4588
    postgres_port: int = 5432
    postgres_superuser_password: str | None = None
    postgres_password: str | None = None
    database_secret_arn: str | None = None
    deployed_sha256: str | None = None
    """Hash of the sources that the stack was last deployed from; None when that isn't known."""


def load(path: Path) -> CloudState:
    """Read the state; a file that isn't there is a new cloud. Raises CloudError when it is damaged."""
    try:
        return CloudState.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return CloudState()
    except (ValidationError, OSError) as error:
        raise CloudError(f"{path} can't be read: run `bellwether reset` to start again ({error})") from error


def save(path: Path, state: CloudState) -> None:
    """Replace the file at once, so that a reader or a kill never sees half of it."""
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(state.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
