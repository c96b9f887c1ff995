"""The news pipeline, once through: replayed feeds and bars in, recommendations, verdicts and dry-run fills out."""

import json
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from rich.table import Table

from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.specs import ClassifierSpec
from bellwether.trading.domain.signals import INTRADAY
from cli import bundles, deployments, executions, registry, training
from cli.demo.charts import TickerFacts, draw_ticker
from cli.news_facts import FeedFact, NewsFacts, RecommendationFact, StoryFact
from cli.problems import CommandError
from cli.target import Target
from cli.terminal import Report, console, done
from jobs.sentiment.pack import pack_lexicon
from localcloud.control import Cloud

MODEL = "sentiment"
WAIT_SECONDS = 300
STORIES_SHOWN = 12
OLD = timedelta(hours=20)  # what an earlier demo left counts no more


@dataclass(frozen=True)
class ReplayTold:
    """What the replay says of itself."""

    feeds: tuple[dict[str, str], ...]
    tickers: tuple[str, ...]
    replay_from: datetime

    @property
    def feed_ids(self) -> list[str]:
        return [feed["feed_id"] for feed in self.feeds]


def run_news(target: Target, cloud: Cloud, out: Path) -> dict[str, Any]:
    """Run the pipeline on the replay, print what came of it, draw `news.png` into `out`; returns the facts.

    The cloud has to be up with the stack deployed. Raises CommandError when a step fails.
    """
    started, began = time.monotonic(), datetime.now(UTC)
    endpoints = cloud.endpoints()
    if endpoints is None:
        raise CommandError("The embedded cloud is down: start it with 'bellwether up'")
    facts = NewsFacts(endpoints.postgres.dsn)
    replay = prepare_replay(endpoints.replay_url, facts)
    configure(target, replay)
    done(
        f"{len(replay.feeds)} feeds and {len(replay.tickers)} tickers configured: one feed is broken, one never answers"
    )

    with ThreadPoolExecutor(max_workers=1) as pool, console.status("Reading feeds") as status:
        ingesting = pool.submit(run, target, "IngestNewsStateMachineArn")
        version = serve_sentiment(target, status.update)
        done(f"Sentiment model: version {version} through the gate, approved, in service")
        telemetry = run(target, "RefreshTelemetryStateMachineArn", status.update)
        done(f"Bars: {telemetry.get('stored', 0)} new, {telemetry.get('revised', 0)} corrected")
        forget_last_question(endpoints.postgres.dsn)
        asked_again = run(target, "RefreshTelemetryStateMachineArn", status.update)
        done(
            "Bars asked for again, as in five minutes: "
            f"{asked_again.get('late', 0)} came late, {asked_again.get('revised', 0)} corrected"
        )
        status.update("Waiting for the feed that never answers")
        ingested = ingesting.result()
    done(f"Feeds: {ingested.get('stored', 0)} new stories, {ingested.get('known', 0)} known")
    with console.status("Classifying") as status:
        classified = run(target, "ClassifyNewsStateMachineArn", status.update)
        done(f"Stories: {classified.get('stored', 0)} classified ({classified.get('outcome', 'nothing_waits')})")
        status.update("Applying the signal rule")
        signals = target.invoke(target.output("MakeRecommendationsFunctionName"), {})
        done(f"Signals: {signals['made']} recommendations of {signals['considered']} tickers in the news")
        status.update("Dispatching")
        dispatched = run(target, "DispatchRecommendationsStateMachineArn", status.update)
        status.update("Watching")
        watched = run(target, "WatchStateMachineArn", status.update)
    fresh = [each for each in facts.recommendations() if each.made_at >= began]
    filled, refused = sum(each.execution == "FILLED" for each in fresh), sum(each.status == "REFUSED" for each in fresh)
    done(f"Dispatch: {filled} filled by the dry-run broker, {refused} refused by the gates")
    done(f"Watchdog: {watched.get('open', 0)} open incidents")
    report = _report(facts, replay, out)
    report["runs"] = {
        "ingest": ingested,
        "telemetry": telemetry,
        "telemetry_again": asked_again,
        "classify": classified,
        "signals": signals,
        "dispatch": dispatched,
        "watch": watched,
    }
    report["model"] = {"name": MODEL, "version": version}
    report["seconds"] = round(time.monotonic() - started, 1)
    _print(facts, replay, report)
    return report


# --- the replay -----------------------------------------------------------------------------------------------------


def prepare_replay(url: str, facts: NewsFacts) -> ReplayTold:
    """Ask the replay what it has; where nothing of it was read lately, have it begin where it gets interesting."""
    told = _told(url)
    read = facts.newest_story_of(told.feed_ids)
    if read is None or datetime.now(UTC) - read > OLD:
        _ask(f"{url}/_replay/rewind", method="POST")
        told = _told(url)
    return told


def _told(url: str) -> ReplayTold:
    tape = _ask(f"{url}/_replay/tape")
    return ReplayTold(
        feeds=tuple(_ask(f"{url}/_replay/feeds")),
        tickers=tuple(tape["tickers"]),
        replay_from=datetime.fromisoformat(tape["replay_from"]),
    )


def _ask(url: str, *, method: str = "GET") -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, method=method, data=b"" if method == "POST" else None)  # noqa: S310 - loopback
    try:
        with opener.open(request, timeout=10) as response:
            return json.load(response)
    except (OSError, ValueError) as error:
        raise CommandError(f"The replay at {url} does not answer: run 'bellwether up' ({error})") from error


def configure(target: Target, replay: ReplayTold) -> None:
    """Have the replay's feeds and tickers followed instead of what is configured."""
    ssm = target.client("ssm")
    for name, value in (("feeds", list(replay.feeds)), ("tickers", list(replay.tickers))):
        ssm.put_parameter(
            Name=f"/bellwether/{target.environment}/{name}", Value=json.dumps(value), Type="String", Overwrite=True
        )


# --- steps ----------------------------------------------------------------------------------------------------------


def run(target: Target, output: str, on_state: Report = lambda _: None) -> dict[str, Any]:
    """Run the state machine that an output of the stack names."""
    return executions.run(target, target.output(output), timeout_seconds=WAIT_SECONDS, on_state=on_state)


def serve_sentiment(target: Target, on_state: Report = lambda _: None) -> int:
    """Register the embedded sentiment model, approve it and wait for its deployment; returns its version.

    Nothing happens when that very bundle serves already.
    """
    with tempfile.TemporaryDirectory() as scratch:
        return serve_bundle(target, bundles.delivery(pack_lexicon(Path(scratch)).archive), on_state)


def serve_bundle(target: Target, packed: bundles.Delivery, on_state: Report = lambda _: None) -> int:
    """The same for any bundle of a sentiment model."""
    spec = model_spec(MODEL)
    if not isinstance(spec, ClassifierSpec):
        raise CommandError(f"{MODEL} is no classifier")
    current = registry.current(target, MODEL)
    if current.get("bundle_sha256") == packed.bundle_sha256:
        return int(current["version"])
    arn = bundles.register(target, spec, packed)
    output = executions.follow(target, arn, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    if output.get("outcome") != training.REGISTERED:
        raise CommandError(f"The gate did not let the sentiment model through:\n{training.outcome_text(output)}")
    version = registry.numbered_version(target, MODEL, output["version"])
    deployments.approve_and_wait(target, MODEL, version, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    return version.number


def forget_last_question(dsn: str) -> None:
    """Have the last half hour's bars asked for again, as they are when another bar has ended: nobody waits for that."""
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE telemetry_coverage SET checked_until = checked_until - interval '5 minutes'")


# --- what came of it ------------------------------------------------------------------------------------------------


def _report(facts: NewsFacts, replay: ReplayTold, out: Path) -> dict[str, Any]:
    made = facts.recommendations()
    ticker = ticker_to_draw(made, replay.tickers)
    stories = facts.stories(ticker=ticker)
    picture = draw_ticker(
        TickerFacts(
            ticker,
            facts.prices(ticker, datetime.now(UTC) - INTRADAY.window),
            stories,
            [each for each in made if each.ticker == ticker],
        ),
        INTRADAY,
        out / "news.png",
    )
    count, tickers, newest = facts.bars()
    report: dict[str, Any] = {
        "feeds": [asdict(each) for each in facts.feeds(replay.feed_ids)],
        "labels": dict(facts.labels()),
        "bars": {"count": count, "tickers": tickers, "newest": newest},
        "recommendations": [_recommendation(each) for each in made],
        "incidents": [asdict(each) for each in facts.incidents()],
        "chart": {"ticker": ticker, "path": picture.name, "stories": len(stories)},
    }
    plain: dict[str, Any] = json.loads(json.dumps(report, default=str))
    return plain


def _recommendation(fact: RecommendationFact) -> dict[str, Any]:
    gates = [gate.model_dump(mode="json") for gate in fact.gates]
    return asdict(fact) | {"gates": gates, "refused_by": fact.refused_by}


def ticker_to_draw(made: Sequence[RecommendationFact], tickers: Sequence[str]) -> str:
    """One that was bought; else one that was recommended; else the first."""
    filled = [each for each in made if each.execution == "FILLED"]
    return (
        max([*filled, *made], key=lambda each: (each.execution == "FILLED", each.sentiment)).ticker
        if made
        else tickers[0]
    )


def _print(facts: NewsFacts, replay: ReplayTold, report: dict[str, Any]) -> None:
    stories = facts.stories(limit=4 * STORIES_SHOWN)
    console.print(
        _feeds_table(facts.feeds(replay.feed_ids)),
        _stories_table(stories, report["labels"]),
        _recommendations_table(facts.recommendations()),
        _watch_table(report),
    )


def _feeds_table(feeds: Sequence[FeedFact]) -> Table:
    table = Table(title="Feeds")
    for column in ("feed", "HTTP", "stories", "state"):
        table.add_column(column, justify="right" if column in ("HTTP", "stories") else "left")
    for feed in feeds:
        table.add_row(feed.feed_id, str(feed.http_status or "-"), str(feed.stories), feed_state(feed))
    return table


def feed_state(feed: FeedFact) -> str:
    """How a feed stands, in words."""
    if feed.retired:
        return "gone for good: retired"
    if feed.error:
        wait = (feed.next_attempt_at - datetime.now(UTC)).total_seconds()
        return f"{feed.error[:60]}; next attempt in {max(0, wait):.0f} s"
    return f"moved to {feed.moved_to}" if feed.moved_to else "well"


def _stories_table(stories: Sequence[StoryFact], labels: dict[str, int]) -> Table:
    told = ", ".join(f"{count} {label}" for label, count in labels.items())
    table = Table(title=f"Stories: the newest of {sum(labels.values())}", caption=told)
    for column in ("published", "told by", "title", "companies", "label", "tone"):
        table.add_column(column, justify="right" if column == "tone" else "left")
    for tellings in by_story(stories)[:STORIES_SHOWN]:
        first = tellings[-1]
        table.add_row(
            f"{first.published_at:%H:%M}",
            ", ".join(sorted({each.feed_id for each in tellings})),
            first.title,
            " ".join(first.tickers),
            first.label or "waits",
            "" if first.sentiment is None else f"{first.sentiment:+.2f}",
        )
    return table


def by_story(stories: Sequence[StoryFact]) -> list[list[StoryFact]]:
    """Tellings of the same story together; the newest story, and of each the newest telling, first."""
    found: dict[str, list[StoryFact]] = {}
    for each in stories:
        found.setdefault(each.story_uid, []).append(each)
    return list(found.values())


def _recommendations_table(made: Sequence[RecommendationFact]) -> Table:
    table = Table(title="Recommendations, gates, dry-run fills")
    for column in ("made", "trade", "sentiment", "price / SMA", "gates", "fill"):
        table.add_column(column, overflow="fold")
    for each in made:
        verdict = "; ".join(each.refused_by) if each.refused_by else f"all {len(each.gates)} passed"
        table.add_row(
            f"{each.made_at:%H:%M}",
            f"{each.side} {each.quantity:f} {each.ticker}",
            f"{each.sentiment:+.2f}",
            f"{each.reference_price:.2f} / {each.sma:.2f}",
            verdict if each.gates else "not ruled yet",
            fill(each),
        )
    return table


def fill(made: RecommendationFact) -> str:
    """What the broker made of it."""
    if made.execution is None:
        return made.status.lower()
    if made.fill_price is None or not made.filled_quantity:
        return made.execution.lower()
    return f"{made.filled_quantity:f} at {made.fill_price:.4f} ({made.broker})"


def _watch_table(report: dict[str, Any]) -> Table:
    table = Table(title=f"Watchdog, and the pipeline in {report['seconds']:.0f} s", show_header=False)
    incidents = report["incidents"]
    table.add_row("open incidents", ", ".join(each["incident_key"] for each in incidents) or "none: all is fresh")
    bars = report["bars"]
    table.add_row("bars", f"{bars['count']} of {bars['tickers']} tickers, the newest of {bars['newest']}")
    skipped = report["runs"]["signals"]["skipped"]
    table.add_row("tickers left alone", ", ".join(f"{count} {why}" for why, count in skipped.items()) or "none")
    table.add_row("chart", f"{report['chart']['ticker']}: {report['chart']['path']}")
    return table
