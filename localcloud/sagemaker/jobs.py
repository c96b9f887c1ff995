"""What training, transform and processing jobs have in common: names, statuses, events, stop, end, restart."""

import logging
import os
import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from localcloud.sagemaker.documents import Document, now, public, to_milliseconds, with_times
from localcloud.sagemaker.errors import JobError, ResourceInUseError, ValidationError
from localcloud.sagemaker.foundation import Platform
from localcloud.sagemaker.job_process import Signals
from localcloud.sagemaker.listing import Listing, page
from localcloud.sagemaker.logs import LogSink
from localcloud.sagemaker.model import check_request, described
from localcloud.sagemaker.store import AlreadyThereError

logger = logging.getLogger(__name__)

_REASON_CHARACTERS = 1024  # the API's limit on FailureReason
_SHUTDOWN_REASON = "InternalServerError: the local SageMaker was stopped while the job was running"


@dataclass(frozen=True)
class Finish:
    """How a job ended. `detail` is more precise than `status` where AWS knows more (MaxRuntimeExceeded)."""

    status: str
    reason: str | None = None
    detail: str | None = None
    fields: Document = field(default_factory=dict)


class ShutdownError(Exception):
    """The server ends; the job goes with it."""


@dataclass(frozen=True)
class Work:
    """A job that is running: its name, its document at the start, its log, and who may interrupt it."""

    name: str
    job: Document
    log: LogSink
    signals: Signals


class JobDesk(ABC):
    """Takes, runs, describes, lists and stops the jobs of one kind. Each job runs in a thread of its own."""

    title: ClassVar[str]  # Training, Transform, Processing: the API's fields and operations are named after it
    default_order: ClassVar[str] = "Ascending"
    summary_extras: ClassVar[tuple[str, ...]] = ()

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._slots = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))
        self._running: dict[str, tuple[Signals, threading.Thread]] = {}

    # --- what the kinds add

    def check(self, request: Document) -> None:
        """Refuse what this kind can't do. Raises ValidationError."""
        del request

    def initial(self, request: Document) -> Document:
        """Fields of a new job beyond those that every kind has."""
        del request
        return {}

    @abstractmethod
    def execute(self, work: Work) -> Finish:
        """Do the work. Raises JobError when it fails, ShutdownError when the server ends."""

    def interrupt(self, name: str) -> None:
        """Called when somebody stops the job, besides the signal."""
        del name

    def enter(self, job: Document, status: str) -> None:
        """Called on the document whenever the job enters a status or one of its stages."""
        del job, status

    # --- operations

    def create(self, request: Document) -> Document:
        """Create…Job: the job is InProgress at once and runs in the background."""
        check_request(f"Create{self.title}Job", request)
        self.check(request)
        name = request[self.name_field]
        moment = now()
        job = described(f"Describe{self.title}Job", request) | {
            self.arn_field: self._arn(name),
            self.status_field: "InProgress",
            "CreationTime": moment,
            "LastModifiedTime": moment,
            **self.initial(request),
        }
        try:
            self.platform.store.insert(self.kind, name, job)
        except AlreadyThereError as error:
            raise ResourceInUseError(
                f"{self.title} job names must be unique within an AWS account and region, and a {self.title.lower()} "
                f"job with this name already exists ({self._arn(name)})"
            ) from error
        self.platform.tags.add(self._arn(name), request.get("Tags"))
        self._tell(job)
        signals = Signals()
        thread = threading.Thread(target=self._run, args=(name, signals), name=f"{self.kind}-{name}", daemon=True)
        self._running[name] = (signals, thread)
        thread.start()
        return {self.arn_field: self._arn(name)}

    def describe(self, request: Document) -> Document:
        """Describe…Job."""
        check_request(f"Describe{self.title}Job", request)
        return public(self._get(request[self.name_field]))

    def list(self, request: Document) -> Document:
        """List…Jobs."""
        check_request(f"List{self.title}Jobs", request)
        listing = Listing(
            result=f"{self.title}JobSummaries",
            name=self.name_field,
            fields=(
                self.name_field,
                self.arn_field,
                "CreationTime",
                f"{self.title}EndTime",
                "LastModifiedTime",
                self.status_field,
                *self.summary_extras,
            ),
            status=self.status_field,
            order=self.default_order,
        )
        return page(listing, self.platform.store.all(self.kind), request)

    def stop(self, request: Document) -> Document:
        """Stop…Job: Stopping now, Stopped when the program has ended."""
        check_request(f"Stop{self.title}Job", request)
        name = request[self.name_field]
        status = self._get(name)[self.status_field]
        if status not in {"InProgress", "Stopping"}:
            raise ValidationError(
                f"The request was rejected because the {self.title.lower()} job is in status {status}."
            )
        self._change(name, lambda job: self._enter(job, "Stopping"), only_if="InProgress")
        running = self._running.get(name)
        if running is not None:
            running[0].stop.set()
            self.interrupt(name)
        return {}

    # --- life of the server

    def recover(self) -> None:
        """After a start: jobs that ran when the server ended can't go on."""
        for job in self.platform.store.all(self.kind):
            if job[self.status_field] == "InProgress":
                self._finish(job[self.name_field], Finish("Failed", _SHUTDOWN_REASON))
            elif job[self.status_field] == "Stopping":
                self._finish(job[self.name_field], Finish("Stopped"))

    def shut_down(self, grace_seconds: float) -> None:
        """End every running job as Failed and wait for that."""
        running = dict(self._running)
        for name, (signals, _) in running.items():
            signals.shutdown.set()
            self.interrupt(name)
        for _, thread in running.values():
            thread.join(grace_seconds)

    # --- helpers for the kinds

    @property
    def kind(self) -> str:
        """As in ARNs: `training-job`."""
        return f"{self.title.lower()}-job"

    @property
    def name_field(self) -> str:
        """`TrainingJobName`."""
        return f"{self.title}JobName"

    @property
    def arn_field(self) -> str:
        """`TrainingJobArn`."""
        return f"{self.title}JobArn"

    @property
    def status_field(self) -> str:
        """`TrainingJobStatus`."""
        return f"{self.title}JobStatus"

    def edit(self, name: str, change: Callable[[Document], None]) -> None:
        """Change the job's document and tell it as an event."""
        self._change(name, change)

    # --- inside

    def _run(self, name: str, signals: Signals) -> None:
        try:
            if self._take_slot(signals):
                try:
                    finish = self._work(name, signals)
                finally:
                    self._slots.release()
            else:
                finish = self._interrupted(signals)
            self._finish(name, finish)
        finally:
            self._running.pop(name, None)

    def _work(self, name: str, signals: Signals) -> Finish:
        folder = self.platform.configuration.job_folder(self.title.lower(), name)
        group, stream = f"/aws/sagemaker/{self.title}Jobs", f"{name}/algo-1-{int(now())}"
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            with self.platform.open_log(self.title.lower(), name, group, stream) as log:
                finish = self._execute(Work(name, self._get(name), log, signals))
        except Exception as error:  # the server must answer for every job, whatever went wrong
            logger.exception("job broke: %s %s", self.kind, name)
            return Finish("Failed", f"InternalServerError: {type(error).__name__}: {error}")
        if finish.status != "Failed":
            shutil.rmtree(folder, ignore_errors=True)  # a failed job's folder stays, to be looked at
        return finish

    def _execute(self, work: Work) -> Finish:
        try:
            if work.signals.shutdown.is_set() or work.signals.stop.is_set():
                return self._interrupted(work.signals)
            return self.execute(work)
        except JobError as error:
            if work.signals.shutdown.is_set():
                return Finish("Failed", _SHUTDOWN_REASON)
            work.log.write(f"job failed: {error}")
            return Finish("Failed", str(error))
        except ShutdownError:
            return Finish("Failed", _SHUTDOWN_REASON)

    def _take_slot(self, signals: Signals) -> bool:
        while not self._slots.acquire(timeout=0.2):
            if signals.stop.is_set() or signals.shutdown.is_set():
                return False
        return True

    def _interrupted(self, signals: Signals) -> Finish:
        return Finish("Failed", _SHUTDOWN_REASON) if signals.shutdown.is_set() else Finish("Stopped")

    def _finish(self, name: str, finish: Finish) -> None:
        def end(job: Document) -> None:
            job.update(finish.fields)
            moment = now()
            if finish.reason:
                job["FailureReason"] = finish.reason[:_REASON_CHARACTERS]
            if f"{self.title}StartTime" in job:
                job[f"{self.title}EndTime"] = moment
            job[self.status_field] = finish.status
            self.enter(job, finish.detail or finish.status)

        self._change(name, end)

    def _enter(self, job: Document, status: str) -> None:
        job[self.status_field] = status
        self.enter(job, status)

    def _change(self, name: str, change: Callable[[Document], None], only_if: str | None = None) -> None:
        changed = False

        def edit(job: Document) -> None:
            nonlocal changed
            if only_if is None or job[self.status_field] == only_if:
                change(job)
                job["LastModifiedTime"] = now()
                changed = True

        job = self.platform.store.change(self.kind, name, edit)
        if changed:
            self._tell(job)

    def _tell(self, job: Document) -> None:
        arn = job[self.arn_field]
        detail = with_times(public(job), to_milliseconds) | {"Tags": self.platform.tags.of(arn)}
        self.platform.events.publish(f"SageMaker {self.title} Job State Change", arn, detail)

    def _get(self, name: str) -> Document:
        job = self.platform.store.get(self.kind, name)
        if job is None:
            if self.title == "Training":
                raise ValidationError("Requested resource not found.")
            raise ValidationError(f"Could not find requested job with name: {name}")
        return job

    def _arn(self, name: str) -> str:
        return self.platform.configuration.arn(self.kind, name)
