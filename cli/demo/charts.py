"""Charts of the demonstration: forecasts of the backtest; price and news of one ticker."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from bellwether.news.views import StoryView
from bellwether.trading.domain.signals import SignalRule, Story, sentiment_at
from bellwether.trading.views import PriceView, RecommendationView

_COLOURS = {"positive": "#2a9d5c", "negative": "#c8443c", "neutral": "#888888"}
_STEP = timedelta(minutes=5)


@dataclass(frozen=True)
class BacktestPoint:
    """One forecast of the backtest, in the target's unit, with its 80% interval and what came true."""

    target_month: date
    actual: float
    prediction: float
    lower: float
    upper: float


@dataclass(frozen=True)
class TickerChart:
    """All that is drawn, oldest first."""

    ticker: str
    prices: Sequence[PriceView]
    stories: Sequence[StoryView]
    recommendations: Sequence[RecommendationView]


def draw_backtest(points: list[BacktestPoint], *, title: str, path: Path, unit: str = "percent") -> Path:
    """Draw forecast against actual with the interval as a band; returns the PNG's path."""
    from matplotlib.figure import Figure  # a second to import, which other commands need not wait for

    months = [point.target_month for point in points]
    figure = Figure(figsize=(10, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.fill_between(
        months,  # type: ignore[arg-type]  # matplotlib converts dates
        [point.lower for point in points],
        [point.upper for point in points],
        color="#4c78a8",
        alpha=0.2,
        linewidth=0,
        label="80% interval",
    )
    axes.plot(months, [point.prediction for point in points], color="#4c78a8", linewidth=1.4, label="forecast")  # type: ignore[arg-type]
    axes.plot(months, [point.actual for point in points], color="#222222", linewidth=1.2, label="actual")  # type: ignore[arg-type]
    axes.set_title(title, loc="left")
    axes.set_ylabel(unit)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=3)
    figure.savefig(path)
    return path


@dataclass(frozen=True)
class SpendDay:
    """One day's spend in USD: what came, or the forecast of it with its 80% interval."""

    day: date
    actual: float | None
    prediction: float | None
    lower: float | None = None
    upper: float | None = None


def draw_spend(days: Sequence[SpendDay], *, title: str, path: Path) -> Path:
    """Draw spend by day with the forecast as it was made; returns the PNG's path."""
    from matplotlib.figure import Figure  # a second to import, which other commands need not wait for

    figure = Figure(figsize=(10, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    ahead = [each for each in days if each.prediction is not None]
    known = [each for each in days if each.actual is not None]
    future, past = [each.day for each in ahead], [each.day for each in known]
    lower, upper = [each.lower or 0.0 for each in ahead], [each.upper or 0.0 for each in ahead]
    axes.fill_between(future, lower, upper, color="#4c78a8", alpha=0.2, linewidth=0, label="80% interval")  # type: ignore[arg-type]
    axes.plot(future, [each.prediction or 0.0 for each in ahead], color="#4c78a8", label="forecast")  # type: ignore[arg-type]
    axes.plot(past, [each.actual or 0.0 for each in known], color="#222222", label="actual")  # type: ignore[arg-type]
    axes.set_ylim(bottom=0)
    axes.set_title(title, loc="left")
    axes.set_ylabel("USD a day")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=3)
    figure.savefig(path)
    return path


def draw_ticker(chart: TickerChart, rule: SignalRule, path: Path) -> Path:
    """Price with its moving average and the trades above, stories and the rule's decayed sentiment below."""
    from matplotlib.dates import ConciseDateFormatter  # a second to import, which other commands need not wait for
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), dpi=120, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    times = [price.start + _STEP for price in chart.prices]
    closes = [float(price.close) for price in chart.prices]
    above.plot(times, closes, color="#222222", linewidth=1.1, label="close")
    average = moving_average(closes, rule.sma_bars)
    shown = times[rule.sma_bars - 1 :]
    above.plot(shown, average, color="#4c78a8", linewidth=1.2, label=f"SMA {rule.sma_bars}")
    for side, marker, colour in (("BUY", "^", _COLOURS["positive"]), ("SELL", "v", _COLOURS["negative"])):
        of_side = [each for each in chart.recommendations if each.side == side]
        if of_side:
            above.scatter(
                [each.made_at for each in of_side],
                [float(each.fill_price or each.reference_price) for each in of_side],
                marker=marker,
                s=90,
                color=colour,
                zorder=3,
                label=f"{side.lower()} recommended",
            )
    above.set_ylabel("USD")
    above.set_title(f"{chart.ticker}: price and news sentiment (invented data)", loc="left")
    above.legend(frameon=False, ncols=4, loc="upper left")

    for label, colour in _COLOURS.items():
        told = [each for each in chart.stories if each.label == label and each.sentiment is not None]
        if told:
            moments = [each.published_at for each in told]
            heights = [each.sentiment for each in told]
            below.vlines(moments, 0, heights, color=colour, linewidth=1)
            below.scatter(moments, heights, color=colour, s=22, zorder=3, label=label)
    decayed = [sentiment_at(_stories(chart.stories), moment, rule) for moment in times]
    line = [0.0 if value is None else value for value in decayed]
    below.plot(times, line, color="#4c78a8", linewidth=1.4, label="decayed sentiment")
    below.axhspan(-rule.threshold, rule.threshold, color="#4c78a8", alpha=0.08, linewidth=0)
    below.set_ylim(-1.5, 1.1)  # the legend lies at the bottom
    below.set_ylabel("sentiment")
    below.legend(frameon=False, ncols=4, loc="lower left")
    below.xaxis.set_major_formatter(ConciseDateFormatter(below.xaxis.get_major_locator()))  # type: ignore[no-untyped-call]
    if times:
        below.set_xlim(times[0], times[-1] + 6 * _STEP)
    for axes in (above, below):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    return path


def moving_average(values: Sequence[float], length: int) -> list[float]:
    """Means of each run of `length` neighbours; empty when there are fewer."""
    return [sum(values[end - length : end]) / length for end in range(length, len(values) + 1)]


def _stories(told: Sequence[StoryView]) -> list[Story]:
    """As the rule counts them, had each been known when it was published."""
    return [
        Story(each.event_uid, each.story_uid, each.published_at, each.published_at, each.sentiment)
        for each in told
        if each.sentiment is not None
    ]
