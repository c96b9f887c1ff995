"""Champion, challenger, and what was captured of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bellwether.models.domain.capture import Actual, CaptureRecord, Point, Status, Variant
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import CurrentVersion
from bellwether.models.domain.experiment import Decider, Experiment, Mode
from tests.builders import package_arn

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
SPEC = model_spec("housing")
CHAMPION_SHA256, CHALLENGER_SHA256 = "a" * 64, "b" * 64
EXPERIMENT_ID = "housing-v3-0badcafe"


def current(version: int = 2, **changes: Any) -> CurrentVersion:
    """The champion's pointer; promoted long ago, with version 1 before it."""
    return CurrentVersion(
        version=version,
        previous_version=version - 1 or None,
        endpoint_config_name=SPEC.artifact_name(version, CHAMPION_SHA256),
        model_package_arn=package_arn(version),
        bundle_sha256=CHAMPION_SHA256,
        promoted_at=NOON - timedelta(days=30),
    ).model_copy(update=changes)


def experiment(**changes: Any) -> Experiment:
    """Version 3 beside version 2 for two weeks, everybody shadowed, a person decides."""
    return Experiment(
        experiment_id=EXPERIMENT_ID,
        model=SPEC.name,
        mode=Mode.SHADOW,
        share=1.0,
        decider=Decider.PERSON,
        champion_version=2,
        challenger_version=3,
        challenger_endpoint_name=SPEC.challenger_endpoint_name,
        challenger_config_name=SPEC.artifact_name(3, CHALLENGER_SHA256),
        challenger_bundle_sha256=CHALLENGER_SHA256,
        started_at=NOON,
        ends_at=NOON + timedelta(days=14),
    ).model_copy(update=changes)


def record(
    number: int, variant: Variant = Variant.CHAMPION, prediction: float | None = None, **changes: Any
) -> CaptureRecord:
    """The answer to request `number` about the thing of that number, a second after the one before."""
    sha256 = CHALLENGER_SHA256 if variant is Variant.CHALLENGER else CHAMPION_SHA256
    return CaptureRecord(
        request_id=f"request-{number}",
        model=SPEC.name,
        variant=variant,
        experiment_id=EXPERIMENT_ID,
        model_version=SPEC.model_version(sha256),
        entity_id=f"house-{number}",
        received_at=NOON + timedelta(seconds=number),
        latency_ms=100.0,
        status=Status.ANSWERED,
        points=() if prediction is None else (Point(join_key=f"house-{number}", prediction=prediction),),
    ).model_copy(update=changes)


def actual(number: int, value: float = 100.0, **changes: Any) -> Actual:
    """What came true of thing `number`, in the order of the numbers."""
    return Actual(
        model=SPEC.name, join_key=f"house-{number}", value=value, observed_at=LATER + timedelta(seconds=number)
    ).model_copy(update=changes)


def shadowed(count: int, *, champion: float, challenger: float) -> tuple[list[CaptureRecord], list[Actual]]:
    """Both versions on the same things, each off by so much up or down, and by a little that differs from both."""
    records = []
    for number in range(count):
        wobble = (number * 7919 % 13) / 100
        records.append(record(number, prediction=100 + (champion + wobble) * (-1) ** number))
        records.append(record(number, Variant.CHALLENGER, 100 + challenger + wobble / 2, returned=False))
    return records, [actual(number) for number in range(count)]
