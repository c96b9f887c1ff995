"""A file of requests through the transform job: the endpoint's own answers, byte for byte, and nothing run twice."""

import json
from typing import Any

import pytest

from bellwether.datasets.views import DatasetViews
from cli import batches, executions
from cli.problems import CommandError
from cli.target import Target
from localcloud.control import Cloud
from tests.e2e.flow import MODEL, Flow
from tests.e2e.test_macro import decisions

pytestmark = pytest.mark.aws


def requests(target: Target) -> list[bytes]:
    """Requests of several kinds: the rate alone, whole rows, other horizons, and two that can't be used."""
    figures = {name: float(value) for name, value in DatasetViews(target.objects).latest_figures().items()}
    asked: list[dict[str, Any]] = [
        *({"data": {"UNRATE": 4.0 + step / 10}} for step in range(10)),
        *({"data": figures | {"UNRATE": 5.0, "HOUST": 900.0 + step}, "horizon_months": 6} for step in range(10)),
        {"data": {"UNRATE": "banana"}},
    ]
    return [*(json.dumps(each).encode() for each in asked), b'{"data": oh dear', b'{"data": {"UNRATE": "\xff"}}']


def ask(target: Target, line: bytes) -> bytes:
    """What the endpoint says to the same request."""
    answer = target.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="Fred-Serverless-Endpoint", ContentType="application/json", Body=line
    )
    body: bytes = answer["Body"].read()
    return body


def answers_of(target: Target, answered: batches.Answered) -> list[bytes]:
    found = target.client("s3").get_object(Bucket=target.output("DataBucketName"), Key=str(answered.report.output_key))
    content: bytes = found["Body"].read()
    return content.splitlines()


def test_a_batch_is_the_endpoint_s_own_answers_byte_for_byte(flow: Flow, cloud: Cloud) -> None:
    # Given a file of requests, the last three of which can't be used
    lines = requests(flow.target)
    batches.put(flow.target, MODEL, "scenarios", b"\n".join(lines) + b"\n")
    states: list[str] = []
    # When it is answered
    answered = batches.run(flow.target, MODEL, "scenarios", on_state=states.append)
    # Then every line has its answer, which is the endpoint's
    answers = answers_of(flow.target, answered)
    assert (answered.report.lines, answered.report.answers, answered.report.refused) == (23, 23, 3)
    assert answers[:20] == [ask(flow.target, line) for line in lines[:20]]
    # And what can't be used has its reason in its place
    assert [each.line for each in answered.report.refusals] == [21, 22, 23]
    assert answered.report.refusals[0].field == "UNRATE"
    assert all(json.loads(each)["error"] == "invalid_input" for each in answers[20:])
    assert "Transform Lines" in states
    assert (f"{MODEL}/scenarios", "accepted") in decisions(cloud, "predict_batch")


def test_the_same_lines_are_not_answered_twice(flow: Flow) -> None:
    # Given a batch that was answered
    batches.put(flow.target, MODEL, "twice", json.dumps({"data": {"UNRATE": 5}}).encode())
    first = batches.run(flow.target, MODEL, "twice")
    # When it is asked for again
    states: list[str] = []
    again = batches.run(flow.target, MODEL, "twice", on_state=states.append)
    # Then its answers are the same ones, and no job ran
    assert (first.new, again.new) == (True, False)
    assert again.report == first.report
    assert "Transform Lines" not in states


def test_an_empty_file_is_answered_by_nothing(flow: Flow) -> None:
    batches.put(flow.target, MODEL, "empty", b"\n\n")
    answered = batches.run(flow.target, MODEL, "empty")
    assert (answered.report.lines, answered.answers_uri) == (0, None)


def test_a_batch_that_can_t_be_prepared_fails_and_is_in_the_ledger(flow: Flow, cloud: Cloud) -> None:
    # Given no lines; When their batch is run
    arn = executions.start(
        flow.target, flow.target.output("PredictBatchStateMachineArn"), {"model": MODEL, "name": "nowhere"}
    )
    # Then it fails by name, and the refusal is a decision
    with pytest.raises(CommandError, match=r"NotFoundError: batch/macro/nowhere/input\.jsonl"):
        executions.follow(flow.target, arn, timeout_seconds=120)
    assert (arn.rsplit(":", 1)[-1], "refused") in decisions(cloud, "predict_batch")
