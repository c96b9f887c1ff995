"""A monitoring run of one model: report, decision, notification, retraining."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from bellwether.models.domain.bundle import VersionFacts, reference_key
from bellwether.models.domain.capture import Actual, CaptureRecord
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import Approval, CurrentVersion, RegisteredVersion
from bellwether.monitoring.adapters.monitor_pages import JinjaMonitorPages, p_value
from bellwether.monitoring.domain.accuracy import AccuracyState
from bellwether.monitoring.domain.drift import DriftState
from bellwether.monitoring.domain.monitor_report import MonitorReport
from bellwether.monitoring.usecases.measure_drift import Monitor, MonitorRequest, MonitorResult
from bellwether.shared.domain.decisions import Verdict
from bellwether.shared.domain.errors import BundleTamperedError, NotFoundError
from tests.builders import BUCKET, Bundle, actual, bundle, capture, package_arn
from tests.fakes.captures import InMemoryActualsStore, InMemoryCaptureStore
from tests.fakes.lifecycle import NOON, ArchivesByUri, InMemoryPromotions, InMemoryRegistry, StoppedClock
from tests.fakes.objects import InMemoryObjectStore

MODEL_URI = f"s3://{BUCKET}/models/housing/jobs/j/output/model.tar.gz"
REFERENCE = {
    "features": {
        "sqft": {"kind": "numeric", "edges": [2.0, 4.0, 6.0, 8.0], "counts": [2000] * 5},
        "town": {"kind": "categorical", "levels": {"north": 6000, "south": 4000}},
    },
    "prediction": {"prediction": {"kind": "numeric", "edges": [20.0, 40.0, 60.0, 80.0], "counts": [2000] * 5}},
    "rows": 10_000,
}
METRICS = {"n": 500, "rmse": 5.0, "mape": {"model": 0.1}, "bias": 0.0}


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret


def houses(count: int, *, shift: float = 0.0, error: float = 4.0, **changes: Any) -> list[CaptureRecord]:
    """So many houses asked about in February, each once."""
    rng, version = seeded(count), f"housing-{housing().sha256[:8]}"
    records = []
    for at in range(count):
        sqft = rng.uniform(0, 10) + shift
        predicted = 10 * sqft + rng.choice([-error, error])
        records.append(
            capture(
                f"r-{at}",
                **{
                    "model": "housing",
                    "model_version": version,
                    "received_at": NOON - timedelta(minutes=50 * at),
                    "entity_id": f"e-{at}",
                    "input": {"sqft": sqft, "town": rng.choice(["north"] * 3 + ["south"] * 2)},
                    "output": {
                        "prediction": predicted,
                        "interval": {"level": 0.8, "lower": predicted - 6.4, "upper": predicted + 6.4},
                    },
                    "points": [{"join_key": f"e-{at}", "prediction": predicted}],
                    **changes,
                },
            )
        )
    return records


def sold(records: Sequence[CaptureRecord]) -> list[Actual]:
    """Every house was sold for ten times its size."""
    return [
        actual(record.points[0].join_key, 10 * record.input["sqft"], model="housing", observed_at=NOON)
        for record in records
    ]


def housing(**changes: Any) -> Bundle:
    return bundle(**{"model": "housing", "target": "price", "drift_reference": REFERENCE, "metrics": METRICS} | changes)


def current(whole: Bundle) -> CurrentVersion:
    return CurrentVersion(
        version=3,
        endpoint_config_name="housing-v3",
        model_package_arn=package_arn(3),
        bundle_sha256=whole.sha256,
        promoted_at=NOON,
    )


class World:
    """A housing model in service, with what was asked of it and what came true."""

    def __init__(
        self, records: Sequence[CaptureRecord] = (), actuals: Sequence[Actual] = (), whole: Bundle | None = None
    ) -> None:
        whole = whole or housing()
        self.objects = InMemoryObjectStore()
        self.promotions = InMemoryPromotions()
        self.promotions.current["housing"] = current(whole)
        self.registry = InMemoryRegistry()
        self.registry.versions[package_arn(3)] = RegisteredVersion(
            package_arn(3), "HousingPriceModels", 3, Approval.APPROVED, MODEL_URI, {}
        )
        self.monitor = Monitor(
            bucket=BUCKET,
            objects=self.objects,
            captures=InMemoryCaptureStore(records),
            actuals=InMemoryActualsStore(actuals),
            current_versions=self.promotions,
            versions=self.registry,
            archives=ArchivesByUri({MODEL_URI: whole.tar()}),
            pages=JinjaMonitorPages(),
            clock=StoppedClock(),
        )

    def run(self, model: str = "housing") -> tuple[MonitorResult, MonitorReport]:
        result, report = self.monitor.run(MonitorRequest(model=model, request_id="run-1"))
        assert report is not None
        return result, report


def test_a_quiet_model_is_accepted_and_nobody_is_told() -> None:
    # Given 300 houses as those that were learned from, sold for about what was predicted
    records = houses(300)
    result, report = World(records, sold(records)).run()
    assert (result.found, result.trigger, report.findings) == (False, None, ())
    assert (report.drift.state, report.accuracy_state) == (DriftState.STABLE, AccuracyState.AS_EXPECTED)
    assert result.decision is not None
    assert (result.decision.verdict, result.decision.kind) == (Verdict.ACCEPTED, "monitor_model")
    assert [gate.name for gate in result.decision.gates] == ["drifted_columns", "rmse_ratio.prediction"]
    assert report.rmse_ratio == pytest.approx(0.8)
    assert report.estimate is not None
    assert report.estimate.mean_absolute_error == pytest.approx(3.98, abs=0.01)


def test_drift_is_told_and_a_training_asked_for() -> None:
    result, report = World(houses(300, shift=3.0)).run()
    assert {each.name for each in report.drifted} == {"sqft", "prediction"}
    assert (result.found, result.trigger) == (True, "drift")
    assert result.decision is not None
    assert result.decision.verdict is Verdict.REFUSED
    assert result.subject_line == "Bellwether: housing - 2 columns drifted"
    assert "sqft: distribution differs from training data" in result.message
    assert "trigger: drift" in result.message
    assert result.page_key in result.message
    # And that nothing has come true yet is said as such
    assert "prediction: 0 actuals so far, 12 more are needed" in report.remarks


def test_errors_above_what_was_promised_weigh_more_than_drift() -> None:
    records = houses(300, error=12.0)
    result, report = World(records, sold(records)).run()
    assert (result.trigger, report.is_inaccurate) == ("accuracy", True)
    assert "less accurate than in the backtest" in result.subject_line
    assert report.accuracy[0].rmse_ratio == pytest.approx(2.4)


def test_too_little_is_said_as_such_with_how_much_is_missing() -> None:
    result, report = World(houses(30)).run()
    assert (result.found, result.trigger) == (False, None)
    assert report.drift.state is DriftState.NOT_ENOUGH_DATA
    assert any("3 of 3 columns have too few rows: at least 20 more are needed" in each for each in report.remarks)
    assert result.decision is not None
    assert result.decision.gates == ()


def test_what_is_not_this_version_s_or_was_not_returned_is_not_judged() -> None:
    # Given shadows, answers of the version before, refusals and failures
    shadow = houses(60, variant="challenger", returned=False)
    older = [each.model_copy(update={"request_id": f"o-{at}"}) for at, each in enumerate(houses(70))]
    older = [each.model_copy(update={"model_version": "housing-0badcafe"}) for each in older]
    refused = [each.model_copy(update={"request_id": f"x-{at}"}) for at, each in enumerate(houses(7, status="refused"))]
    failed = [each.model_copy(update={"request_id": f"f-{at}"}) for at, each in enumerate(houses(5, status="failed"))]
    _, report = World([*shadow, *older, *refused, *failed], sold(older)).run()
    assert (report.answered, report.refused, report.failed, report.shadowed) == (70, 7, 5, 60)
    # Then inputs count whoever answered, predictions and errors only of the current version
    rows = {each.name: each.rows for each in report.drift.columns}
    assert rows == {"sqft": 70, "town": 70, "prediction": 0}
    assert report.accuracy[0].actuals == 0


def test_requests_before_the_window_count_for_accuracy_only() -> None:
    old = houses(40, received_at=NOON - timedelta(days=60))
    _, report = World(old, sold(old)).run()
    assert (report.answered, report.accuracy[0].actuals) == (0, 40)
    assert report.weeks[0].predictions == 40


def test_a_model_that_was_never_deployed_is_not_measured() -> None:
    world = World()
    result, report = world.monitor.run(MonitorRequest(model="sentiment", request_id="run-1"))
    assert (result.measured, result.found, result.decision, report) == (False, False, None, None)
    assert world.objects.keys() == []


def test_a_model_that_is_not_trained_here_is_not_trained_anew() -> None:
    world = World(houses(300, shift=3.0, model="sentiment"))
    world.promotions.current["sentiment"] = world.promotions.current["housing"]
    result, report = world.run("sentiment")
    assert report.is_drifted
    assert (result.found, result.trigger) == (True, None)


def test_an_unknown_model_is_not_looked_at() -> None:
    with pytest.raises(NotFoundError, match="weather"):
        World().monitor.run(MonitorRequest(model="weather", request_id="run-1"))


def test_facts_come_from_verification_or_once_from_the_bundle() -> None:
    # Given a version that was deployed before facts were kept; When it is looked at
    world = World(houses(60))
    world.run()
    # Then they are kept from then on
    key = reference_key("housing", housing().sha256)
    kept = VersionFacts.model_validate_json(world.objects.get(key).content)
    assert kept.metrics == METRICS
    # And the bundle is asked no more
    world.registry.versions.clear()
    world.run()


def test_facts_of_an_older_form_are_read_from_the_bundle() -> None:
    world = World(houses(60))
    world.objects.put(reference_key("housing", housing().sha256), b'{"features": {}, "rows": 3}')
    _, report = world.run()
    assert len(report.drift.columns) == 3


def test_a_bundle_that_is_not_the_promoted_one_is_refused() -> None:
    world = World()
    world.promotions.current["housing"] = current(housing(seed=8))
    with pytest.raises(BundleTamperedError):
        world.monitor.run(MonitorRequest(model="housing", request_id="run-1"))


def test_the_same_request_is_the_same_decision() -> None:
    first, again = World(houses(60)).run()[0], World(houses(60)).run()[0]
    assert first.decision is not None
    assert again.decision is not None
    assert first.decision.decision_id == again.decision.decision_id


def test_a_bundle_without_reference_is_said_to_have_none() -> None:
    whole = housing(drift_reference={}, metrics={})
    _, report = World(houses(60), whole=whole).run()
    assert report.drift.state is DriftState.NOT_MEASURED
    assert "drift is not measured: the bundle has no drift reference" in report.remarks
    assert "accuracy is not measured: this model's predictions have no join key for actuals" in report.remarks


# --- report and page --------------------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """What of a page a test looks at: void elements aside, every tag is closed; nothing is fetched from elsewhere."""

    VOID = frozenset({"meta", "br", "rect", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.addresses: list[str] = []
        self.pictures = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        self.pictures += tag == "svg" and ("role", "img") in attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_report_and_page_are_kept_by_day() -> None:
    records = houses(300, shift=3.0)
    world = World(records, sold(records))
    result, report = world.run()
    assert result.report_key == "monitoring/housing/date=2026-03-01/report.json"
    assert MonitorReport.model_validate_json(world.objects.get(result.report_key).content) == report
    page = _Page()
    page.feed(world.objects.get(result.page_key).content.decode())
    assert (page.open, page.addresses) == ([], [])
    assert page.pictures == 4  # three columns, and errors by week
    text = " ".join(page.text)
    assert "2 of 3 columns drifted" in text
    assert "Findings" in text


def test_the_page_says_when_there_is_nothing_to_say() -> None:
    for records in ((), houses(5)):
        result, _ = (world := World(records)).run()
        assert b"Not enough data yet" in world.objects.get(result.page_key).content


def test_what_callers_sent_is_no_markup() -> None:
    hostile = {"kind": "categorical", "levels": {"<script>alert(1)</script>": 5000, "b": 5000}}
    whole = housing(drift_reference={"features": {"<b>x</b>": hostile}, "rows": 10_000})
    world = World(houses(60), whole=whole)
    result, _ = world.run()
    page = world.objects.get(result.page_key).content
    assert b"<script>" not in page
    assert b"<b>x" not in page


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.25, "0.250"), (3.2e-6, "3.2 × 10⁻⁶"), (0.0, "< 1.0 × 10⁻³⁰⁰")]
)
def test_p_values_are_written_as_people_do(value: float | None, text: str) -> None:
    assert p_value(value) == text


def test_windows_are_whole_days_of_the_model_s_policy() -> None:
    _, report = World().run()
    policy = model_spec("housing").monitor
    assert report.since == datetime(2026, 3, 1, tzinfo=UTC) - timedelta(days=policy.window_days)
    assert report.accuracy_since == datetime(2026, 3, 1, tzinfo=UTC) - timedelta(days=policy.accuracy_days)
