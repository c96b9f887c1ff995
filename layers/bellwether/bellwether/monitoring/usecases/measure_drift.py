"""Measure drift and accuracy of one model's recent predictions, and decide what follows."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bellwether.models.domain.bundle import MANIFEST_FILE, VersionFacts, reference_key, verify
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import CurrentVersion
from bellwether.models.domain.specs import ModelSpec
from bellwether.models.ports.actuals import Actuals
from bellwether.models.ports.bundle_archives import BundleArchives
from bellwether.models.ports.captures import CaptureLog
from bellwether.models.ports.registry import CurrentVersions, RegisteredVersions
from bellwether.monitoring.domain.monitor_decision import decision_of, retraining_trigger
from bellwether.monitoring.domain.monitor_mail import message, subject_line
from bellwether.monitoring.domain.monitor_report import MonitorReport
from bellwether.monitoring.domain.report_builder import ReportBuilder, Window
from bellwether.monitoring.ports.monitor_pages import MonitorPages
from bellwether.shared.domain.decisions import Decision
from bellwether.shared.domain.errors import NotFoundError
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore


class MonitorRequest(BaseModel):
    """The model to monitor. `request_id` identifies the run: a retry has the same one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    request_id: Annotated[str, Field(min_length=1, max_length=200)]


class MonitorResult(BaseModel):
    """Result of a run. `measured` is False if no version is in service; `found` says whether there are findings.

    `trigger` is the reason for retraining, None if none is requested.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    measured: bool
    found: bool = False
    trigger: str | None = None
    decision: Decision | None = None
    report_key: str = ""
    page_key: str = ""
    subject_line: str = ""
    message: str = ""


@dataclass(frozen=True)
class Monitor:
    """What a monitoring run reads, and where it writes its report."""

    bucket: str
    objects: ObjectStore
    captures: CaptureLog
    actuals: Actuals
    current_versions: CurrentVersions
    versions: RegisteredVersions
    archives: BundleArchives
    pages: MonitorPages
    clock: Clock

    def run(self, request: MonitorRequest) -> tuple[MonitorResult, MonitorReport | None]:
        """Measure, and store report and page; a later run of the same day replaces them.

        Raises NotFoundError for an unknown model, BundleTamperedError for a bundle that is not the promoted one.
        """
        spec = model_spec(request.model)
        current = self.current_versions.get(spec.name)
        if current is None:
            return MonitorResult(model=spec.name, measured=False, message="no version of it is in service"), None
        report = self._report(spec, current)
        folder = f"monitoring/{spec.name}/date={report.measured_at.date().isoformat()}"
        report_key, page_key = f"{folder}/report.json", f"{folder}/report.html"
        self.objects.put(report_key, report.model_dump_json(indent=1).encode(), content_type="application/json")
        self.objects.put(page_key, self.pages.render(report), content_type="text/html; charset=utf-8")
        trigger = retraining_trigger(spec, report)
        result = MonitorResult(
            model=spec.name,
            measured=True,
            found=bool(report.findings),
            trigger=trigger,
            decision=decision_of(report, key=request.request_id, report_key=report_key),
            report_key=report_key,
            page_key=page_key,
            subject_line=subject_line(report),
            message=message(report, page_uri=f"s3://{self.bucket}/{page_key}", trigger=trigger),
        )
        return result, report

    def _report(self, spec: ModelSpec, current: CurrentVersion) -> MonitorReport:
        window = _window(spec, self.clock.now())
        recorded = ReportBuilder(spec, window, spec.model_version(current.bundle_sha256))
        until = window.now + timedelta(microseconds=1)
        recorded.take(self.captures.read(spec.name, since=min(window.since, window.accuracy_since), until=until))
        actuals = self.actuals.read(spec.name, since=window.accuracy_since)
        return recorded.report(self._facts(spec, current), actuals, current.version)

    def _facts(self, spec: ModelSpec, current: CurrentVersion) -> VersionFacts:
        """As verification left them; from the bundle itself, once, where they are missing or of an older form."""
        key = reference_key(spec.name, current.bundle_sha256)
        with suppress(NotFoundError, ValidationError):
            return VersionFacts.model_validate_json(self.objects.get(key).content)
        registered = self.versions.describe(current.model_package_arn)
        archive = self.archives.read(registered.model_data_url, keep=frozenset({MANIFEST_FILE}))
        bundle = verify(archive, current.bundle_sha256)
        facts = VersionFacts(drift_reference=bundle.drift_reference, metrics=bundle.metrics)
        self.objects.put(key, facts.model_dump_json().encode(), content_type="application/json")
        return facts


def _window(spec: ModelSpec, now: datetime) -> Window:
    """Whole days, so that a later run of the same day reads the same records and more."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    policy = spec.monitor
    return Window(
        now=now,
        since=today - timedelta(days=policy.window_days),
        accuracy_since=today - timedelta(days=policy.accuracy_days),
    )
