"""The three functions in a row, as the state machine calls them: feeds over HTTP, S3 and secrets, Postgres."""

import json
from typing import Any

import boto3
import pytest

from bellwether.shared.adapters.postgres import Database
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from bellwether.shared.observability import metrics
from functions.news.fetch_feeds import app as fetch_app
from functions.news.list_due_feeds import app as list_app
from functions.news.store_entries import app as store_app
from tests.fakes.lambda_context import InvocationContext
from tests.feed_builders import rss
from tests.integration.news.feeds.feed_server import FeedServer, http
from tests.places import sample_event

BUCKET = "fred-fintech-data-000000000000"


@pytest.fixture(autouse=True)
def functions_environment(
    environment: dict[str, str], migrated: DatabaseLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The functions' environment, with a login in the application's secret."""
    for name, value in {"DATA_BUCKET": BUCKET, "ALLOW_PRIVATE_HOSTS": "true", "FEED_SECONDS": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(metrics.provider, "namespace", "Bellwether")
    boto3.client("secretsmanager").put_secret_value(
        SecretId=environment["APPLICATION_SECRET_ID"], SecretString=migrated.model_dump_json()
    )
    boto3.client("s3").create_bucket(Bucket=BUCKET)


def passed_on(answer: Any) -> dict[str, Any]:
    """As Step Functions hands it to the next state."""
    content: dict[str, Any] = json.loads(json.dumps(answer))
    assert len(json.dumps(answer)) < 256 * 1024
    return content


def run(urls: dict[str, str]) -> dict[str, Any]:
    """One run of the state machine."""
    feeds = json.dumps([{"feed_id": feed_id, "url": url} for feed_id, url in urls.items()])
    due = passed_on(list_app.handler({"feeds": feeds}, InvocationContext()))
    if not due["count"]:
        return {}
    results = passed_on(fetch_app.handler(due, InvocationContext(seconds_left=60)))
    return passed_on(store_app.handler(results, InvocationContext()))


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.transaction() as connection:
        return connection.execute(query.encode()).fetchall()


def test_a_run_stores_what_is_new_and_shows_what_is_broken(
    feeds: FeedServer, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given two feeds that are well, one that hangs, one that fails, one that serves a page, one that is gone
    urls = {
        "well-1": feeds.says("/1", http("200 OK", rss(3), etag='"1"')),
        "well-2": feeds.says("/2", http("200 OK", rss(5))),
        "hangs": feeds.hangs("/hangs"),
        "refuses": feeds.says("/refuses", http("503 Service Unavailable", retry_after="3600")),
        "page": feeds.says("/page", http("200 OK", b"<html>Please log in</html>")),
        "gone": feeds.says("/gone", http("410 Gone")),
    }
    # When the machine runs
    told = run(urls)
    # Then the well ones are stored, the same story in both linked
    assert (told["stored"], told["linked"], told["feeds"], told["retired_feeds"]) == (8, 3, 6, ["gone"])
    # And the broken ones show, with their next attempt
    errors = {each["feed_id"]: each["error"] for each in told["failed_feeds"]}
    assert errors["hangs"] == "no whole answer within 1 s"
    assert errors["refuses"] == "HTTP 503"
    assert errors["page"].startswith("document: no entries")
    shown = rows(database, "SELECT feed_id FROM feed_state WHERE failures = 1 AND next_attempt_at > now() ORDER BY 1")
    assert shown == [("hangs",), ("page",), ("refuses",)]
    # And the page lies in quarantine
    listing = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="news/quarantine/")
    assert len(listing["Contents"]) == 2
    # And nothing is due now
    assert run(urls) == {}
    # And what happened is measured
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [(line["FeedsFailed"], line["DocumentsQuarantined"]) for line in lines] == [([3.0], [1.0])]


def test_incomplete_entries_and_faults_of_the_list_stop_nothing(feeds: FeedServer, database: Database) -> None:
    # Given a feed with an entry without a date and one without a link, and a list with two bad items
    items = [
        {"title": "An undated story", "link": "https://example.org/1"},
        {"title": "A story without a link", "guid": "2", "pubDate": "Mon, 02 Mar 2026 11:00:00 GMT"},
        {"title": "A story with a NUL\0 character", "guid": "3"},
    ]
    listed = [
        {"feed_id": "well", "url": feeds.says("/well", http("200 OK", rss(2)))},
        {"feed_id": "My_Feed", "url": "https://example.org/x"},
        {"feed_id": "b", "url": "feed://example.org/x"},
        {"feed_id": "odd", "url": feeds.says("/odd", http("200 OK", rss(items))), "title": "note"},
    ]
    # When the machine runs
    due = passed_on(list_app.handler({"feeds": json.dumps(listed)}, InvocationContext()))
    results = passed_on(fetch_app.handler(due, InvocationContext(seconds_left=60)))
    told = passed_on(store_app.handler(results, InvocationContext()))
    # Then everything readable is stored, unknown values as unknown, and the faults are reported
    assert (told["stored"], told["failed_feeds"]) == (5, [])
    assert rows(database, "SELECT title FROM inbound_events_raw WHERE published_at IS NULL ORDER BY 1")[1][0] == (
        "An undated story"
    )
    assert [each.split(":")[0] for each in due["problems"]] == [
        "item 2 ('My_Feed')",
        "item 3 ('b')",
        "item 4 ('odd')",
    ]


def test_much_news_goes_by_way_of_the_bucket(feeds: FeedServer, database: Database) -> None:
    items = [{"guid": f"urn:{n}", "title": f"Title number {n}", "description": "word " * 200} for n in range(400)]
    told = run({"large": feeds.says("/large", http("200 OK", rss(items)))})
    assert told["stored"] == 400
    listing = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="news/fetched/")
    assert len(listing["Contents"]) == 1
    assert rows(database, "SELECT count(*) FROM inbound_events_raw") == [(400,)]


def test_results_that_arrive_twice_are_stored_once(feeds: FeedServer, database: Database) -> None:
    # Given results of a fetch
    url = feeds.says("/feed", http("200 OK", rss(4)))
    due = passed_on(list_app.handler({"feeds": [{"feed_id": "feed", "url": url}]}, InvocationContext()))
    results = passed_on(fetch_app.handler(due, InvocationContext(seconds_left=60)))
    # When they arrive twice
    first, second = (store_app.handler(results, InvocationContext()) for _ in range(2))
    # Then they are stored once
    assert (first["stored"], first["known"], second["stored"], second["known"]) == (4, 0, 0, 4)


def test_a_list_in_the_data_bucket_is_polled(feeds: FeedServer) -> None:
    listed = [{"feed_id": f"f{n}", "url": feeds.says(f"/{n}", http("200 OK", rss(1)))} for n in range(60)]
    boto3.client("s3").put_object(Bucket=BUCKET, Key="news/feeds/all.json", Body=json.dumps(listed).encode())
    due = list_app.handler({"feeds": '{"s3_key": "news/feeds/all.json"}'}, InvocationContext())
    assert due["count"] == 60
    # And when the list is not there, the feeds stay as they are and the fault is reported
    again = list_app.handler({"feeds": '{"s3_key": "news/feeds/gone.json"}'}, InvocationContext())
    assert again["problems"][0].startswith("list: ")
    assert len(list_app.handler({"show": True}, InvocationContext())["states"]) == 60


def test_the_state_of_listed_feeds_is_shown_without_a_claim(feeds: FeedServer) -> None:
    run({"well": feeds.says("/well", http("200 OK", rss(2))), "bad": feeds.says("/bad", http("403 Forbidden"))})
    shown = list_app.handler(sample_event("list_due_feeds/show"), InvocationContext())["states"]
    assert [(each["feed_id"], each["stories"], each["failures"], each["error"]) for each in shown] == [
        ("bad", 0, 1, "HTTP 403"),
        ("well", 2, 0, None),
    ]
    assert shown[1]["last_success_at"]
    assert shown[1]["basis"] == "id"


@pytest.mark.parametrize("name", ["by_list", "by_parameter", "unchanged_list", "faulty_list"])
def test_sample_events_of_listing(name: str) -> None:
    answer = list_app.handler(sample_event(f"list_due_feeds/{name}"), InvocationContext())
    listed = {"unchanged_list": 0, "faulty_list": 1}.get(name, 2)
    assert answer["count"] == len(answer["feeds"]) == listed
    assert len(answer["problems"]) == (2 if name == "faulty_list" else 0)


@pytest.mark.parametrize("name", ["first_time", "conditional", "nothing_due"])
def test_sample_events_of_fetching(name: str) -> None:
    answer = fetch_app.handler(sample_event(f"fetch_feeds/{name}"), InvocationContext(seconds_left=60))
    assert [each["status"] for each in answer["results"]] == ([] if name == "nothing_due" else ["failed"])


def test_sample_events_of_storing() -> None:
    list_app.handler(sample_event("list_due_feeds/by_list"), InvocationContext())
    assert store_app.handler(sample_event("store_entries/inline"), InvocationContext())["stored"] == 2
    with pytest.raises(NotFoundError):
        store_app.handler(sample_event("store_entries/claim_check"), InvocationContext())


def test_nonsense_is_refused_by_field() -> None:
    with pytest.raises(InvalidInputError, match="feeds"):
        list_app.handler({"feeds": 3}, InvocationContext())
    with pytest.raises(InvalidInputError, match="feeds"):
        fetch_app.handler({}, InvocationContext())
    with pytest.raises(InvalidInputError):
        store_app.handler({"results_key": "elsewhere"}, InvocationContext())
