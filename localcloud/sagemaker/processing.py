"""Processing jobs: a script with inputs and outputs.

In the container they lie below `/opt/ml`; here that is `<job folder>/opt/ml`, and `/opt/ml` is replaced by it wherever
it occurs in the entry point, the arguments and the environment. A script that has `/opt/ml` written into its code
takes the folder from the variable OPT_ML_DIR instead.
"""

import json
import shutil
from pathlib import Path

from localcloud.sagemaker.container import HOST, base_environment
from localcloud.sagemaker.documents import Document, now
from localcloud.sagemaker.errors import JobError, ValidationError
from localcloud.sagemaker.job_process import Ending, Interruption, Program, run
from localcloud.sagemaker.jobs import Finish, JobDesk, ShutdownError, Work

_OPT_ML = "/opt/ml"
_DEFAULT_MAX_RUNTIME_SECONDS = 86_400
_MESSAGE_CHARACTERS = 1024


class ProcessingJobs(JobDesk):
    """CreateProcessingJob and its relatives."""

    title = "Processing"
    summary_extras = ("FailureReason", "ExitMessage")

    def check(self, request: Document) -> None:
        """An entry point is needed: there is no image here that could have one of its own."""
        if not request["AppSpecification"].get("ContainerEntrypoint"):
            raise ValidationError("AppSpecification.ContainerEntrypoint: the local SageMaker needs one.")
        if request["ProcessingResources"]["ClusterConfig"]["InstanceCount"] != 1:
            raise ValidationError("ProcessingResources.ClusterConfig.InstanceCount: the local SageMaker runs one host.")
        for item in request.get("ProcessingInputs", []):
            if "S3Input" not in item or not item["S3Input"].get("LocalPath", "").startswith(_OPT_ML):
                raise ValidationError(
                    "ProcessingInputs: the local SageMaker takes S3Input with a LocalPath in /opt/ml."
                )
        for item in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
            if "S3Output" not in item or not item["S3Output"].get("LocalPath", "").startswith(_OPT_ML):
                raise ValidationError("Outputs: the local SageMaker takes S3Output with a LocalPath in /opt/ml.")

    def execute(self, work: Work) -> Finish:
        """Download the inputs, run, upload the outputs."""

        def begin(job: Document) -> None:
            job["ProcessingStartTime"] = now()

        self.edit(work.name, begin)
        configuration = self.platform.configuration
        root = configuration.job_folder("processing", work.name) / "opt" / "ml"
        self._prepare(work.job, root)
        specification = work.job["AppSpecification"]
        arguments = [
            item.replace(_OPT_ML, str(root))
            for item in [*specification["ContainerEntrypoint"], *specification.get("ContainerArguments", [])]
        ]
        if Path(arguments[0]).name in {"python", "python3"}:
            arguments[0] = str(configuration.interpreter)
        elif shutil.which(arguments[0]) is None:
            raise JobError(f"AlgorithmError: no such program: {arguments[0]}, exit code: 127")
        environment = {
            **base_environment(
                root.parent.parent, configuration.interpreter, configuration.s3_url, configuration.region
            ),
            "OPT_ML_DIR": str(root),
            "PROCESSING_JOB_ARN": str(work.job["ProcessingJobArn"]),
            "PROCESSING_JOB_NAME": work.name,
            **{name: value.replace(_OPT_ML, str(root)) for name, value in work.job.get("Environment", {}).items()},
        }
        ending = run(
            Program(configuration.interpreter, arguments, environment, root),
            work.log,
            work.signals,
            limit_seconds=work.job.get("StoppingCondition", {}).get(
                "MaxRuntimeInSeconds", _DEFAULT_MAX_RUNTIME_SECONDS
            ),
            grace_seconds=configuration.stop_grace_seconds,
        )
        if ending.interruption is Interruption.SHUTDOWN:
            raise ShutdownError
        return self._conclude(work.job, root, ending)

    def _prepare(self, job: Document, root: Path) -> None:
        objects = self.platform.objects
        for item in job.get("ProcessingInputs", []):
            source = item["S3Input"]
            folder = _local(source["LocalPath"], root)
            folder.mkdir(parents=True, exist_ok=True)
            find = objects.find_listed if source.get("S3DataType") == "ManifestFile" else objects.find
            for found in find(source["S3Uri"]):
                objects.download(found, folder)
        for item in job.get("ProcessingOutputConfig", {}).get("Outputs", []):
            _local(item["S3Output"]["LocalPath"], root).mkdir(parents=True, exist_ok=True)
        for folder in (root / "config", root / "output"):
            folder.mkdir(parents=True, exist_ok=True)
        (root / "config" / "processingjobconfig.json").write_text(json.dumps(job, sort_keys=True))
        (root / "config" / "resourceconfig.json").write_text(json.dumps({"current_host": HOST, "hosts": [HOST]}))

    def _conclude(self, job: Document, root: Path, ending: Ending) -> Finish:
        message_file = root / "output" / "message"
        message = message_file.read_text(errors="replace") if message_file.is_file() else ""
        fields: Document = {"ExitMessage": message[:_MESSAGE_CHARACTERS]} if message else {}
        if ending.exit_status != 0 and ending.interruption is None:
            text = message.strip() or ending.errors[-600:]
            return Finish("Failed", f"AlgorithmError: {text[:900]}, exit code: {ending.exit_status}", fields=fields)
        for item in job.get("ProcessingOutputConfig", {}).get("Outputs", []):
            target = item["S3Output"]
            self.platform.objects.upload_folder(_local(target["LocalPath"], root), target["S3Uri"])
        return Finish("Completed" if ending.interruption is None else "Stopped", fields=fields)


def _local(path: str, root: Path) -> Path:
    local = root / path.removeprefix(_OPT_ML).lstrip("/")
    if not local.resolve().is_relative_to(root.resolve()):
        raise JobError(f"ClientError: path leaves /opt/ml: {path}")
    return local
