"""What every training job does around its model: hyperparameters and folders in, exit status and failure reason out."""

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .cloudspend import training as cloudspend
from .errors import InvalidParameterError, JobError
from .housing import training as housing
from .macro import training as macro

OPT_ML = Path("/opt/ml")


@dataclass(frozen=True)
class Folders:
    """Where a job reads and writes: the container's contract."""

    train: Path
    model: Path
    output_data: Path
    output: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Folders":
        """Take the folders from the SM_* variables, the container's own places where one is not set."""

        def folder(variable: str, otherwise: str) -> Path:
            return Path(environment.get(variable) or OPT_ML / otherwise)

        return cls(
            train=folder("SM_CHANNEL_TRAIN", "input/data/train"),
            model=folder("SM_MODEL_DIR", "model"),
            output_data=folder("SM_OUTPUT_DATA_DIR", "output/data"),
            output=folder("SM_OUTPUT_DIR", "output"),
        )


Train = Callable[[Mapping[str, str], Path, Path, Path], None]
MODELS: Mapping[str, Train] = {"housing": housing.run, "cloudspend": cloudspend.run, "macro": macro.run}


def main(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Run a job and return its exit status; the reason of a failure lands in the file `failure`."""
    folders = Folders.of(environment)
    try:
        given = hyperparameters(arguments, environment)
        name = given.get("model", "macro")
        if name not in MODELS:
            raise InvalidParameterError("model", f"'{name}' is unknown; known are {', '.join(sorted(MODELS))}")
        MODELS[name](given, folders.train, folders.model, folders.output_data)
    except JobError as error:
        return _fail(folders, str(error))
    except Exception as error:  # noqa: BLE001 - the job's last resort: a person has to read why it ended
        traceback.print_exc()
        return _fail(folders, f"{type(error).__name__}: {error}")
    return 0


def hyperparameters(arguments: Sequence[str], environment: Mapping[str, str]) -> Mapping[str, str]:
    """Hyperparameters as strings: from `--name value`, and from SM_HPS (JSON) where the command line is silent.

    The container leaves an empty value out, so that a name alone means an empty one.
    """
    try:
        given = {name: _text(value) for name, value in json.loads(environment.get("SM_HPS") or "{}").items()}
    except (ValueError, AttributeError) as error:
        raise InvalidParameterError("SM_HPS", "is not a JSON object") from error
    name = ""
    for argument in arguments:
        if argument.startswith("--"):
            name = argument[2:]
            given[name] = ""
        elif name and not given[name]:
            given[name] = argument
        else:
            raise InvalidParameterError(argument, "arguments have to come as --name value")
    return given


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _fail(folders: Folders, reason: str) -> int:
    print(f"failed: {reason}", file=sys.stderr, flush=True)
    try:
        folders.output.mkdir(parents=True, exist_ok=True)
        (folders.output / "failure").write_text(reason, encoding="utf-8")
    except OSError as error:
        print(f"the reason could not be written to {folders.output}: {error}", file=sys.stderr, flush=True)
    return 1
