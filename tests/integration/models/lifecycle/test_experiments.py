"""Champion and challenger through the functions as they are, on AWS as moto knows it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bellwether.models.adapters.ssm import SsmPromotions
from bellwether.models.domain.capture import Actual, CaptureRecord, Point, Status, Variant
from bellwether.models.domain.deployment import CurrentVersion
from bellwether.monitoring.adapters.captures_s3 import S3ActualsStore, S3CaptureStore
from bellwether.shared.domain.errors import InvalidInputError
from tests.builders import BUCKET, GOLDEN_RESPONSE, bundle
from tests.fakes.aws import JUDGE_MACHINE, Aws
from tests.integration.models.lifecycle.test_functions import invoke, register
from tests.places import sample_event

CHALLENGER = "Fred-Serverless-Endpoint-Challenger"
PARAMETER = "/bellwether/dev/macro/experiment"
CHALLENGE = {"experiment_id": "macro-v1-6a7e8feb", "mode": "shadow", "share": 1.0, "decider": "auto", "days": 14}
CHAMPION_SHA256 = "0" * 64


def challenged(aws: Aws, **changes: Any) -> dict[str, Any]:
    """Version 1 waits for approval while a version 2 of old serves: bring version 1 beside it; returns the plan."""
    registered = register(aws)
    SsmPromotions("dev").put(
        "macro",
        CurrentVersion(
            version=2,
            endpoint_config_name="macro-v2-00000000",
            model_package_arn=registered["model_package_arn"].rpartition("/")[0] + "/2",
            bundle_sha256=CHAMPION_SHA256,
            promoted_at=datetime.now(UTC) - timedelta(days=30),
        ),
    )
    request = {name: registered[name] for name in ("model", "version", "model_package_arn")}
    return invoke("verify_bundle", request | {"action": "challenge", "challenge": CHALLENGE | changes})


def start(aws: Aws, **changes: Any) -> dict[str, Any]:
    """The same until it competes; returns the experiment."""
    plan = challenged(aws, **changes)
    invoke("stage_endpoint", plan)
    aws.endpoint_says(json.dumps(GOLDEN_RESPONSE | {"model_version": bundle().version}))
    assert invoke("smoke_test_endpoint", plan)["passed"] is True
    return invoke("start_experiment", plan)


def captured(count: int, *, failing: bool = False) -> None:
    """Both versions were asked `count` times; the champion is off by 1, the challenger by a half."""
    now = datetime.now(UTC)
    versions = {
        Variant.CHAMPION: (f"macro-{CHAMPION_SHA256[:8]}", 1.0),
        Variant.CHALLENGER: (bundle().version, 0.5),
    }
    records, actuals = [], []
    for number in range(count):
        for variant, (label, error) in versions.items():
            broken = failing and variant is Variant.CHALLENGER
            wobble = (number * 7919 % 13) / 50
            records.append(
                CaptureRecord(
                    request_id=f"r{number}",
                    model="macro",
                    variant=variant,
                    experiment_id="macro-v1-6a7e8feb",
                    model_version=None if broken else label,
                    received_at=now,
                    latency_ms=20,
                    status=Status.FAILED if broken else Status.ANSWERED,
                    points=() if broken else (Point(join_key=f"k{number}", prediction=error + wobble),),
                )
            )
        actuals.append(Actual(model="macro", join_key=f"k{number}", value=0.0, observed_at=now))
    S3CaptureStore(BUCKET).put(records)
    S3ActualsStore(BUCKET).put(actuals)


def judgements(aws: Aws) -> list[dict[str, Any]]:
    """Inputs of the processes that the judge has started."""
    states = aws.client("stepfunctions")
    arns = [each["executionArn"] for each in states.list_executions(stateMachineArn=JUDGE_MACHINE)["executions"]]
    return [json.loads(states.describe_execution(executionArn=arn)["input"]) for arn in arns]


def test_a_pending_version_competes_at_an_endpoint_of_its_own(aws: Aws) -> None:
    begun = start(aws)
    found = aws.client("sagemaker").describe_endpoint(EndpointName=CHALLENGER)
    assert found["EndpointConfigName"] == begun["challenger_config_name"]
    parameter = aws.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"]
    assert json.loads(parameter) == begun
    assert (begun["champion_version"], begun["challenger_version"]) == (2, 1)
    # And the monitor finds what it compares with
    kept = json.loads(aws.get(f"models/macro/reference/{bundle().sha256}.json"))
    assert kept["drift_reference"]["features"] == {}


def test_a_pending_version_does_not_answer_callers(aws: Aws) -> None:
    with pytest.raises(InvalidInputError, match="PendingManualApproval"):
        challenged(aws, mode="split")


def test_a_challenger_is_withdrawn_in_two_steps_and_twice_without_harm(aws: Aws) -> None:
    start(aws)
    order = {"model": "macro", "experiment_id": "macro-v1-6a7e8feb"}
    assert invoke("withdraw_challenger", order | {"keep_endpoint": True})["experiment_id"] == "macro-v1-6a7e8feb"
    assert aws.client("sagemaker").describe_endpoint(EndpointName=CHALLENGER)
    for deleted in (True, False):
        assert invoke("withdraw_challenger", order)["endpoint_deleted"] is deleted
    assert aws.client("sagemaker").list_endpoints(NameContains="Challenger")["Endpoints"] == []


def test_a_winner_is_told_once_and_not_promoted_past_approval(aws: Aws) -> None:
    start(aws)
    captured(120)
    rulings = [invoke("judge_experiments", sample_event("judge_experiments/schedule"))["rulings"][0] for _ in range(2)]
    assert [ruling["step"] for ruling in rulings] == ["request_decision", "request_decision"]
    (judgement,) = judgements(aws)
    assert judgement["deployment"] is None
    assert "bellwether approve macro --version 1" in judgement["mail"]["message"]
    assert rulings[0]["standing"]["pairs"] == 120


def test_an_approved_winner_that_decides_by_itself_is_deployed(aws: Aws) -> None:
    plan = challenged(aws)
    aws.approve(plan["model_package_arn"])
    invoke("stage_endpoint", plan)
    invoke("start_experiment", plan)
    captured(120)
    invoke("judge_experiments", {})
    (judgement,) = judgements(aws)
    order = judgement["deployment"]["input"]
    assert (order["action"], order["version"]) == ("rollback", 1)  # older than the champion: by the way back
    # And what the process is given is what its first step reads
    assert invoke("verify_bundle", order)["deploy"] is True


def test_a_failing_challenger_is_stopped_whatever_it_would_have_said(aws: Aws) -> None:
    start(aws)
    captured(40, failing=True)
    invoke("judge_experiments", {})
    (judgement,) = judgements(aws)
    assert judgement["deployment"]["input"]["action"] == "stop_challenge"
    assert "40 of 40 requests failed" in judgement["mail"]["message"]


def test_a_look_by_hand_starts_nothing(aws: Aws) -> None:
    start(aws)
    captured(120)
    (ruling,) = invoke("judge_experiments", sample_event("judge_experiments/by_hand"))["rulings"]
    assert ruling["standing"]["finding"] == "better"
    assert judgements(aws) == []


def test_nothing_is_read_while_nobody_is_tried(aws: Aws) -> None:
    register(aws)
    assert invoke("judge_experiments", {}) == {"rulings": []}
