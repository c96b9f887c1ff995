"""The three functions whole: stories in a real PostgreSQL, S3 and the endpoint as moto knows them."""

import json
from typing import Any

import boto3
import pytest
from moto.sagemakerruntime.models import sagemakerruntime_backends

from bellwether.news.domain.sentiment import StoryLine
from bellwether.news.domain.tickers import TickerFinder
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from bellwether.shared.observability import metrics
from tests.builders import ACCOUNT, REGION
from tests.fakes.lambda_context import InvocationContext
from tests.fakes.stories import answer, story
from tests.integration.news.stories.conftest import PostgresWorld
from tests.places import handler_of, sample_event

BUCKET = "fred-fintech-data-000000000000"
FUNCTIONS = ("claim_stories", "classify_stories", "store_classifications")
STORIES = [story(1, "Apple rises"), story(2, "Nothing sinks")]


def invoke(function: str, event: dict[str, Any]) -> dict[str, Any]:
    """Call a handler as Lambda does; the answer has to survive JSON."""
    handler = handler_of(function)
    result: dict[str, Any] = json.loads(json.dumps(handler(event, InvocationContext())))
    return result


def endpoint_says(content: dict[str, Any]) -> None:
    """What the endpoint answers to the next new question; moto's server runs in this process."""
    for backend in (sagemakerruntime_backends["123456789012"][REGION], sagemakerruntime_backends[ACCOUNT][REGION]):
        backend.results.clear()
        backend.results_queue = [(json.dumps(content), "application/json", "AllTraffic", "")]


@pytest.fixture(autouse=True)
def functions_environment(
    environment: dict[str, str], migrated: DatabaseLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The functions' environment, with a login in the application's secret."""
    monkeypatch.setenv("DATA_BUCKET", BUCKET)
    monkeypatch.setattr(metrics.provider, "namespace", "Bellwether")
    monkeypatch.setattr(metrics.provider, "service", "news")
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    boto3.client("secretsmanager").put_secret_value(
        SecretId=environment["APPLICATION_SECRET_ID"], SecretString=migrated.model_dump_json()
    )


def test_stories_go_from_their_claim_to_their_label(world: PostgresWorld) -> None:
    # Given two stories and a model that is in service
    world.add(STORIES)
    endpoint_says({"predictions": [answer(StoryLine.of(each, TickerFinder(())).instance) for each in STORIES]})
    # When the functions run as the process calls them, each with what the one before has answered
    claim = invoke("claim_stories", sample_event("claim_stories/by_schedule"))
    assert (claim["mode"], claim["stories"], claim["backlog"]) == ("endpoint", 2, 2)
    assert claim["listings"] == "packaged"
    report = invoke("classify_stories", {"claim_token": claim["claim_token"], "mode": claim["mode"]})
    assert (report["classified"], report["failed"]) == (2, 0)
    stored = invoke(
        "store_classifications", {"claim_token": claim["claim_token"], "results_key": report["results_key"]}
    )
    # Then the labels are there, with the companies of the shipped list
    assert stored == {"stored": 2, "released": 0, "set_aside": 0, "late": 0}
    label = world.row(STORIES[0].event_uid).label
    assert label is not None
    assert (label.label, label.tickers) == ("positive", ("AAPL",))
    assert world.row(STORIES[1].event_uid).processed
    assert invoke("claim_stories", {"claim_token": "00000000-0000-0000-0000-000000000009"})["mode"] == "none"


def test_a_claim_that_came_to_nothing_is_given_back(world: PostgresWorld) -> None:
    world.add(STORIES)
    claim = invoke("claim_stories", sample_event("claim_stories/by_schedule"))
    released = invoke("store_classifications", sample_event("store_classifications/release"))
    assert (claim["stories"], released["released"]) == (2, 2)
    assert world.row(STORIES[0].event_uid).attempts == 0


def test_nonsense_is_refused_by_field() -> None:
    with pytest.raises(InvalidInputError, match="claim_token"):
        invoke("claim_stories", {})
    with pytest.raises(InvalidInputError, match="mode"):
        invoke(
            "classify_stories", {"claim_token": sample_event("classify_stories/batch")["claim_token"], "mode": "none"}
        )
    with pytest.raises(InvalidInputError, match="results_key"):
        invoke("store_classifications", {"claim_token": "00000000-0000-0000-0000-000000000009"})
    with pytest.raises(NotFoundError):
        invoke("store_classifications", sample_event("store_classifications/results") | {"results_key": "news/nothing"})
