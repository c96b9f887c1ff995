"""Tables of the news demonstration."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from bellwether.news.views import FeedView, StoryView
from bellwether.trading.views import RecommendationView

STORIES_SHOWN = 12


def feeds_table(feeds: Sequence[FeedView]) -> Table:
    """One row for each feed."""
    table = Table(title="Feeds")
    for column in ("feed", "HTTP", "stories", "state"):
        table.add_column(column, justify="right" if column in ("HTTP", "stories") else "left")
    for feed in feeds:
        stories = f"{feed.stories} ({feed.undated} undated)" if feed.undated else str(feed.stories)
        table.add_row(feed.feed_id, str(feed.http_status or "-"), stories, feed_state(feed))
    return table


def feed_state(feed: FeedView) -> str:
    """The state of a feed in words."""
    if feed.retired:
        return "permanently gone: retired"
    if feed.error:
        wait = (feed.next_attempt_at - datetime.now(UTC)).total_seconds()
        return f"{feed.error[:60]}; next attempt in {max(0, wait):.0f} s"
    return f"moved to {feed.moved_to}" if feed.moved_to else "OK"


def stories_table(stories: Sequence[StoryView], labels: dict[str, int]) -> Table:
    """One row for each of the newest stories."""
    counts = ", ".join(f"{count} {label}" for label, count in labels.items())
    table = Table(title=f"Newest stories of {sum(labels.values())}", caption=counts)
    for column in ("published", "feeds", "title", "companies", "label", "sentiment"):
        table.add_column(column, justify="right" if column == "sentiment" else "left")
    for reports in by_story(stories)[:STORIES_SHOWN]:
        first = reports[-1]
        table.add_row(
            f"{first.published_at:%H:%M}",
            ", ".join(sorted({each.feed_id for each in reports})),
            first.title,
            " ".join(
                f"{ticker} {first.tones[ticker]:+.2f}" if ticker in first.tones else ticker for ticker in first.tickers
            ),
            first.label or "waiting",
            "" if first.sentiment is None else f"{first.sentiment:+.2f}",
        )
    return table


def by_story(stories: Sequence[StoryView]) -> list[list[StoryView]]:
    """Reports of the same story together; order as given."""
    found: dict[str, list[StoryView]] = {}
    for each in stories:
        found.setdefault(each.story_uid, []).append(each)
    return list(found.values())


def recommendations_table(made: Sequence[RecommendationView]) -> Table:
    """One row for each recommendation, with its gates and its fill."""
    table = Table(title="Recommendations, gate verdicts, dry-run fills")
    for column in ("made", "trade", "sentiment", "price / SMA", "gates", "fill"):
        table.add_column(column, overflow="fold")
    for each in made:
        verdict = "; ".join(each.refused_by) if each.refused_by else f"all {len(each.gates)} passed"
        table.add_row(
            f"{each.made_at:%H:%M}",
            f"{each.side} {each.quantity:f} {each.ticker}",
            f"{each.sentiment:+.2f}",
            f"{each.reference_price:.2f} / {each.sma:.2f}",
            verdict if each.gates else "not decided",
            fill(each),
        )
    return table


def fill(made: RecommendationView) -> str:
    """The broker's execution in words; without one, the status."""
    if made.execution is None:
        return made.status.lower()
    if made.fill_price is None or not made.filled_quantity:
        return made.execution.lower()
    return f"{made.filled_quantity:f} at {made.fill_price:.4f} ({made.broker})"


def summary_table(report: dict[str, Any]) -> Table:
    """Watchdog, bars and signals in a few lines."""
    table = Table(title=f"News pipeline: summary ({report['seconds']:.0f} s)", show_header=False)
    incidents = report["incidents"]
    table.add_row("open incidents", ", ".join(each["incident_key"] for each in incidents) or "none")
    bars = report["bars"]
    table.add_row("bars", f"{bars['count']} of {bars['tickers']} tickers; newest: {bars['newest']}")
    skipped = report["runs"]["signals"]["skipped"]
    table.add_row(
        "tickers without a signal",
        ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in skipped.items()) or "none",
    )
    table.add_row("chart", f"{report['chart']['ticker']}: {report['chart']['path']}")
    return table
