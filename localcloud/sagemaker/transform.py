"""Batch transform: every input object through the model's own inference code."""

import gzip
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import PurePosixPath

from localcloud.sagemaker.artifacts import Artifacts, ModelSource
from localcloud.sagemaker.documents import Document, now
from localcloud.sagemaker.errors import JobError, ValidationError
from localcloud.sagemaker.foundation import Platform
from localcloud.sagemaker.jobs import Finish, JobDesk, ShutdownError, Work
from localcloud.sagemaker.models import Models
from localcloud.sagemaker.objects import S3Object, join_uri
from localcloud.sagemaker.workers import ModelServer, WorkerLoadError, WorkerLostError

_MEGABYTE = 1024 * 1024
_DEFAULT_PAYLOAD_MB = 6
_DEFAULT_INVOCATION_SECONDS = 600


class TransformJobs(JobDesk):
    """CreateTransformJob and its relatives."""

    title = "Transform"
    default_order = "Descending"
    summary_extras = ("FailureReason",)

    def __init__(self, platform: Platform, models: Models, artifacts: Artifacts) -> None:
        super().__init__(platform)
        self._models = models
        self._artifacts = artifacts
        self._servers: dict[str, ModelServer] = {}
        self._lock = threading.Lock()

    def check(self, request: Document) -> None:
        """The model has to exist; what the local server can't do is refused, not ignored."""
        self._models.get(request["ModelName"])
        processing = request.get("DataProcessing", {})
        if (
            processing.get("InputFilter", "$") != "$"
            or processing.get("OutputFilter", "$") != "$"
            or processing.get("JoinSource", "None") != "None"
        ):
            raise ValidationError("DataProcessing: the local SageMaker neither filters nor joins.")
        if request["TransformInput"].get("SplitType", "None") not in {"None", "Line"}:
            raise ValidationError("TransformInput.SplitType: the local SageMaker splits by Line or not at all.")
        if request["TransformInput"].get("CompressionType", "None") not in {"None", "Gzip"}:
            raise ValidationError("TransformInput.CompressionType: the local SageMaker reads None or Gzip.")

    def interrupt(self, name: str) -> None:
        """Don't wait for the request that is in the model."""
        with self._lock:
            server = self._servers.get(name)
        if server is not None:
            server.stop()

    def execute(self, work: Work) -> Finish:
        """Read, ask, write; one object after the other. An object that fails fails the job, after the others."""

        def begin(job: Document) -> None:
            job["TransformStartTime"] = now()

        self.edit(work.name, begin)
        source = self._source(work.job)
        server = ModelServer(lambda: self._artifacts.program(source), work.log)
        with self._lock:
            self._servers[work.name] = server
        try:
            server.load()
            failures = [reason for item in self._inputs(work.job) if (reason := self._transform(work, server, item))]
        except WorkerLoadError as error:
            raise JobError(f"AlgorithmError: See job logs for more information ({error})") from error
        except WorkerLostError as error:
            if work.signals.shutdown.is_set():
                raise ShutdownError from error
            if work.signals.stop.is_set():
                return Finish("Stopped")
            raise JobError(f"AlgorithmError: See job logs for more information ({error})") from error
        finally:
            with self._lock:
                self._servers.pop(work.name, None)
            server.stop()
        return Finish("Failed", failures[0]) if failures else Finish("Completed")

    def _source(self, job: Document) -> ModelSource:
        try:
            source = self._models.source(job["ModelName"])
        except ValidationError as error:
            raise JobError(f"ClientError: {error.message}") from error
        environment = {**source.environment, **job.get("Environment", {})}
        return ModelSource(source.model_data_url, source.etag, environment)

    def _inputs(self, job: Document) -> list[S3Object]:
        source = job["TransformInput"]["DataSource"]["S3DataSource"]
        find = (
            self.platform.objects.find_listed if source["S3DataType"] == "ManifestFile" else self.platform.objects.find
        )
        return find(source["S3Uri"])

    def _transform(self, work: Work, server: ModelServer, item: S3Object) -> str | None:
        """Write one object's answers; the reason when it failed."""
        job = work.job
        source, target = job["TransformInput"], job["TransformOutput"]
        content = self.platform.objects.read(f"s3://{item.bucket}/{item.key}")
        name = item.relative
        if source.get("CompressionType") == "Gzip":
            content = gzip.decompress(content)
            name = name.with_suffix("") if name.suffix == ".gz" else name
        limit_seconds = job.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", _DEFAULT_INVOCATION_SECONDS)
        answers: list[bytes] = []
        for payload in payloads(job, content):
            if work.signals.stop.is_set() or work.signals.shutdown.is_set():
                raise WorkerLostError("stopped")
            answer = server.ask(
                payload,
                source.get("ContentType", "application/octet-stream"),
                target.get("Accept", "application/json"),
                limit_seconds,
            )
            if answer.status != 200:
                whose = "ClientError" if answer.status < 500 else "AlgorithmError"
                message = answer.body.decode(errors="replace")
                work.log.write(f"{item.key}: {answer.status} {message}")
                return f"{whose}: See job logs for more information ({item.key}: {answer.status} {message})"
            answers.append(answer.body)
        folder = self.platform.configuration.job_folder("transform", work.name)
        written = folder / "answers"
        written.write_bytes(assemble(answers, target.get("AssembleWith", "None")))
        self.platform.objects.upload(written, _output_uri(target["S3OutputPath"], name))
        return None


def payloads(job: Document, content: bytes) -> Iterator[bytes]:
    """What goes to the model at once: everything, a line, or as many lines as fit into MaxPayloadInMB."""
    limit_bytes = job.get("MaxPayloadInMB", _DEFAULT_PAYLOAD_MB) * _MEGABYTE or None
    if job["TransformInput"].get("SplitType", "None") == "None":
        yield _within(content, limit_bytes)
        return
    lines = [line for line in BytesIO(content) if line.strip()]  # a lone carriage return ends no line
    if job.get("BatchStrategy", "MultiRecord") == "SingleRecord":
        for line in lines:
            yield _within(line.rstrip(b"\r\n"), limit_bytes)
        return
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and limit_bytes is not None and size + len(line) > limit_bytes:
            yield b"".join(batch)
            batch, size = [], 0
        batch.append(_within(line, limit_bytes))
        size += len(line)
    if batch:
        yield b"".join(batch)


def assemble(answers: list[bytes], how: str) -> bytes:
    """One output object: answers end to end, or each ended by a line end."""
    if how != "Line":
        return b"".join(answers)
    return b"".join(answer if answer.endswith(b"\n") else answer + b"\n" for answer in answers)


def _within(record: bytes, limit_bytes: int | None) -> bytes:
    if limit_bytes is not None and len(record) > limit_bytes:
        raise JobError(f"ClientError: a record of {len(record)} bytes exceeds MaxPayloadInMB")
    return record


def _output_uri(prefix: str, name: PurePosixPath) -> str:
    return join_uri(prefix, f"{name.as_posix()}.out")
