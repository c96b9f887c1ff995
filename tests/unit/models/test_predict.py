"""A prediction with a challenger beside it: who is asked, what the caller gets, what is remembered."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bellwether.models.domain.capture import Status, Variant
from bellwether.models.domain.catalogue import CATALOGUE
from bellwether.models.domain.routing import Traffic, is_assigned
from bellwether.models.domain.specs import CapturePolicy
from bellwether.models.ports.predictor import EndpointResponse
from bellwether.models.usecases import predict as usecase
from bellwether.models.usecases.predict import Prediction, TimeoutPolicy, predict
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError, TransientUpstreamError, UpstreamError
from tests.builders import experiment
from tests.fakes.captures import KnownTraffic
from tests.fakes.lifecycle import StoppedClock

CHAMPION, CHALLENGER = "Fred-Serverless-Endpoint", "Fred-Serverless-Endpoint-Challenger"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TIMEOUTS = TimeoutPolicy(seconds=20.0, shadow_seconds=10.0, first_wait_seconds=0.01)
LONG_MS = 15_000.0  # far longer than an answer takes on a busy machine, far shorter than `silent`
Reply = Callable[[Any], Any]


class Endpoints:
    """Predictor over functions from question to answer; `asked` is what each was asked."""

    def __init__(self, **replies: Reply) -> None:
        self.replies = {CHAMPION: forecaster("macro-0badcafe"), CHALLENGER: forecaster("macro-0ddba115")}
        self.replies |= {
            {"champion": CHAMPION, "challenger": CHALLENGER}[name]: reply for name, reply in replies.items()
        }
        self.asked: list[tuple[str, Any]] = []

    def invoke(self, endpoint_name: str, body: bytes) -> EndpointResponse:
        question = json.loads(body)
        self.asked.append((endpoint_name, question))
        reply = self.replies[endpoint_name](question)
        return EndpointResponse(reply if isinstance(reply, bytes) else json.dumps(reply).encode(), 1.0)

    def asked_of(self, endpoint_name: str) -> list[Any]:
        return [question for name, question in self.asked if name == endpoint_name]


def forecast(version: str, row: Mapping[str, Any]) -> dict[str, Any]:
    predictions = [
        {"target_month": month, "prediction": row["data"]["UNRATE"], "interval": {"level": 0.8, "lower": 3, "upper": 5}}
        for month in ("2026-04", "2026-06")
    ]
    return {**predictions[0], "model_version": version, "predictions": predictions}


def forecaster(version: str) -> Reply:
    def reply(question: Any) -> Any:
        if "instances" in question:
            return {"results": [forecast(version, row) for row in question["instances"]]}
        return forecast(version, question)

    return reply


def raises(error: Exception) -> Reply:
    def reply(_question: Any) -> Any:
        raise error

    return reply


def silent(_question: Any) -> Any:
    """Reply later than any caller waits."""
    threading.Event().wait(120)


def figures(*unrates: float, entities: tuple[str, ...] = ()) -> bytes:
    rows: list[dict[str, Any]] = [{"data": {"UNRATE": unrate}} for unrate in unrates]
    for row, entity in zip(rows, entities, strict=False):
        row["entity_id"] = entity
    return json.dumps({"instances": rows} if len(rows) > 1 else rows[0]).encode()


def ask(endpoints: Endpoints, body: bytes, traffic: Traffic | Exception | None = None, **changes: Any) -> Prediction:
    given = {
        "request_id": "r-1",
        "predictor": endpoints,
        "traffic": KnownTraffic(traffic),
        "clock": StoppedClock(NOON),
        "timeouts": TIMEOUTS,
        **changes,
    }
    return predict(given.pop("model", "macro"), body, **given)


def trying(**changes: Any) -> Traffic:
    return Traffic(None, experiment(**changes))


SHADOW, SPLIT = trying(mode="shadow", share=1.0), trying(mode="split", share=1.0)


# --- one version -----------------------------------------------------------------------------------------------------


def test_an_answer_is_remembered_with_its_figures() -> None:
    prediction = ask(Endpoints(), figures(4.1, entities=("desk 7",)))
    assert prediction.error is None
    assert prediction.answer["variant"] == "champion"
    (record,) = prediction.records
    assert (record.request_id, record.instance, record.variant, record.returned) == ("r-1", 0, Variant.CHAMPION, True)
    assert (record.status, record.error, record.model_version) == (Status.ANSWERED, None, "macro-0badcafe")
    assert (record.entity_id, record.received_at, record.input) == ("desk 7", NOON, {"UNRATE": 4.1})
    assert [(point.join_key, point.prediction, point.lower) for point in record.points] == [
        ("UNRATE:2026-04", 4.1, 3.0),
        ("UNRATE:2026-06", 4.1, 3.0),
    ]
    assert record.output is not None
    assert record.output["model_version"] == "macro-0badcafe"
    assert record.latency_ms > 0


def test_many_rows_come_back_in_their_order() -> None:
    prediction = ask(Endpoints(), figures(4.1, 4.2, 4.3))
    assert [row["prediction"] for row in prediction.answer["results"]] == [4.1, 4.2, 4.3]
    assert {row["variant"] for row in prediction.answer["results"]} == {"champion"}
    assert prediction.answer["model"] == "macro"
    assert [record.instance for record in prediction.records] == [0, 1, 2]


def test_what_is_said_once_holds_for_all_that_do_not_say_it() -> None:
    endpoints = Endpoints()
    rows = [{"data": {"UNRATE": 4.1}}, {"data": {"UNRATE": 4.2}, "month": "2020-01"}]
    ask(endpoints, json.dumps({"instances": rows, "month": "2019-12", "entity_id": "desk 7"}).encode())
    assert [row["month"] for row in endpoints.asked[0][1]["instances"]] == ["2019-12", "2020-01"]


def test_a_throttled_endpoint_is_asked_again_until_it_answers() -> None:
    # Given an endpoint that is busy twice
    busy = iter([TransientUpstreamError("busy"), TransientUpstreamError("busy")])

    def reply(question: Any) -> Any:
        if error := next(busy, None):
            raise error
        return forecaster("macro-1")(question)

    endpoints = Endpoints(champion=reply)
    assert ask(endpoints, figures(4.1)).error is None
    assert len(endpoints.asked) == 3


def test_an_endpoint_that_stays_busy_is_given_up_in_time() -> None:
    endpoints = Endpoints(champion=raises(TransientUpstreamError("busy")))
    prediction = ask(endpoints, figures(4.1), timeouts=replace(TIMEOUTS, seconds=0.8))
    assert isinstance(prediction.error, TransientUpstreamError)
    assert len(endpoints.asked) > 1
    assert [record.status for record in prediction.records] == [Status.FAILED]


def test_an_endpoint_that_says_nothing_is_left_alone_in_time() -> None:
    endpoints = Endpoints(champion=silent)
    prediction = ask(endpoints, figures(4.1), timeouts=replace(TIMEOUTS, seconds=0.2))
    assert prediction.latency_ms < LONG_MS
    assert isinstance(prediction.error, TransientUpstreamError)


@pytest.mark.parametrize("error", [UpstreamError("broken"), RuntimeError("broken"), NotFoundError("no", field="e")])
def test_what_does_not_heal_is_not_asked_again(error: Exception) -> None:
    endpoints = Endpoints(champion=raises(error))
    assert ask(endpoints, figures(4.1)).error is error
    assert len(endpoints.asked) == 1


def test_a_model_that_nobody_deployed_leaves_no_record() -> None:
    assert ask(Endpoints(champion=raises(NotFoundError("no", field="endpoint"))), figures(4.1)).records == ()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[1]",
        b"{}",
        b'{"results": [{}]}',
        b'{"results": {}}',
        b'{"results": [1, 2]}',
        b'{"x": NaN}',
        b'{"results": [{"x": 1e999}, {}]}',
    ],
)
def test_anything_else_than_an_answer_a_row_is_the_models_failure(body: bytes) -> None:
    prediction = ask(Endpoints(champion=lambda _question: body), figures(4.1, 4.2))
    assert isinstance(prediction.error, UpstreamError)
    assert {record.status for record in prediction.records} == {Status.FAILED}


def test_an_answer_in_a_form_of_its_own_has_no_points() -> None:
    prediction = ask(Endpoints(champion=lambda _question: {"predictions": [{"prediction": "high"}]}), figures(4.1))
    assert prediction.error is None
    assert prediction.records[0].points == ()


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("instances.1.UNRATE", "instances.1.UNRATE"),
        ("instances[1].UNRATE", "instances.1.UNRATE"),
        ("instances.1", "instances.1"),
        ("instances.9.UNRATE", "instances.9.UNRATE"),
        ("body", "body"),
        ("instances", "instances"),
    ],
)
def test_a_refusal_names_the_callers_field(said: str, known: str) -> None:
    prediction = ask(Endpoints(champion=raises(InvalidInputError("is missing", field=said))), figures(4.1, 4.2))
    assert isinstance(prediction.error, InvalidInputError)
    assert (prediction.error.field, prediction.error.reason) == (known, "is missing")
    assert {record.status for record in prediction.records} == {Status.REFUSED}


# --- families --------------------------------------------------------------------------------------------------------


def test_a_house_is_joined_by_its_own_id() -> None:
    endpoints = Endpoints()
    endpoints.replies["Housing-Serverless-Endpoint"] = lambda question: {
        "results": [{"prediction": 3e5, "interval": {"lower": 2e5, "upper": 4e5}} for _ in question["instances"]]
    }
    rows = [{"data": {"sqft": 1800}, "entity_id": "house 1", "as_of": "2023-05-01"}, {"data": {"sqft": 900}}]
    prediction = ask(endpoints, json.dumps({"instances": rows}).encode(), model="housing")
    assert endpoints.asked[0][1] == {
        "instances": [{"data": {"sqft": 1800}, "as_of": "2023-05-01"}, {"data": {"sqft": 900}}]
    }
    assert [[(p.join_key, p.lower) for p in record.points] for record in prediction.records] == [[("house 1", 2e5)], []]


@pytest.mark.parametrize("many", [False, True])
def test_a_text_is_asked_in_its_models_own_words(many: bool) -> None:
    endpoints, answer = Endpoints(), {"label": "positive", "model_version": "sentiment-1"}
    endpoints.replies["News-Sentiment-Serverless-Endpoint"] = lambda question: (
        {"model_version": "sentiment-1", "predictions": [answer] * len(question["instances"])} if many else answer
    )
    row = {"data": {"text": "Profits rose"}}
    body = json.dumps({"instances": [row, row]} if many else row).encode()
    prediction = ask(endpoints, body, model="sentiment")
    assert endpoints.asked[0][1] == (
        {"instances": [{"text": "Profits rose"}] * 2} if many else {"text": "Profits rose"}
    )
    answers = prediction.answer["results"] if many else [prediction.answer]
    assert {each["label"] for each in answers} == {"positive"}
    assert prediction.records[0].input == {"text": "Profits rose"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"data": {}}, "data.text"),
        ({"data": {"text": 3}}, "data.text"),
        ({"data": {"text": "x", "title": "y"}}, "data.title"),
        ({"data": {"text": "x"}, "month": "2024-01"}, "month"),
        ({"instances": [{"data": {"text": "x"}}, {"data": {}}]}, "instances.1.data.text"),
    ],
)
def test_a_text_is_all_that_a_classifier_takes(body: Any, field: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        ask(Endpoints(), json.dumps(body).encode(), model="sentiment")
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("said", "many", "known"), [("text", False, "data.text"), ("instances[1].text", True, "instances.1.data.text")]
)
def test_a_refused_text_is_named_as_it_was_sent(said: str, many: bool, known: str) -> None:
    endpoints, row = Endpoints(), {"data": {"text": " "}}
    endpoints.replies["News-Sentiment-Serverless-Endpoint"] = raises(InvalidInputError("is blank", field=said))
    body = json.dumps({"instances": [row, row]} if many else row).encode()
    error = ask(endpoints, body, model="sentiment").error
    assert isinstance(error, InvalidInputError)
    assert error.field == known


# --- a split ---------------------------------------------------------------------------------------------------------


def test_an_entity_of_the_challenger_is_answered_by_it() -> None:
    endpoints = Endpoints()
    prediction = ask(endpoints, figures(4.1), SPLIT)
    assert (prediction.answer["variant"], prediction.answer["model_version"]) == ("challenger", "macro-0ddba115")
    assert endpoints.asked_of(CHAMPION) == []
    (record,) = prediction.records
    assert (record.variant, record.returned, record.experiment_id) == (Variant.CHALLENGER, True, "macro-v4-20260301")


def test_rows_of_one_request_go_to_whom_their_entity_falls() -> None:
    # Given rows of twenty entities, and a challenger with half of them
    traffic = trying(mode="split", share=0.5)
    entities = tuple(f"desk {number}" for number in range(20))
    endpoints = Endpoints()
    prediction = ask(endpoints, figures(*range(20), entities=entities), traffic)
    # Then each is answered by its own, in the order of the request
    assert traffic.experiment is not None
    expected = ["challenger" if is_assigned(traffic.experiment, entity) else "champion" for entity in entities]
    assert [row["variant"] for row in prediction.answer["results"]] == expected
    assert [row["prediction"] for row in prediction.answer["results"]] == list(range(20))
    assert {len(endpoints.asked_of(name)) for name in (CHAMPION, CHALLENGER)} == {1}
    assert sorted((record.instance, record.variant.value) for record in prediction.records) == list(enumerate(expected))
    # And a refusal by the champion names the caller's row
    place = expected.index("champion", 5)
    row = [number for number, variant in enumerate(expected) if variant == "champion"].index(place)
    endpoints.replies[CHAMPION] = raises(InvalidInputError("is missing", field=f"instances.{row}.UNRATE"))
    error = ask(endpoints, figures(*range(20), entities=entities), traffic).error
    assert isinstance(error, InvalidInputError)
    assert error.field == f"instances.{place}.UNRATE"


@pytest.mark.parametrize(
    ("challenger", "status"),
    [
        (raises(UpstreamError("broken")), Status.FAILED),
        (raises(NotFoundError("is gone", field="endpoint")), Status.FAILED),
        (raises(TransientUpstreamError("busy")), Status.FAILED),
        (raises(RuntimeError("a bug")), Status.FAILED),
        (silent, Status.FAILED),
        (raises(InvalidInputError("is missing", field="NEW")), Status.REFUSED),
        (lambda _question: b"<html>", Status.FAILED),
    ],
)
def test_where_the_challenger_fails_the_champion_answers(challenger: Reply, status: Status) -> None:
    prediction = ask(Endpoints(challenger=challenger), figures(4.1), SPLIT, timeouts=replace(TIMEOUTS, seconds=2.4))
    assert prediction.latency_ms < LONG_MS
    assert prediction.error is None
    assert prediction.challenger_error is not None
    assert not prediction.shadowed
    assert (prediction.answer["variant"], prediction.answer["model_version"]) == ("champion", "macro-0badcafe")
    # And both are remembered: the one that failed as the version it should have been, and the one that stepped in
    assert [(r.variant, r.status, r.returned, r.model_version) for r in prediction.records] == [
        (Variant.CHALLENGER, status, False, "macro-0ddba115"),
        (Variant.CHAMPION, Status.ANSWERED, True, "macro-0badcafe"),
    ]


def test_where_both_fail_the_champions_failure_is_told() -> None:
    broken = UpstreamError("champion")
    endpoints = Endpoints(champion=raises(broken), challenger=raises(UpstreamError("challenger")))
    prediction = ask(endpoints, figures(4.1), SPLIT)
    assert prediction.error is broken
    assert prediction.answer == {}


# --- a shadow --------------------------------------------------------------------------------------------------------


def test_a_shadow_is_remembered_and_not_returned() -> None:
    prediction = ask(Endpoints(), figures(4.1), SHADOW)
    assert (prediction.answer["variant"], prediction.answer["model_version"]) == ("champion", "macro-0badcafe")
    assert [(r.variant, r.returned, r.status, r.model_version) for r in prediction.records] == [
        (Variant.CHAMPION, True, Status.ANSWERED, "macro-0badcafe"),
        (Variant.CHALLENGER, False, Status.ANSWERED, "macro-0ddba115"),
    ]
    assert prediction.shadowed


@pytest.mark.parametrize("challenger", [raises(UpstreamError("broken")), raises(KeyError("bug")), silent])
def test_a_shadow_that_fails_or_dawdles_is_nothing_to_the_caller(challenger: Reply) -> None:
    # Given a challenger that fails or takes its time
    plain = ask(Endpoints(), figures(4.1))
    timeouts = replace(TIMEOUTS, shadow_seconds=0.2)
    prediction = ask(Endpoints(challenger=challenger), figures(4.1), SHADOW, timeouts=timeouts)
    # Then the caller gets the same answer as without it, without waiting for it
    assert prediction.answer == plain.answer
    assert prediction.latency_ms < LONG_MS
    # And its failure, or that it was late, is remembered
    assert prediction.challenger_error is not None
    shadow = prediction.records[1]
    assert (shadow.status, shadow.returned) == (Status.FAILED, False)
    assert shadow.error


def test_a_shadow_is_waited_for_while_the_champion_is_asked() -> None:
    # Given two endpoints of which neither answers before the other one is asked
    both = threading.Barrier(2)

    def once_both_are_asked(version: str) -> Reply:
        def reply(question: Any) -> Any:
            both.wait(timeout=10)
            return forecaster(version)(question)

        return reply

    endpoints = Endpoints(champion=once_both_are_asked("macro-1"), challenger=once_both_are_asked("macro-2"))
    # Then both answer
    prediction = ask(endpoints, figures(4.1), SHADOW)
    assert prediction.error is None
    assert prediction.challenger_error is None


def test_a_shadow_is_of_its_share_of_the_rows() -> None:
    traffic = trying(mode="shadow", share=0.5)
    entities = tuple(f"desk {number}" for number in range(20))
    endpoints = Endpoints()
    prediction = ask(endpoints, figures(*range(20), entities=entities), traffic)
    assert traffic.experiment is not None
    given = [number for number, entity in enumerate(entities) if is_assigned(traffic.experiment, entity)]
    assert [r.instance for r in prediction.records if r.variant is Variant.CHALLENGER] == given
    assert [r.instance for r in prediction.records if r.variant is Variant.CHAMPION] == list(range(20))
    assert {row["variant"] for row in prediction.answer["results"]} == {"champion"}


# --- what is in service can't be told --------------------------------------------------------------------------------


def test_without_word_of_an_experiment_the_champion_serves() -> None:
    endpoints, silence = Endpoints(), TransientUpstreamError("parameters of macro: no answer")
    prediction = ask(endpoints, figures(4.1), silence)
    assert prediction.answer["variant"] == "champion"
    assert prediction.traffic_error is silence
    assert endpoints.asked_of(CHALLENGER) == []


# --- what is kept ----------------------------------------------------------------------------------------------------


@pytest.fixture
def policy(monkeypatch: pytest.MonkeyPatch) -> Callable[[CapturePolicy], None]:
    def become(capture: CapturePolicy) -> None:
        monkeypatch.setattr(usecase, "model_spec", lambda name: replace(CATALOGUE[name], capture=capture))

    return become


def test_a_sample_is_kept_of_requests_but_all_of_an_experiment(policy: Callable[[CapturePolicy], None]) -> None:
    policy(CapturePolicy(sample_share=0.5))
    kept = {n for n in range(60) if ask(Endpoints(), figures(4.1, 4.2), request_id=f"r-{n}").records}
    assert 15 < len(kept) < 45
    # Given the same requests again; Then the same ones are kept, whole
    for number in range(60):
        records = ask(Endpoints(), figures(4.1, 4.2), request_id=f"r-{number}").records
        assert len(records) == (2 if number in kept else 0)
    # And in an experiment, each of them, of both versions
    assert all(len(ask(Endpoints(), figures(4.1), SHADOW, request_id=f"r-{n}").records) == 2 for n in range(10))


def test_redacted_columns_are_kept_nowhere(policy: Callable[[CapturePolicy], None]) -> None:
    policy(CapturePolicy(redacted=frozenset({"SECRET"})))
    body = json.dumps({"data": {"UNRATE": 4.1, "SECRET": "4711"}}).encode()
    endpoints = Endpoints()
    assert ask(endpoints, body).records[0].input == {"UNRATE": 4.1}
    assert endpoints.asked[0][1]["data"]["SECRET"] == "4711"
    # And an error that quotes it is remembered by its name only
    endpoints.replies[CHAMPION] = raises(InvalidInputError('has to be a number, is "4711"', field="SECRET"))
    (record,) = ask(endpoints, body).records
    assert record.error == "InvalidInputError"
    assert "4711" not in record.model_dump_json()
    # But that an endpoint was busy, or late, is said
    endpoints.replies[CHAMPION] = raises(TransientUpstreamError("busy"))
    (record,) = ask(endpoints, body, timeouts=replace(TIMEOUTS, seconds=0.1)).records
    assert record.error == "TransientUpstreamError: busy"
