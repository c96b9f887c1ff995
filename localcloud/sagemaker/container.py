"""The contract of a script-mode training container: folders, files, SM_* variables, command line.

The container's `/opt/ml` is `<job folder>/opt/ml` here. A script that takes its folders from the SM_* variables, as
the contract says, can't tell the difference; a script with `/opt/ml` written into it is not served.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.sagemaker.documents import Document
from localcloud.sagemaker.errors import JobError

HOST = "algo-1"
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_RESERVED = "sagemaker_"
_INHERITED = "BELLWETHER_CLOUD_"  # marks every process of one local cloud, so that a reset finds it


@dataclass(frozen=True)
class OptMl:
    """The folders below `/opt/ml`."""

    root: Path

    @property
    def code(self) -> Path:
        """Where the submitted sources are."""
        return self.root / "code"

    @property
    def input(self) -> Path:
        """Configuration and data of the job."""
        return self.root / "input"

    @property
    def model(self) -> Path:
        """What becomes model.tar.gz."""
        return self.root / "model"

    @property
    def output(self) -> Path:
        """Parent of the output data; holds the file `failure`."""
        return self.root / "output"

    @property
    def output_data(self) -> Path:
        """What becomes output.tar.gz."""
        return self.output / "data"

    @property
    def failure_file(self) -> Path:
        """Where a script writes why it failed."""
        return self.output / "failure"

    def channel(self, name: str) -> Path:
        """Data of one input channel."""
        return self.input / "data" / name

    def create(self) -> None:
        """Make the folders."""
        for folder in (self.code, self.input / "config", self.input / "data", self.model, self.output_data):
            folder.mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True)
class HyperParameters:
    """The job's hyperparameters, decoded: those for the script and those for the container (`sagemaker_…`)."""

    user: dict[str, Any]
    container: dict[str, Any]

    @property
    def program(self) -> str:
        """The entry point. Raises JobError when there is none: only script mode runs here."""
        program = self.container.get("sagemaker_program")
        if not isinstance(program, str) or not program:
            raise JobError("AlgorithmError: hyperparameter sagemaker_program is missing: only script mode runs locally")
        return program

    @property
    def submit_directory(self) -> str:
        """S3 address of the archive with the sources. Raises JobError."""
        address = self.container.get("sagemaker_submit_directory")
        if not isinstance(address, str) or not address.startswith("s3://"):
            raise JobError(f"ClientError: hyperparameter sagemaker_submit_directory is not an S3 address: {address}")
        return address


def decode_hyperparameters(raw: Mapping[str, str]) -> HyperParameters:
    """JSON where a value is JSON (the SDK quotes everything so), the text itself otherwise (`1,3,6,12`)."""
    decoded: dict[str, Any] = {}
    for key in sorted(raw):
        try:
            decoded[key] = json.loads(raw[key])
        except ValueError:
            decoded[key] = raw[key]
    return HyperParameters(
        user={key: value for key, value in decoded.items() if not key.startswith(_RESERVED)},
        container={key: value for key, value in decoded.items() if key.startswith(_RESERVED)},
    )


def command_line(user: Mapping[str, Any]) -> list[str]:
    """`--name value` for each hyperparameter, by name; `-n value` when the name is one letter."""
    arguments: list[str] = []
    for name in sorted(user):
        value = user[name]
        if isinstance(value, dict):
            text = ",".join(f"{key}={value[key]}" for key in sorted(value))
        else:
            text = "" if value is None else str(value)
        arguments.append(f"--{name}" if len(name) > 1 else f"-{name}")
        if text:
            arguments.append(text)
    return arguments


def base_environment(folder: Path, interpreter: Path, s3_url: str, region: str) -> dict[str, str]:
    """A clean environment: nothing of ours but the way to the emulator, so that a job has no other world to talk to."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if name.startswith(_INHERITED)}
    return inherited | {
        "PATH": f"{interpreter.parent}:{_SYSTEM_PATH}",
        "HOME": str(folder),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": s3_url,
        "AWS_ACCESS_KEY_ID": os.environ.get("AWS_ACCESS_KEY_ID", ""),
        "AWS_SECRET_ACCESS_KEY": os.environ.get("AWS_SECRET_ACCESS_KEY", ""),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def training_environment(job: Document, paths: OptMl, parameters: HyperParameters, region: str) -> dict[str, str]:
    """The variables that the container sets for a training script."""
    channels = {item["ChannelName"]: item for item in job.get("InputDataConfig", [])}
    resources = _resource_config(job)
    module = Path(parameters.program).stem
    values: dict[str, Any] = {
        "CHANNELS": sorted(channels),
        "CURRENT_HOST": HOST,
        "CURRENT_INSTANCE_GROUP": "homogeneousCluster",
        "CURRENT_INSTANCE_TYPE": resources["current_instance_type"],
        "FRAMEWORK_MODULE": "",
        "FRAMEWORK_PARAMS": {},
        "HOSTS": [HOST],
        "HPS": parameters.user,
        "INPUT_CONFIG_DIR": str(paths.input / "config"),
        "INPUT_DATA_CONFIG": _input_data_config(job),
        "INPUT_DIR": str(paths.input),
        "JOB_NAME": job["TrainingJobName"],
        "LOG_LEVEL": parameters.container.get("sagemaker_container_log_level", 20),
        "MASTER": HOST,
        "MODEL_DIR": str(paths.model),
        "MODULE_DIR": parameters.submit_directory,
        "MODULE_NAME": module,
        "NETWORK_INTERFACE_NAME": "lo",
        "NUM_CPUS": os.cpu_count() or 1,
        "NUM_GPUS": 0,
        "OUTPUT_DATA_DIR": str(paths.output_data),
        "OUTPUT_DIR": str(paths.output),
        "OUTPUT_INTERMEDIATE_DIR": str(paths.output / "intermediate"),
        "RESOURCE_CONFIG": resources,
        "USER_ARGS": command_line(parameters.user),
        "USER_ENTRY_POINT": parameters.program,
    }
    values["TRAINING_ENV"] = {name.lower(): value for name, value in values.items()} | {
        "channel_input_dirs": {name: str(paths.channel(name)) for name in channels},
        "hyperparameters": parameters.user,
        "is_master": True,
    }
    values |= {f"CHANNEL_{name.upper()}": str(paths.channel(name)) for name in channels}
    values |= {f"HP_{name.upper()}": value for name, value in parameters.user.items()}
    environment = {f"SM_{name}": _text(value) for name, value in values.items()}
    return environment | {
        "PYTHONPATH": str(paths.code),
        "SAGEMAKER_REGION": region,
        "TRAINING_JOB_ARN": str(job["TrainingJobArn"]),
        "TRAINING_JOB_NAME": str(job["TrainingJobName"]),
    }


def write_input_config(job: Document, paths: OptMl) -> None:
    """The JSON files below `input/config` that a container finds."""
    files = {
        "hyperparameters.json": job.get("HyperParameters", {}),
        "inputdataconfig.json": _input_data_config(job),
        "resourceconfig.json": _resource_config(job),
    }
    for name, content in files.items():
        (paths.input / "config" / name).write_text(json.dumps(content, sort_keys=True))


def _input_data_config(job: Document) -> Document:
    return {
        item["ChannelName"]: {
            "TrainingInputMode": item.get("InputMode", "File"),
            "S3DistributionType": item.get("DataSource", {})
            .get("S3DataSource", {})
            .get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": item.get("RecordWrapperType", "None"),
            "ContentType": item.get("ContentType", ""),
        }
        for item in job.get("InputDataConfig", [])
    }


def _resource_config(job: Document) -> Document:
    return {
        "current_host": HOST,
        "current_instance_type": job.get("ResourceConfig", {}).get("InstanceType", "local"),
        "hosts": [HOST],
        "network_interface_name": "lo",
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
