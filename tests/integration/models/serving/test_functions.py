"""Serving's functions on an account: a prediction leaves its record in S3, by way of the queue."""

import json
from typing import Any

import pytest
from moto.sagemakerruntime.models import sagemakerruntime_backends

from bellwether.models.adapters import sagemaker_runtime
from bellwether.models.adapters.ssm import TRAFFIC_SECONDS, SsmExperimentsStore, SsmPromotions, SsmTraffic
from bellwether.models.domain.deployment import CurrentVersion
from bellwether.models.domain.routing import Traffic
from bellwether.monitoring.adapters.captures_s3 import S3CaptureStore
from bellwether.shared.domain.errors import TransientUpstreamError
from functions.models.predict import app as predict
from functions.monitoring.store_captures import app as store_captures
from tests.builders import ACCOUNT, BUCKET, REGION, capture, experiment, package_arn
from tests.fakes.aws import Aws
from tests.fakes.captures_suite import NOON, WEEK
from tests.fakes.lambda_context import InvocationContext
from tests.places import sample_event

CURRENT = CurrentVersion(
    version=3,
    endpoint_config_name="macro-v3-0badcafe",
    model_package_arn=package_arn(3),
    bundle_sha256="0badcafe" * 8,
    promoted_at=NOON,
)
ANSWER = {"prediction": 4.2, "model_version": "macro-0badcafe", "predictions": []}


def queued(*bodies: str) -> dict[str, Any]:
    """The event in which Lambda hands these messages over."""
    (template, *_) = sample_event("store_captures/two_models")["Records"]
    return {"Records": [template | {"messageId": f"m-{number}", "body": body} for number, body in enumerate(bodies)]}


@pytest.fixture
def endpoint(aws: Aws) -> None:
    backend = sagemakerruntime_backends[ACCOUNT][REGION]
    backend.results.clear()
    backend.results_queue = [(json.dumps(ANSWER), "application/json", "AllTraffic", "")]


# --- a prediction's way into S3 --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("endpoint")
def test_a_prediction_is_found_under_its_model_and_day(aws: Aws) -> None:
    # Given a prediction
    response = predict.handler(sample_event("predict/current_figures"), InvocationContext())
    answer = json.loads(response["body"])
    assert (response["statusCode"], answer) == (
        200,
        ANSWER | {"model": "macro", "variant": "champion", "request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"},
    )
    # When its message is stored, and arrives once more
    (message,) = aws.messages()
    for _ in range(2):
        result = store_captures.handler(queued(message), InvocationContext())
        assert result == {"batchItemFailures": []}
    # Then there is one object, with the record
    (key,) = aws.list_keys()
    record = json.loads(message)["records"][0]
    assert key.startswith(f"captures/model=macro/date={record['received_at'][:10]}/")
    assert (record["request_id"], record["input"]) == (answer["request_id"], {"UNRATE": 4.1, "PAYEMS": 159000})


@pytest.mark.usefixtures("endpoint")
def test_a_queue_that_is_gone_costs_no_answer(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.client("sqs").delete_queue(QueueUrl=aws.queue_url)
    assert predict.handler(sample_event("predict/current_figures"), InvocationContext())["statusCode"] == 200
    assert '"CapturesLost":[1.0]' in capsys.readouterr().out.replace(" ", "")


@pytest.mark.parametrize(
    ("case", "status", "field"),
    [
        ("no_json", 400, "body"),
        ("no_data", 400, "data"),
        ("second_row_unusable", 400, "instances.1.data"),
        ("unknown_model", 404, "model"),
    ],
)
def test_the_sample_mistakes_are_refused_by_field(aws: Aws, case: str, status: int, field: str) -> None:
    response = predict.handler(sample_event(f"predict/{case}"), InvocationContext())
    assert (response["statusCode"], json.loads(response["body"])["field"]) == (status, field)
    assert aws.messages() == []


def test_a_message_that_nobody_can_read_is_given_back_alone(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    # Given a batch with nonsense between two messages
    good, other = ({"records": [json.loads(capture(name).model_dump_json())]} for name in ("r-1", "r-2"))
    event = queued(json.dumps(good), '{"records": 3}', json.dumps(other))
    # When it is stored; Then the nonsense goes back, with its reason in the log, and the others are there
    assert store_captures.handler(event, InvocationContext()) == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    refused = [vars(line) for line in caplog.records if line.message == "message refused"]
    assert [(line["message_id"], line["reason"]) for line in refused] == [("m-1", "message: is not a valid Message")]
    assert {record.request_id for record in S3CaptureStore(BUCKET).read("macro", **WEEK)} == {"r-1", "r-2"}


def test_a_batch_of_nonsense_is_given_back_whole(aws: Aws) -> None:
    result = store_captures.handler(queued("", "[]"), InvocationContext())
    assert [each["itemIdentifier"] for each in result["batchItemFailures"]] == ["m-0", "m-1"]
    assert aws.list_keys() == []


def test_threads_find_a_client_that_is_there_already(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a predictor that was made before its threads started
    sagemaker_runtime.SageMakerPredictor()
    # Then no thread makes a client
    monkeypatch.setattr(sagemaker_runtime, "aws_client", None)
    sagemaker_runtime.runtime_client()


# --- who serves ------------------------------------------------------------------------------------------------------


def test_both_parameters_are_read_together_and_remembered(aws: Aws) -> None:
    # Given a current version and an experiment
    SsmPromotions("dev").put("macro", CURRENT)
    SsmExperimentsStore("dev").put(experiment())
    now = [0.0]
    traffic = SsmTraffic("dev", now=lambda: now[0])
    assert traffic.get("macro") == Traffic(CURRENT, experiment())
    assert traffic.get("housing") == Traffic()
    # When the experiment ends; Then that is known after some seconds
    SsmExperimentsStore("dev").clear("macro")
    now[0] = TRAFFIC_SECONDS - 0.1
    assert traffic.get("macro").experiment == experiment()
    now[0] = TRAFFIC_SECONDS
    assert traffic.get("macro") == Traffic(CURRENT)


def test_what_cannot_be_read_is_not_read_again_at_once(aws: Aws) -> None:
    # Given an experiment that nobody can read
    parameter = {"Name": "/bellwether/dev/macro/experiment", "Type": "String"}
    aws.client("ssm").put_parameter(Value='{"mode": 3}', **parameter)
    now = [0.0]
    traffic = SsmTraffic("dev", now=lambda: now[0])
    with pytest.raises(TransientUpstreamError, match="macro/experiment"):
        traffic.get("macro")
    # When it is put right; Then it is still out of reach for some seconds
    aws.client("ssm").put_parameter(Value="{}", Overwrite=True, **parameter)
    with pytest.raises(TransientUpstreamError):
        traffic.get("macro")
    now[0] = TRAFFIC_SECONDS
    assert traffic.get("macro") == Traffic()
