"""Training jobs: a script-mode container's contract, carried out by a process."""

import math
import re
from pathlib import Path
from typing import Any

from localcloud.sagemaker import archives, container
from localcloud.sagemaker.container import OptMl
from localcloud.sagemaker.documents import Document, now
from localcloud.sagemaker.errors import JobError, ValidationError
from localcloud.sagemaker.job_process import Ending, Interruption, Program, run
from localcloud.sagemaker.jobs import Finish, JobDesk, ShutdownError, Work
from localcloud.sagemaker.objects import join_uri

_MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}
_REASON_CHARACTERS = 900  # of 1024, so that the exit code still fits behind it
_DEFAULT_MAX_RUNTIME_SECONDS = 86_400


class TrainingJobs(JobDesk):
    """CreateTrainingJob and its relatives."""

    title = "Training"
    summary_extras = ("SecondaryStatus",)

    def check(self, request: Document) -> None:
        """One host and gzip are what this server can do."""
        if request.get("ResourceConfig", {}).get("InstanceCount", 1) != 1:
            raise ValidationError("ResourceConfig.InstanceCount: the local SageMaker runs one host.")
        if request.get("OutputDataConfig", {}).get("CompressionType", "GZIP") != "GZIP":
            raise ValidationError("OutputDataConfig.CompressionType: the local SageMaker writes GZIP only.")

    def initial(self, request: Document) -> Document:
        """A job starts as Starting, with nothing to show."""
        del request
        job: Document = {"SecondaryStatusTransitions": [], "ModelArtifacts": {"S3ModelArtifacts": ""}}
        self.enter(job, "Starting")
        return job

    def enter(self, job: Document, status: str) -> None:
        """Close the transition before and open the next."""
        moment = now()
        transitions = job["SecondaryStatusTransitions"]
        if transitions and "EndTime" not in transitions[-1]:
            transitions[-1]["EndTime"] = moment
        transition = {"Status": status, "StartTime": moment, "StatusMessage": _MESSAGES[status]}
        if status in {"Completed", "Failed", "Stopped", "MaxRuntimeExceeded"}:
            transition["EndTime"] = moment
        transitions.append(transition)
        job["SecondaryStatus"] = status
        if status == "Failed" and job.get("FailureReason"):
            transition["StatusMessage"] = job["FailureReason"]

    def execute(self, work: Work) -> Finish:
        """Download, run, upload."""
        configuration = self.platform.configuration
        paths = OptMl(configuration.job_folder("training", work.name) / "opt" / "ml")
        paths.create()
        parameters = container.decode_hyperparameters(work.job.get("HyperParameters", {}))
        self._enter_stage(work, "Downloading", started=True)
        self._download(work.job, paths, parameters)
        container.write_input_config(work.job, paths)
        self._enter_stage(work, "Training")
        environment = {
            **container.base_environment(
                paths.root.parent.parent, configuration.interpreter, configuration.s3_url, configuration.region
            ),
            **container.training_environment(work.job, paths, parameters, configuration.region),
            **work.job.get("Environment", {}),
        }
        metrics = Metrics(work.job.get("AlgorithmSpecification", {}).get("MetricDefinitions", []))
        began = now()
        ending = run(
            Program(
                interpreter=configuration.interpreter,
                arguments=[
                    str(configuration.interpreter),
                    *_entry_point(paths, parameters.program),
                    *container.command_line(parameters.user),
                ],
                environment=environment,
                folder=paths.code,
            ),
            work.log,
            work.signals,
            limit_seconds=work.job["StoppingCondition"].get("MaxRuntimeInSeconds", _DEFAULT_MAX_RUNTIME_SECONDS),
            grace_seconds=configuration.stop_grace_seconds,
            on_line=metrics.read,
        )
        seconds = max(1, round(now() - began))
        fields = {
            "TrainingTimeInSeconds": seconds,
            "BillableTimeInSeconds": seconds,
            "FinalMetricDataList": metrics.final() or None,
        }
        if ending.interruption is Interruption.SHUTDOWN:
            raise ShutdownError
        return self._conclude(work, paths, ending, fields)

    def _conclude(self, work: Work, paths: OptMl, ending: Ending, fields: Document) -> Finish:
        output = join_uri(work.job["OutputDataConfig"]["S3OutputPath"], work.name, "output")
        if ending.exit_status != 0 and ending.interruption is None:
            if any(paths.output_data.iterdir()):
                self._upload(paths.output_data, join_uri(output, "output.tar.gz"))
            return Finish("Failed", failure_reason(ending, paths.failure_file), fields=fields)
        if ending.interruption is None:
            self._enter_stage(work, "Uploading")
        artifacts = join_uri(output, "model.tar.gz")
        self._upload(paths.model, artifacts)
        self._upload(paths.output_data, join_uri(output, "output.tar.gz"))
        fields["ModelArtifacts"] = {"S3ModelArtifacts": artifacts}
        match ending.interruption:
            case None:
                return Finish("Completed", fields=fields)
            case Interruption.TIME_LIMIT:
                return Finish("Stopped", detail="MaxRuntimeExceeded", fields=fields)
            case _:
                return Finish("Stopped", fields=fields)

    def _download(self, job: Document, paths: OptMl, parameters: container.HyperParameters) -> None:
        objects = self.platform.objects
        for channel in job.get("InputDataConfig", []):
            if channel.get("InputMode", "File") == "Pipe":
                raise JobError(
                    f"ClientError: channel {channel['ChannelName']}: input mode Pipe is not available locally"
                )
            source = channel.get("DataSource", {}).get("S3DataSource")
            if source is None or source["S3DataType"] not in {"S3Prefix", "ManifestFile"}:
                raise JobError(
                    f"ClientError: channel {channel['ChannelName']}: only S3Prefix and ManifestFile run locally"
                )
            find = objects.find if source["S3DataType"] == "S3Prefix" else objects.find_listed
            folder = paths.channel(channel["ChannelName"])
            folder.mkdir(parents=True, exist_ok=True)
            for item in find(source["S3Uri"]):
                objects.download(item, folder)
        archive = paths.root / "sourcedir.tar.gz"
        archive.write_bytes(objects.read(parameters.submit_directory))
        archives.unpack(archive, paths.code)
        if not (paths.code / parameters.program).is_file():
            raise JobError(f"AlgorithmError: no such file in the submitted sources: {parameters.program}, exit code: 1")

    def _upload(self, folder: Path, uri: str) -> None:
        archive = folder.with_name(f"{folder.name}.tar.gz")
        archives.pack(folder, archive)
        self.platform.objects.upload(archive, uri)

    def _enter_stage(self, work: Work, stage: str, *, started: bool = False) -> None:
        if work.signals.shutdown.is_set():
            raise ShutdownError

        def change(job: Document) -> None:
            if started:
                job["TrainingStartTime"] = now()
            if job["TrainingJobStatus"] == "InProgress":  # a Stopping job keeps saying so
                self.enter(job, stage)

        self.edit(work.name, change)


def _entry_point(paths: OptMl, program: str) -> list[str]:
    """As the container does: a folder with a setup.py is a package whose module is run, else the file is."""
    if (paths.code / "setup.py").is_file():
        return ["-m", program.removesuffix(".py")]
    return [program]


def failure_reason(ending: Ending, failure_file: Path) -> str:
    """FailureReason as AWS words it: what the script left in the failure file, else the end of its standard error."""
    text = failure_file.read_text(errors="replace").strip() if failure_file.is_file() else ""
    if not text:
        text = f'ExecuteUserScriptError:\nExitCode {ending.exit_status}\nErrorMessage "{ending.errors[-600:]}"'
    return f"AlgorithmError: {text[:_REASON_CHARACTERS]}, exit code: {ending.exit_status}"


class Metrics:
    """The last value of each metric that a job's MetricDefinitions find in its output."""

    def __init__(self, definitions: list[dict[str, Any]]) -> None:
        self._patterns = [(item["Name"], re.compile(item["Regex"])) for item in definitions if _compiles(item["Regex"])]
        self._found: dict[str, Document] = {}

    def read(self, line: str) -> None:
        """Look for metrics in one line of output."""
        for name, pattern in self._patterns:
            match = pattern.search(line)
            if match and match.groups():
                try:
                    value = float(match[1])
                except ValueError:
                    continue
                if not math.isfinite(value):
                    continue
                self._found[name] = {"MetricName": name, "Value": value, "Timestamp": now()}

    def final(self) -> list[Document]:
        """FinalMetricDataList."""
        return list(self._found.values())


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
