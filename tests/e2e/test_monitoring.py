"""The monitor on the embedded cloud: drift injected into what is recorded becomes a report, a decision, a request."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bellwether.domain.bundle import VersionFacts, reference_key
from bellwether.domain.capture import as_line
from cli import executions, monitor
from cli.target import Target
from localcloud.control import Cloud
from tests.builders import capture
from tests.e2e.flow import WAIT_SECONDS

pytestmark = pytest.mark.aws

MODEL = "housing"
SHA256 = "5a" * 32
REFERENCE = {
    "features": {"sqft_living": {"kind": "numeric", "edges": [2.0, 4.0, 6.0, 8.0], "counts": [2000] * 5}},
    "rows": 10_000,
}


@pytest.fixture
def bucket(target: Target) -> str:
    return target.output("DataBucketName")


@pytest.fixture
def in_service(target: Target, bucket: str) -> Iterator[None]:
    """A version of a model serves, as far as its pointer says."""
    facts = VersionFacts.model_validate({"drift_reference": REFERENCE, "metrics": {}})
    body = facts.model_dump_json().encode()
    target.client("s3").put_object(Bucket=bucket, Key=reference_key(MODEL, SHA256), Body=body)
    pointer = {
        "version": 1,
        "endpoint_config_name": "housing-v1",
        "model_package_arn": "arn:aws:sagemaker:us-east-1:000000000000:model-package/HousingPriceModels/1",
        "bundle_sha256": SHA256,
        "promoted_at": "2026-03-01T12:00:00Z",
    }
    name, ssm = f"/bellwether/{target.environment}/{MODEL}/current", target.client("ssm")
    ssm.put_parameter(Name=name, Value=json.dumps(pointer), Type="String", Overwrite=True)
    yield
    ssm.delete_parameter(Name=name)


def record(target: Target, bucket: str, *, shift: float) -> None:
    """Ninety requests of the last hours, one object as the capture function writes it."""
    import gzip

    rng, now = random.Random(shift), datetime.now(UTC)  # noqa: S311 - no secret
    lines = [
        as_line(
            capture(
                f"{shift}-{at}",
                model=MODEL,
                model_version=f"{MODEL}-{SHA256[:8]}",
                received_at=now - timedelta(seconds=at),
                input={"sqft_living": rng.uniform(0, 10) + shift},
                output=None,
                points=[],
            )
        )
        for at in range(90)
    ]
    body = gzip.compress("\n".join(lines).encode())
    for day in {now.date(), (now - timedelta(seconds=90)).date()}:
        key = f"captures/model={MODEL}/date={day.isoformat()}/{shift:.1f}.jsonl.gz"
        target.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def look(target: Target, *models: str) -> list[dict[str, Any]]:
    payload = {"models": list(models)} if models else {}
    arn = executions.start(target, target.output("MonitorModelsStateMachineArn"), payload)
    looks: list[dict[str, Any]] = executions.follow(target, arn, timeout_seconds=WAIT_SECONDS)["looks"]
    return looks


def trainings(target: Target) -> list[str]:
    """Names of the trainings that the monitor asked for."""
    listed = target.client("stepfunctions").list_executions(
        stateMachineArn=target.output("TrainModelStateMachineArn"), maxResults=100
    )
    return [each["name"] for each in listed["executions"] if each["name"].startswith(f"{MODEL}-drift-")]


@pytest.mark.usefixtures("in_service")
def test_drift_becomes_a_report_and_a_request(cloud: Cloud, target: Target, bucket: str, tmp_path: Any) -> None:
    # Given requests as those that were learned from; Then every model is looked at and nothing is found
    record(target, bucket, shift=0.0)
    quiet = {each["model"]: each for each in look(target)}
    assert (quiet[MODEL]["measured"], quiet[MODEL]["found"]) == (True, False)
    assert set(quiet) >= {"macro", "sentiment"}
    assert trainings(target) == []
    # When drift is injected; Then it is found, with pictures, and a training is asked for, whose policy decides
    record(target, bucket, shift=4.0)
    (found,) = look(target, MODEL)
    assert (found["found"], found["trigger"]) == (True, "drift")
    looked = monitor.fetch(target, found, folder=tmp_path)
    assert looked.report is not None
    assert [each.name for each in looked.report.drifted] == ["sqft_living"]
    assert looked.page is not None
    assert "Findings" in looked.page.read_text()
    assert len(trainings(target)) == 1
