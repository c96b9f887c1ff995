"""What callers of the prediction API see."""

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from bellwether.models.adapters.sagemaker_runtime import _from_runtime, findings
from bellwether.models.domain.catalogue import MACRO
from bellwether.models.domain.prediction import BODY_LIMIT_BYTES, read_request
from bellwether.shared.adapters.aws_errors import translated
from bellwether.shared.domain.errors import (
    BellwetherError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    TransientUpstreamError,
    UpstreamError,
)
from bellwether.shared.observability import metrics
from functions.models.predict import app
from jobs.training.learning.errors import RefusedInputError
from jobs.training.learning.macro.serving import parse_request
from tests.fakes.captures import InMemoryCaptureQueue, KnownTraffic
from tests.fakes.lambda_context import InvocationContext
from tests.fakes.lifecycle import ScriptedPredictor

ANSWER = {"prediction": 4.2, "horizon_months": 1, "model_version": "macro-0badcafe"}


def event(body: Any, *, model: str = "macro", method: str = "POST", path: str | None = None) -> dict[str, Any]:
    return {
        "resource": "/predict/{model}",
        "path": path or f"/predict/{model}",
        "httpMethod": method,
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "pathParameters": {"model": model},
        "requestContext": {"requestId": "r-1", "stage": "local", "path": f"/local/predict/{model}"},
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


class Api:
    """The function behind the API, with an endpoint that says this."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.endpoint = ScriptedPredictor(ANSWER)
        self.says(ANSWER)
        self.queue = InMemoryCaptureQueue()
        self.traffic = KnownTraffic()
        monkeypatch.setattr(app, "SqsCaptureQueue", lambda _url: self.queue)
        monkeypatch.setattr(app, "traffic", lambda: self.traffic)

    def says(self, reply: Any) -> None:
        self.endpoint = ScriptedPredictor(reply)
        self._monkeypatch.setattr(app, "SageMakerPredictor", lambda: self.endpoint)

    def post(self, body: Any, **changes: Any) -> tuple[int, dict[str, Any], dict[str, list[str]]]:
        response = app.handler(event(body, **changes), InvocationContext(seconds_left=4.5))
        return response["statusCode"], json.loads(response["body"]), response["multiValueHeaders"]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "models")
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("CAPTURE_QUEUE_URL", "https://queue")
    monkeypatch.setattr(metrics.provider, "namespace", "Bellwether")
    return Api(monkeypatch)


def test_the_endpoints_answer_is_passed_on_with_model_variant_and_request_id(api: Api) -> None:
    status, answer, headers = api.post({"data": {"UNRATE": 4.1}, "horizon_months": 1, "entity_id": "desk 7"})
    assert (status, answer) == (200, ANSWER | {"model": "macro", "variant": "champion", "request_id": "r-1"})
    assert headers["Content-Type"] == ["application/json"]
    assert api.endpoint.asked == [("Fred-Serverless-Endpoint", {"data": {"UNRATE": 4.1}, "horizon_months": 1})]


def test_numbers_as_text_and_missing_columns_are_the_models_affair(api: Api) -> None:
    api.post({"data": {"UNRATE": "4.1", "UNKNOWN": None}, "horizon_months": "3"})
    assert api.endpoint.asked[0][1] == {"data": {"UNRATE": "4.1", "UNKNOWN": None}, "horizon_months": 3}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, "body"),
        ("", "body"),
        ("no json", "body"),
        ("[]", "body"),
        ("3", "body"),
        ('{"data": {"UNRATE": NaN}}', "body"),
        ('{"data": {"UNRATE": Infinity}}', "body"),
        ('{"data": {"UNRATE": 4.1, "ICSA": 1e999}}', "body"),
        ("[" * 60000, "body"),
        ("x" * (BODY_LIMIT_BYTES + 1), "body"),
        ({}, "data"),
        ({"data": []}, "data"),
        ({"data": None}, "data"),
        ({"data": {}, "month": "soon"}, "month"),
        ({"data": {}, "month": 202401}, "month"),
        ({"data": {}, "horizon_months": "soon"}, "horizon_months"),
        ({"data": {}, "horizon_months": 1.5}, "horizon_months"),
        ({"data": {}, "horizon_months": True}, "horizon_months"),
        ({"data": {}, "horizon_months": 0}, "horizon_months"),
        ({"data": {}, "horizon_months": 2}, "horizon_months"),
        ({"data": {}, "horizon_months": 3.0}, "horizon_months"),
        ({"data": {}, "horizon_months": "3.0"}, "horizon_months"),
        ({"data": {}, "month": "2024-13"}, "month"),
        ({"data": {}, "horizon": 3}, "horizon"),
        ({"data": {}, "as_of": "2024-01-01"}, "as_of"),
        ({"data": {}, "entity_id": ""}, "entity_id"),
        ({"data": {}, "entity_id": 7}, "entity_id"),
        ({"data": {}, "entity_id": "x" * 201}, "entity_id"),
        ('{"data": {}, "entity_id": "\\ud800"}', "entity_id"),
        ({"instances": []}, "instances"),
        ({"instances": {}}, "instances"),
        ({"instances": [{"data": {}}] * 101}, "instances"),
        ({"instances": [{"data": {}}], "data": {}}, "data"),
        ({"instances": [{"data": {}}], "month": "soon"}, "month"),
        ({"instances": [{"data": {}}], "other": 1}, "other"),
        ({"instances": [{"data": {}}, 3]}, "instances.1"),
        ({"instances": [{"data": {}}, {}]}, "instances.1.data"),
        ({"instances": [{"data": {}}, {"data": {}}, {"data": 3}]}, "instances.2.data"),
        ({"instances": [{"data": {}, "horizon_months": 5}]}, "instances.0.horizon_months"),
        ({"instances": [{"data": {}, "instances": []}]}, "instances.0.instances"),
    ],
)
def test_nonsense_is_refused_by_field_without_asking_the_model(api: Api, body: Any, field: str) -> None:
    status, answer, _ = api.post(body)
    assert (status, answer["error"], answer["field"]) == (400, "invalid_input", field)
    assert answer["message"]
    assert api.endpoint.asked == []


def test_what_the_model_refuses_names_its_field(api: Api) -> None:
    api.says(InvalidInputError("is missing", field="UNRATE"))
    status, answer, _ = api.post({"data": {}})
    assert status == 400
    assert answer == {"error": "invalid_input", "field": "UNRATE", "message": "is missing", "request_id": "r-1"}


def test_an_unknown_model_is_404(api: Api) -> None:
    status, answer, _ = api.post({"data": {}}, model="weather")
    assert (status, answer["error"], answer["field"]) == (404, "not_found", "model")
    assert "known: cloudspend, housing, macro, sentiment" in answer["message"]


def test_a_model_that_nobody_deployed_is_404(api: Api) -> None:
    api.says(NotFoundError("is not there", field="endpoint Fred-Serverless-Endpoint"))
    status, answer, _ = api.post({"data": {}})
    assert (status, answer["message"]) == (404, "the model is not deployed")


def test_a_throttled_model_returns_503_with_retry_after(api: Api) -> None:
    api.says(TransientUpstreamError("endpoint: ThrottlingException"))
    status, answer, headers = api.post({"data": {}})
    assert (status, answer["error"], headers["Retry-After"]) == (503, "unavailable", ["5"])


@pytest.mark.parametrize("error", [UpstreamError("Traceback: secret"), RuntimeError("secret"), KeyError("secret")])
def test_our_own_failure_shows_nothing_of_itself(api: Api, error: Exception) -> None:
    api.says(error)
    status, answer, _ = api.post({"data": {}})
    assert (status, answer["error"], answer["request_id"]) == (502, "failed", "r-1")
    assert "secret" not in json.dumps(answer)


@pytest.mark.parametrize("reply", [b"<html>", b"[1]"])
def test_an_endpoint_that_babbles_is_our_failure(api: Api, reply: bytes) -> None:
    api.says(reply)
    assert api.post({"data": {}})[0] == 502


@pytest.mark.parametrize(("method", "path"), [("GET", None), ("POST", "/elsewhere")])
def test_another_route_is_404(api: Api, method: str, path: str | None) -> None:
    status, answer, _ = api.post({"data": {}}, method=method, path=path)
    assert (status, answer["error"]) == (404, "not_found")


def test_what_happened_is_measured_by_model(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.post({"data": {}})
    api.says(TransientUpstreamError("busy"))
    api.post({"data": {}})
    api.post({"data": {}}, model="x" * 50)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    measured = [
        (line["model"], sorted(line.keys() & {"PredictionLatency", "PredictionErrors", "PredictionsRefused"}))
        for line in lines
    ]
    assert measured == [
        ("macro", ["PredictionLatency"]),
        ("macro", ["PredictionErrors"]),
        ("unknown", ["PredictionsRefused"]),
    ]


def test_a_body_that_is_no_utf8_is_refused(api: Api) -> None:
    # Given bytes that no text is made of, as API Gateway hands them on
    for body in (b'{"data": {"A": "\xff"}}', '{"data": {}}'.encode("utf-16")):
        given = event(base64.b64encode(body).decode()) | {"isBase64Encoded": True}
        response = app.handler(given, InvocationContext(seconds_left=4.5))
        # Then the body is at fault
        assert (response["statusCode"], json.loads(response["body"])["field"]) == (400, "body")


def test_what_is_no_base64_is_refused(api: Api) -> None:
    response = app.handler(event("ab") | {"isBase64Encoded": True, "body": "a"}, InvocationContext(seconds_left=4.5))
    assert response["statusCode"] == 400


def test_records_go_into_the_queue_and_a_queue_that_fails_costs_no_answer(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a request that is remembered
    assert api.post({"data": {"UNRATE": 4.1}})[0] == 200
    assert [(record.request_id, record.input) for record in api.queue.records] == [("r-1", {"UNRATE": 4.1})]
    # When the queue fails; Then the answer goes out, and the loss is counted
    api.queue.refuses = True
    assert api.post({"instances": [{"data": {}}]})[0] == 502  # an answer to one row is none to many
    assert api.post({"data": {}})[0] == 200
    lost = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CapturesLost" in line]
    assert [line["CapturesLost"] for line in lost] == [[1.0], [1.0]]


def test_what_callers_do_not_notice_is_measured(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.traffic.says = TransientUpstreamError("parameters: no answer")
    assert api.post({"data": {}})[0] == 200
    assert any("TrafficUnknown" in line for line in capsys.readouterr().out.splitlines() if "_aws" in line)


# --- what endpoint and API agree about --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        *(
            {"data": {}, "month": month}
            for month in ("2016-06", "2016-06-30", " 2016-06 ", "2016-13", "16-06", 201606, None, "٢٠١٦-06")
        ),
        *({"data": {}, "horizon_months": horizon} for horizon in (3, "3", " 3 ", "3.0", 3.0, True, None, "٣")),
        {"data": None},
        {"data": []},
        {"data": "x"},
        {"data": {"A": None}},
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_endpoint_and_api_judge_alike(content: Any, mark: str) -> None:
    # Given the same bytes for both
    body = (mark + json.dumps(content)).encode()
    verdicts: list[str | None] = []
    for read in (lambda: read_request(body, MACRO), lambda: parse_request(body), lambda: parse_request(body.decode())):
        try:
            read()
            verdicts.append(None)
        except InvalidInputError as refusal:
            verdicts.append(refusal.field)
        except RefusedInputError as refusal:
            verdicts.append(refusal.field)
    # Then all accept them, or refuse them for the same field
    assert len(set(verdicts)) == 1, verdicts


@pytest.mark.parametrize("body", [b"\xff{}", b'{"data": {"A": "\xc3"}}'])
def test_what_is_no_utf8_is_refused_by_both(body: bytes) -> None:
    with pytest.raises(InvalidInputError, match="body: is not UTF-8"):
        read_request(body, MACRO)
    with pytest.raises(RefusedInputError, match="is not UTF-8"):
        parse_request(body)


# --- what SageMaker says, in our own errors -------------------------------------------------------------------------

FINDING = '{"field": "UNRATE", "reason": "is not a number"}'


def refused(code: str, *, status: int | None = None, message: str = "", http: int = 400) -> ClientError:
    response: dict[str, Any] = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": http},
    }
    if status is not None:
        response |= {"OriginalStatusCode": status, "OriginalMessage": message}
    return ClientError(response, "InvokeEndpoint")  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize(
    "message",
    [
        FINDING,
        f'Received client error (400) from primary with message "{FINDING}". See the log.',
        f"Traceback (most recent call last): {{broken\n  ValueError: {FINDING}\n",
        json.dumps({"error": FINDING}),
        json.dumps({"code": 500, "detail": [{"message": f"ValueError: {FINDING}"}]}),
    ],
)
def test_a_models_finding_is_found_however_it_is_wrapped(status: int, message: str) -> None:
    error = _from_runtime(refused("ModelError", status=status, message=message, http=424), "e")
    assert isinstance(error, InvalidInputError)
    assert (error.field, error.reason) == ("UNRATE", "is not a number")


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (refused("ModelError", status=400, message="bad"), InvalidInputError),
        (refused("ModelError", status=422, message="unprocessable"), InvalidInputError),
        (refused("ModelError", status=404, message="no such route"), UpstreamError),
        (refused("ModelError", status=500, message="Traceback"), UpstreamError),
        (refused("ModelError", status=503, message="starting"), TransientUpstreamError),
        (refused("ModelError", status=0, message="timed out"), TransientUpstreamError),
        (refused("ModelError", message="no status at all"), TransientUpstreamError),
        (refused("ModelNotReadyException", http=429), TransientUpstreamError),
        (refused("InternalDependencyException", http=530), TransientUpstreamError),
        (refused("ThrottlingException"), TransientUpstreamError),
        (refused("InternalFailure", http=500), TransientUpstreamError),
        (refused("ValidationError", message="Endpoint e of account 0 not found."), NotFoundError),
        (refused("AccessDeniedException", http=403), UpstreamError),
    ],
)
def test_what_the_runtime_says_has_one_meaning(error: ClientError, ours: type[BellwetherError]) -> None:
    assert type(_from_runtime(error, "e")) is ours


def test_text_without_a_finding_has_none() -> None:
    assert list(findings('{"field": 3} {{{ {"reason": "x"} } "')) == []


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (refused("ResourceInUse", message="taken"), ConflictError),
        (refused("ValidationException", message="Cannot create already existing endpoint"), ConflictError),
        (refused("ValidationException", message='Cannot update in-progress endpoint "arn"'), ConflictError),
        (refused("ValidationException", message='Could not find endpoint "arn"'), NotFoundError),
        (refused("ValidationException", message="1 validation error detected"), UpstreamError),
        (refused("ParameterNotFound"), NotFoundError),
        (refused("ResourceLimitExceeded", message="quota"), UpstreamError),
        (refused("Whatever", http=503), TransientUpstreamError),
        (EndpointConnectionError(endpoint_url="http://x"), TransientUpstreamError),
        (ReadTimeoutError(endpoint_url="http://x"), TransientUpstreamError),
    ],
)
def test_what_aws_says_has_one_meaning(error: Exception, ours: type[BellwetherError]) -> None:
    with pytest.raises(ours) as raised, translated("thing"):
        raise error
    assert type(raised.value) is ours
    assert raised.value.__cause__ is error


def test_half_a_surrogate_pair_is_the_models_to_refuse() -> None:
    # Given text that JSON can hold and UTF-8 can't
    body = rb'{"data": {"UNRATE": "\ud800"}}'
    # When it is passed on, then as it came
    assert json.loads(read_request(body, MACRO).question([0])) == json.loads(body)
