"""The news pipeline: replayed feeds and bars in; recommendations, gate verdicts and dry-run fills out."""

import json
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.specs import ClassifierSpec
from bellwether.news.views import NewsViews
from bellwether.operations.views import OperationsViews
from bellwether.trading.domain.signals import INTRADAY
from bellwether.trading.views import RecommendationView, TradingViews
from cli import bundles, deployments, executions, registry, training
from cli.demo import news_tables
from cli.demo.charts import TickerChart, draw_ticker
from cli.problems import CommandError
from cli.target import Target
from cli.terminal import Report, console, done, spinner
from jobs.sentiment.pack import pack_lexicon
from localcloud.control import Cloud

MODEL = "sentiment"
WAIT_SECONDS = 900
REPLAY_AGE_MAX = timedelta(hours=20)  # stories of an earlier run are older than this


@dataclass(frozen=True)
class Replay:
    """Feeds and tickers of the replay server, and the time at which its tape starts."""

    feeds: tuple[dict[str, str], ...]
    tickers: tuple[str, ...]
    replay_from: datetime

    @property
    def feed_ids(self) -> list[str]:
        return [feed["feed_id"] for feed in self.feeds]


@dataclass(frozen=True)
class Views:
    """What the demonstration reads from the database."""

    news: NewsViews
    trading: TradingViews
    operations: OperationsViews


@contextmanager
def open_views(dsn: str) -> Iterator[Views]:
    """Read the database over one read-only connection."""
    options = "-c timezone=UTC -c default_transaction_read_only=on"
    with psycopg.connect(dsn, options=options, autocommit=True) as connection:
        yield Views(NewsViews(connection), TradingViews(connection), OperationsViews(connection))


def run_news(target: Target, cloud: Cloud, out: Path) -> dict[str, Any]:
    """Run the pipeline on the replay, print the results, draw `news.png` into `out`; returns the results.

    The cloud must be up with the stack deployed. Raises CommandError when a step fails.
    """
    endpoints = cloud.endpoints()
    if endpoints is None:
        raise CommandError("The embedded cloud is down: start it with 'bellwether up'")
    with open_views(endpoints.postgres.dsn) as views:
        return _run_news(target, views, endpoints.replay_url, endpoints.postgres.dsn, out)


def _run_news(target: Target, views: Views, replay_url: str, dsn: str, out: Path) -> dict[str, Any]:
    started, began = time.monotonic(), datetime.now(UTC)
    replay = prepare_replay(replay_url, views.news)
    configure(target, replay)
    done(
        f"Configured {len(replay.feeds)} feeds (one returns broken XML, one never answers, one has odd entries) "
        f"and {len(replay.tickers)} tickers"
    )
    with ThreadPoolExecutor(max_workers=1) as pool:
        ingesting = pool.submit(run, target, "IngestNewsStateMachineArn")
        with spinner("Deploying the sentiment model") as on_state:
            version = serve_sentiment(target, on_state)
        done(f"Sentiment model: version {version} passed the gate, was approved and deployed")
        with spinner("Fetching bars") as on_state:
            telemetry = run(target, "RefreshTelemetryStateMachineArn", on_state)
        done(f"Bars: {telemetry.get('stored', 0)} new, {telemetry.get('revised', 0)} corrected")
        expire_coverage(dsn)
        with spinner("Fetching bars again") as on_state:
            telemetry_again = run(target, "RefreshTelemetryStateMachineArn", on_state)
        done(
            "Bars fetched again, as after the next five-minute bar: "
            f"{telemetry_again.get('late', 0)} late, {telemetry_again.get('revised', 0)} corrected"
        )
        with console.status("Fetching feeds: waiting for the timeout of the feed that never answers"):
            ingested = ingesting.result()
    done(f"Feeds: {ingested.get('stored', 0)} new stories, {ingested.get('known', 0)} already stored")
    with spinner("Classifying stories") as on_state:
        classified = run(target, "ClassifyNewsStateMachineArn", on_state)
    done(f"Stories: {classified.get('stored', 0)} classified")
    with console.status("Applying the signal rule"):
        signals = target.invoke(target.output("MakeRecommendationsFunctionName"), {})
    done(f"Signals: {signals['made']} recommendations from {signals['considered']} tickers with news")
    with spinner("Dispatching") as on_state:
        dispatched = run(target, "DispatchRecommendationsStateMachineArn", on_state)
    fresh = [each for each in views.trading.recommendations() if each.made_at >= began]
    filled, refused = sum(each.execution == "FILLED" for each in fresh), sum(each.status == "REFUSED" for each in fresh)
    done(f"Dispatch: {filled} filled by the dry-run broker, {refused} refused by risk gates")
    with spinner("Running the watchdog") as on_state:
        watched = run(target, "WatchStateMachineArn", on_state)
    done(f"Watchdog: {watched.get('open', 0)} open incidents")
    report = _report(views, replay, out)
    report["runs"] = {
        "ingest": ingested,
        "telemetry": telemetry,
        "telemetry_again": telemetry_again,
        "classify": classified,
        "signals": signals,
        "dispatch": dispatched,
        "watch": watched,
    }
    report["model"] = {"name": MODEL, "version": version}
    report["seconds"] = round(time.monotonic() - started, 1)
    _print(views, replay, report)
    return report


# --- the replay -----------------------------------------------------------------------------------------------------


def prepare_replay(url: str, news: NewsViews) -> Replay:
    """Read the replay's feeds and tickers; rewind it to its first signals when none of its stories is recent."""
    replay = _read_replay(url)
    newest = news.newest_story_at(replay.feed_ids)
    if newest is None or datetime.now(UTC) - newest > REPLAY_AGE_MAX:
        _request(f"{url}/_replay/rewind", method="POST")
        replay = _read_replay(url)
    return replay


def _read_replay(url: str) -> Replay:
    tape = _request(f"{url}/_replay/tape")
    return Replay(
        feeds=tuple(_request(f"{url}/_replay/feeds")),
        tickers=tuple(tape["tickers"]),
        replay_from=datetime.fromisoformat(tape["replay_from"]),
    )


def _request(url: str, *, method: str = "GET") -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, method=method, data=b"" if method == "POST" else None)  # noqa: S310 - loopback
    try:
        with opener.open(request, timeout=10) as response:
            return json.load(response)
    except (OSError, ValueError) as error:
        raise CommandError(f"The replay server at {url} does not answer: run 'bellwether up' ({error})") from error


def configure(target: Target, replay: Replay) -> None:
    """Replace the configured feeds and tickers with those of the replay."""
    ssm = target.client("ssm")
    for name, value in (("feeds", list(replay.feeds)), ("tickers", list(replay.tickers))):
        ssm.put_parameter(
            Name=f"/bellwether/{target.environment}/{name}", Value=json.dumps(value), Type="String", Overwrite=True
        )


# --- steps ----------------------------------------------------------------------------------------------------------


def run(target: Target, output: str, on_state: Report = lambda _: None) -> dict[str, Any]:
    """Run the state machine that a stack output names."""
    return executions.run(target, target.output(output), timeout_seconds=WAIT_SECONDS, on_state=on_state)


def serve_sentiment(target: Target, on_state: Report = lambda _: None) -> int:
    """Register, approve and deploy the embedded sentiment model; returns its version.

    Does nothing when the same bundle is already in service.
    """
    with tempfile.TemporaryDirectory() as scratch:
        return serve_bundle(target, bundles.delivery(pack_lexicon(Path(scratch)).archive), on_state)


def serve_bundle(target: Target, packed: bundles.Delivery, on_state: Report = lambda _: None) -> int:
    """The same for any bundle of a sentiment model."""
    spec = model_spec(MODEL)
    if not isinstance(spec, ClassifierSpec):
        raise CommandError(f"{MODEL} is not a classifier")
    current = target.models.current(MODEL)
    if current is not None and current.bundle_sha256 == packed.bundle_sha256:
        return current.version
    arn = bundles.register(target, spec, packed)
    output = executions.follow(target, arn, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    if output.get("outcome") != training.REGISTERED:
        raise CommandError(f"The quality gate refused the sentiment model:\n{training.outcome_text(output)}")
    version = registry.numbered_version(target, MODEL, output["version"])
    deployments.approve_and_wait(target, MODEL, version, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    return version.number


def expire_coverage(dsn: str) -> None:
    """Make the next run request the last bars again, as it does after five minutes, without the wait."""
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE telemetry_coverage SET checked_until = checked_until - interval '5 minutes'")


# --- results ---------------------------------------------------------------------------------------------------------


def _report(views: Views, replay: Replay, out: Path) -> dict[str, Any]:
    made = views.trading.recommendations()
    ticker = ticker_to_draw(made, replay.tickers)
    stories = views.news.stories(ticker=ticker)
    chart = draw_ticker(
        TickerChart(
            ticker,
            views.trading.prices(ticker, datetime.now(UTC) - INTRADAY.window),
            stories,
            [each for each in made if each.ticker == ticker],
        ),
        INTRADAY,
        out / "news.png",
    )
    return {
        "feeds": [each.model_dump(mode="json") for each in views.news.feeds(replay.feed_ids)],
        "labels": dict(views.news.labels()),
        "bars": views.trading.bars().model_dump(mode="json"),
        "recommendations": [each.model_dump(mode="json") | {"refused_by": list(each.refused_by)} for each in made],
        "incidents": [each.model_dump(mode="json") for each in views.operations.incidents()],
        "chart": {"ticker": ticker, "path": chart.name, "stories": len(stories)},
    }


def ticker_to_draw(made: Sequence[RecommendationView], tickers: Sequence[str]) -> str:
    """A ticker that was bought; otherwise one with a recommendation; otherwise the first."""
    filled = [each for each in made if each.execution == "FILLED"]
    return (
        max([*filled, *made], key=lambda each: (each.execution == "FILLED", each.sentiment)).ticker
        if made
        else tickers[0]
    )


def _print(views: Views, replay: Replay, report: dict[str, Any]) -> None:
    stories = views.news.stories(limit=4 * news_tables.STORIES_SHOWN)
    console.print(
        news_tables.feeds_table(views.news.feeds(replay.feed_ids)),
        news_tables.stories_table(stories, report["labels"]),
        news_tables.recommendations_table(views.trading.recommendations()),
        news_tables.summary_table(report),
    )
