"""News to signals to dispatch on the embedded cloud, over replayed feeds and a replayed market; and what goes wrong."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from bellwether.news.domain.news_layout import FEED_LISTS
from bellwether.news.views import FeedView
from bellwether.trading.views import RecommendationView
from cli import bundles, deployments, executions, registry
from cli.demo.news import Views, open_views, run, run_news, serve_bundle, serve_sentiment
from cli.list_parameters import PARAMETER_CHARACTERS, ListParameter
from cli.target import Target
from jobs.sentiment.evaluation import Labelled
from jobs.sentiment.pack import pack_lexicon
from localcloud.control import Cloud

pytestmark = pytest.mark.aws

GOOD = {"market-wire", "tech-desk", "industry-desk", "energy-desk"}
ODD = {"odd-desk", "json-desk"}
BOUGHT, SOLD = {"AMZN", "MSFT", "NVDA"}, {"PFE", "TSLA"}
INGEST, CLASSIFY, TELEMETRY, DISPATCH, WATCH = (
    f"{name}StateMachineArn"
    for name in ("IngestNews", "ClassifyNews", "RefreshTelemetry", "DispatchRecommendations", "Watch")
)


@dataclass(frozen=True)
class News:
    """A stack through which the replay went once."""

    target: Target
    dsn: str
    views: Views
    report: dict[str, Any]
    folder: Path

    def run(self, output: str) -> dict[str, Any]:
        return run(self.target, output)

    def recommend(self) -> dict[str, Any]:
        return self.target.invoke(self.target.output("MakeRecommendationsFunctionName"), {})

    def feed(self, feed_id: str) -> FeedView:
        return next(each for each in self.views.news.feeds([feed_id]))

    def recommendation(self, recommendation_id: str) -> RecommendationView:
        return next(
            each for each in self.views.trading.recommendations() if each.recommendation_id == recommendation_id
        )

    def execute(self, statement: str, *parameters: object) -> None:
        with psycopg.connect(self.dsn) as connection:
            connection.execute(statement, parameters)

    def count(self, table: str) -> int:
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        assert row is not None
        return int(row[0])

    def pending(self, ticker: str) -> str:
        """A new recommendation to buy one share, at the last price."""
        recommendation_id = str(uuid4())
        self.execute(
            """
            INSERT INTO dispatch_recommendations
                (recommendation_id, ticker, side, quantity, reference_price, rule_version, evidence,
                made_at, expires_at)
            SELECT %s, ticker, 'BUY', 1, close, 'by hand', '{"sentiment": 0.5, "sma": 1}', now(), now() + '10 min'
            FROM lane_telemetry WHERE ticker = %s ORDER BY ts DESC LIMIT 1
            """,
            recommendation_id,
            ticker,
        )
        return recommendation_id

    def label_anew(self) -> str:
        """Have one story classified again; returns the version of the model that did it."""
        self.execute(
            """
            UPDATE inbound_events_raw SET processed_at = NULL, attempts = 0
            WHERE event_uid = (SELECT min(event_uid) FROM inbound_events_raw)
            """
        )
        assert self.run(CLASSIFY)["stored"] >= 1
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(
                "SELECT model_version FROM inbound_events_classified ORDER BY event_uid LIMIT 1"
            ).fetchone()
        assert row is not None
        return str(row[0])

    @contextmanager
    def halted(self) -> Iterator[None]:
        function = self.target.output("SetDispatchControlFunctionName")
        self.target.invoke(function, {"halted": True, "actor": "a test", "reason": "to see it hold"})
        try:
            yield
        finally:
            self.target.invoke(function, {"halted": False, "actor": "a test", "reason": "seen"})


@pytest.fixture(scope="session")
def news(cloud: Cloud, target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[News]:
    """The demo's own way through."""
    endpoints = cloud.endpoints()
    assert endpoints is not None
    folder = tmp_path_factory.mktemp("news")
    report = run_news(target, cloud, folder)
    with open_views(endpoints.postgres.dsn) as views:
        yield News(target, endpoints.postgres.dsn, views, report, folder)


# --- the way through -------------------------------------------------------------------------------------------------


def test_broken_and_silent_feeds_leave_the_others_alone(news: News) -> None:
    # Given one feed that is cut off, one that never answers, one that is gone for good
    assert all(news.feed(feed_id).stories > 5 and news.feed(feed_id).error is None for feed_id in GOOD)
    # Then each is known with its error and its next attempt
    silent, broken, closed = (news.feed(feed_id) for feed_id in ("silent-desk", "broken-desk", "closed-desk"))
    assert "no whole answer" in str(silent.error)
    assert "unclosed token" in str(broken.error)
    assert closed.retired
    assert not silent.retired
    assert not broken.retired
    assert min(silent.failures, broken.failures) >= 1


def test_odd_entries_and_a_json_feed_are_counted_right(news: News) -> None:
    # Given a feed with an entry without a date, one without a link, two with one GUID, and one with a day-first date
    odd, as_json = news.feed("odd-desk"), news.feed("json-desk")
    # Then each is one story; the undated and the ambiguous date are of unknown age
    assert (odd.stories, odd.undated, odd.error) == (5, 2, None)
    assert (as_json.stories, as_json.undated, as_json.error) == (2, 0, None)
    with psycopg.connect(news.dsn) as connection:
        row = connection.execute(
            """
            SELECT identity->>'basis', count(*) FILTER (WHERE raw.url IS NULL)
            FROM feed_state JOIN inbound_events_raw AS raw USING (feed_id) WHERE feed_id = 'odd-desk' GROUP BY 1
            """
        ).fetchone()
    assert row == ("link", 1)


def test_a_feed_that_moved_is_asked_at_its_new_address(news: News) -> None:
    assert str(news.feed("energy-desk").moved_to).endswith("/feeds/energy-desk.atom")


def test_what_could_not_be_read_is_kept_with_its_reason(news: News) -> None:
    bucket = news.target.output("DataBucketName")
    listed = news.target.client("s3").list_objects_v2(Bucket=bucket, Prefix="news/quarantine/").get("Contents", [])
    assert any("broken-desk" in each["Key"] for each in listed)


def test_every_story_has_its_label_and_companies(news: News) -> None:
    stories = news.views.news.stories()
    assert len(stories) > 80
    assert all(each.label and each.model_version for each in stories)
    assert {ticker for each in stories for ticker in each.tickers} >= BOUGHT | SOLD
    # And a story that two feeds tell is one story
    assert len({each.story_uid for each in stories}) < len(stories)


def test_stories_and_prices_become_decisions(news: News) -> None:
    made = {each.ticker: each for each in news.views.trading.recommendations() if each.ticker in BOUGHT | SOLD}
    # Then good news and a rising price are bought, once, in a dry run
    assert made.keys() >= BOUGHT
    for ticker in BOUGHT:
        each = made[ticker]
        assert (each.side, each.status, each.execution, each.broker) == ("BUY", "EXECUTED", "FILLED", "dry-run")
        assert each.fill_price is not None
        assert each.fill_price > each.reference_price  # spread and slippage are against us
        assert all(gate.passed for gate in each.gates)
    # And what nobody holds is not sold
    for ticker in SOLD & made.keys():
        assert (made[ticker].side, made[ticker].status, made[ticker].execution) == ("SELL", "REFUSED", None)
        assert [gate.name for gate in made[ticker].gates if not gate.passed] == ["shares_held"]


def test_the_reasons_to_keep_still_are_told(news: News) -> None:
    assert set(news.report["runs"]["signals"]["skipped"]) <= {"against_trend", "weak_sentiment", "no_stories"}
    assert news.report["runs"]["signals"]["considered"] == 8


def test_report_and_picture_are_complete(news: News) -> None:
    assert (news.folder / news.report["chart"]["path"]).read_bytes().startswith(b"\x89PNG")
    assert json.loads(json.dumps(news.report)) == news.report
    assert {"feeds", "labels", "bars", "recommendations", "incidents", "runs", "model", "seconds"} <= news.report.keys()


def test_the_news_report_says_what_is_traded_and_why_not(news: News) -> None:
    report = news.target.invoke(news.target.output("MakeRecommendationsFunctionName"), {"show": True, "stories": 1000})
    outcomes = {each["ticker"]: each["outcome"] for each in report["companies"]}
    assert {outcomes[ticker] for ticker in BOUGHT} == {"cooldown"}  # they were recommended a moment ago
    undated = [each for each in report["stories"] if each["published_at"] is None]
    assert {each["feed_id"] for each in undated} == {"odd-desk"}
    assert any(company["weight"] for each in report["stories"] for company in each["companies"])


def test_a_feed_list_that_no_parameter_holds_is_polled_from_the_bucket(news: News) -> None:
    # Given the list with a note that makes it too long
    feeds = ListParameter(news.target, "feeds", FEED_LISTS)
    items = feeds.items()
    feeds.write([items[0] | {"note": "x" * PARAMETER_CHARACTERS}, *items[1:]])
    # When the machine runs, then it reads the same feeds, as the command does
    news.run(INGEST)
    assert [each["feed_id"] for each in feeds.items()] == [each["feed_id"] for each in items]
    shown = news.target.invoke(news.target.output("ListDueFeedsFunctionName"), {"show": True})["states"]
    assert sorted(each["feed_id"] for each in shown) == sorted(each["feed_id"] for each in items)
    feeds.write(items)


# --- everything arrives twice ----------------------------------------------------------------------------------------


def test_feeds_read_anew_bring_nothing_new(news: News) -> None:
    before = news.count("inbound_events_raw")
    # Given feeds that are due, of which nothing is remembered
    news.execute(
        "UPDATE feed_state SET next_attempt_at = now(), etag = NULL, last_modified = NULL, body_sha256 = NULL"
        " WHERE feed_id = ANY(%s)",
        sorted(GOOD | ODD),
    )
    # When they are read again
    again = news.run(INGEST)
    # Then all that was known is known, and no more than what has appeared since is new
    assert again["known"] >= before - 5
    assert news.count("inbound_events_raw") == before + again["stored"]


def test_unchanged_feeds_are_not_sent_again(news: News) -> None:
    news.execute("UPDATE feed_state SET next_attempt_at = now() WHERE feed_id = 'market-wire'")
    news.run(INGEST)
    assert news.feed("market-wire").http_status in (304, 200)  # 200: a story has appeared meanwhile
    news.execute("UPDATE feed_state SET next_attempt_at = now() WHERE feed_id = 'tech-desk'")
    news.run(INGEST)
    assert news.feed("tech-desk").error is None


def test_bars_fetched_again_are_the_same_bars(news: News) -> None:
    again = news.run(TELEMETRY)
    assert again.get("revised", 0) == 0
    with psycopg.connect(news.dsn) as connection:
        double = connection.execute(
            "SELECT ticker, ts FROM lane_telemetry GROUP BY 1, 2 HAVING count(*) > 1"
        ).fetchall()
    assert double == []


def test_a_late_bar_and_a_corrected_one_are_found_by_asking_again(news: News) -> None:
    # Given a source that lacked one bar and had another one wrong when the demo first asked
    again = news.report["runs"]["telemetry_again"]
    assert (again["late"], again["revised"]) == (1, 1)
    with psycopg.connect(news.dsn) as connection:
        revised = connection.execute("SELECT ticker FROM lane_telemetry WHERE revised_count > 0").fetchall()
    assert revised == [("JPM",)]


def test_the_rule_applied_again_recommends_nothing_again(news: News) -> None:
    before = {each.recommendation_id for each in news.views.trading.recommendations()}
    again = news.recommend()
    after = {each.recommendation_id for each in news.views.trading.recommendations()}
    assert before <= after
    assert again["skipped"]["cooldown"] >= len(BOUGHT)
    assert len(after - before) == again["made"]


def test_dispatchers_at_once_send_an_order_once(news: News) -> None:
    # Given one recommendation and four dispatchers in the same instant
    recommendation_id = news.pending("JPM")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: news.run(DISPATCH), range(4)))
    # Then it was executed, and there is one execution and one decision of it
    made = news.recommendation(recommendation_id)
    assert (made.status, made.execution) == ("EXECUTED", "FILLED")
    with psycopg.connect(news.dsn) as connection:
        executions = connection.execute(
            "SELECT 1 FROM dispatch_executions WHERE recommendation_id = %s", (recommendation_id,)
        ).fetchall()
        decisions = connection.execute(
            "SELECT 1 FROM decisions WHERE evidence->>'recommendation_id' = %s", (recommendation_id,)
        ).fetchall()
    assert (len(executions), len(decisions)) == (1, 1)


def test_the_model_that_serves_is_not_registered_again(news: News) -> None:
    assert serve_sentiment(news.target) == news.report["model"]["version"]


def test_a_version_of_the_sentiment_model_is_rolled_back(news: News, tmp_path: Path) -> None:
    # Given a second bundle that has come through the gate and serves, and a story that it has labelled
    words = {"positive": "profit rises sharply", "negative": "profit falls sharply", "neutral": "to report on Friday"}
    rows = [Labelled(f"Company {n} {text}", label) for n in range(80) for label, text in words.items()]
    first = news.report["model"]["version"]
    second = serve_bundle(news.target, bundles.delivery(pack_lexicon(tmp_path, {"made-up": rows}).archive))
    assert second == first + 1
    versions = [news.label_anew()]
    # When it is rolled back
    before = registry.rollback_version(news.target, "sentiment", None)
    arn = deployments.start_rollback(news.target, "sentiment", before)
    executions.follow(news.target, arn, timeout_seconds=300)
    # Then the first serves again, and says so in the labels that it gives
    assert registry.current_version(news.target, "sentiment") == first
    versions.append(news.label_anew())
    assert versions[0] != versions[1]


# --- switches and the watchdog -------------------------------------------------------------------------------------


def test_nothing_passes_a_halted_dispatch(news: News) -> None:
    with news.halted():
        recommendation_id = news.pending("XOM")
        news.run(DISPATCH)
    made = news.recommendation(recommendation_id)
    assert (made.status, made.execution) == ("REFUSED", None)
    assert any("halted by claimed: a test" in reason for reason in made.refused_by)


def test_the_watchdog_tells_of_a_halt_once(news: News) -> None:
    sqs, sns = news.target.client("sqs"), news.target.client("sns")
    url = sqs.create_queue(QueueName="e2e-alarms")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=news.target.output("AlarmsTopicArn"), Protocol="sqs", Endpoint=arn)
    # Given a halt that lasts over three looks
    with news.halted():
        looks = [news.run(WATCH) for _ in range(3)]
    # Then it is an incident, and was told in one mail
    assert "kill_switch:manual" in {each.incident_key for each in news.views.operations.incidents()}
    assert looks
    mails = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    assert len([mail for mail in mails if "halted" in mail["Body"]]) == 1
