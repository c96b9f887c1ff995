"""`bellwether backtest`: simulate the live signal rule over history and compare it with buy and hold."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table

from bellwether.shared.domain.errors import BellwetherError
from bellwether.trading.domain.bars import Timeframe
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.signals import DAILY, INTRADAY, Story
from cli.backtest.market_files import BarFiles, Findings, read_bars, read_stories
from cli.backtest.simulation import (
    BacktestReport,
    BacktestTerms,
    History,
    Performance,
    Progress,
    Trade,
    backtest,
)
from cli.backtest.times import Times, zone_of
from cli.problems import CommandError

SAMPLE = Path(__file__).parents[2] / "samples" / "market"
BENCH_DATA = "BELLWETHER_BENCH_DATA"
TRADES_SHOWN = 20
FIGURES = ("total return", "Sharpe ratio", "maximum drawdown", "exposure", "turnover")


@dataclass(frozen=True)
class Source:
    """Input files of a backtest, and a remark about them for the output."""

    bars: tuple[Path, ...]
    stories: Path
    remark: str


def backtest_command(
    bars: Annotated[
        list[Path] | None, typer.Option("--bars", help="CSV of bars, five minutes or a day; may be repeated.")
    ] = None,
    stories: Annotated[
        Path | None, typer.Option("--stories", help="CSV of stories: ticker, time, and sentiment or title.")
    ] = None,
    start: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")] = None,
    costs_bps: Annotated[float, typer.Option(min=0, max=1000, help="Costs of each fill, in bps.")] = 1.0,
    slippage_bps: Annotated[float, typer.Option(min=0, max=1000, help="Slippage of each fill, in bps.")] = 5.0,
    capital: Annotated[int, typer.Option(min=100, help="Capital in USD, divided equally among the tickers.")] = 100_000,
    max_hold_bars: Annotated[int | None, typer.Option(min=1, help="Close a position after this many bars.")] = None,
    short: Annotated[bool, typer.Option("--short", help="Also sell short on negative sentiment.")] = False,
    hours: Annotated[MarketHours, typer.Option(help="Trading hours to use.")] = MarketHours.NYSE,
    latency_seconds: Annotated[int, typer.Option(min=0, help="From publication to classification of a story.")] = 300,
    as_seen: Annotated[
        bool, typer.Option("--as-seen", help="Use the time when a story was first seen, where the file has it.")
    ] = False,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", help="Zone of times in the files that have none, such as America/New_York."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures and trades as JSON.")] = False,
    out: Annotated[Path, typer.Option("--out", help="Folder of backtest.json and backtest.png.")] = Path(
        "build/backtest"
    ),
) -> None:
    """Simulate the live signal rule over history, with costs, and compare it with buy and hold.

    Without files, use the generated sample, or the data in the folder BELLWETHER_BENCH_DATA.
    """
    console = Console(highlight=False, stderr=as_json, width=None if sys.stdout.isatty() else 110)
    source = _source(bars, stories)
    findings = Findings()
    times = Times(zone_of(timezone))
    files_ = read_bars(source.bars, findings, times)
    stories_by_ticker = read_stories(
        source.stories,
        findings,
        latency=timedelta(seconds=latency_seconds),
        as_seen=as_seen,
        scorer=word_list_sentiments,
        times=times,
    )
    terms = BacktestTerms(
        capital_usd=Decimal(capital),
        costs_bps=Decimal(str(costs_bps)),
        slippage_bps=Decimal(str(slippage_bps)),
        short_selling=short,
        max_hold_bars=max_hold_bars,
        hours=hours,
    )
    histories = _histories(files_, stories_by_ticker, start, end)
    rule = INTRADAY if files_.timeframe is Timeframe.FIVE_MINUTES else DAILY
    try:
        with _progress(console) as progress:
            report = backtest(histories, rule, terms, progress)
    except BellwetherError as error:
        raise CommandError(str(error)) from error
    out.mkdir(parents=True, exist_ok=True)
    document = report.model_dump_json(indent=1)
    (out / "backtest.json").write_text(document + "\n", encoding="utf-8")
    draw(report, out / "backtest.png", source.remark)
    if as_json:
        typer.echo(json.dumps(json.loads(report.model_dump_json(exclude={"curve"})), indent=2))
        return
    _print(console, report, source, findings)
    console.print(f"Figures: {out / 'backtest.json'}, chart: {out / 'backtest.png'}")


backtest_command.__name__ = "backtest"


def _source(bars: Sequence[Path] | None, stories: Path | None) -> Source:
    if bars and stories:
        return Source(tuple(bars), stories, "")
    if bars or stories:
        raise CommandError("Give both --bars and --stories, or neither.")
    if folder := os.environ.get(BENCH_DATA):
        news = Path(folder) / "news"
        prices, headlines = news / "daily_prices_2025_2026.csv.gz", news / "ticker_headlines_2026.csv.gz"
        return Source((prices,), headlines, f"daily prices and dated headlines in {BENCH_DATA}")
    sample = (SAMPLE / "bars_5min.csv.gz",)
    return Source(
        sample, SAMPLE / "stories.csv.gz", "generated sample with a built-in effect; no evidence of performance"
    )


def _histories(
    files_: BarFiles, stories: Mapping[str, Sequence[Story]], start: datetime | None, end: datetime | None
) -> list[History]:
    """Bars of the requested days; earlier stories are kept because they may count on the first day."""
    first = (start or datetime(1970, 1, 1)).replace(tzinfo=UTC)  # noqa: DTZ001 - days of UTC
    last = (end or datetime(9000, 1, 1)).replace(tzinfo=UTC) + timedelta(days=1)  # noqa: DTZ001
    return [
        History(ticker, [bar for bar in bars if first <= bar.start < last], stories.get(ticker, ()))
        for ticker, bars in files_.bars.items()
    ]


def word_list_sentiments(titles: Sequence[tuple[str, Sequence[str]]]) -> list[Mapping[str, float]]:
    """Probability of positive minus that of negative for each ticker of a title, from the embedded sentiment model."""
    from bellwether.news.views import packaged_finder
    from jobs.sentiment.classifying.companies.tones import company_scores
    from jobs.sentiment.classifying.lexicon.model import WORD_LIST_FILE, LexiconClassifier
    from jobs.sentiment.classifying.lexicon.wordlist import WordList

    content = (files("jobs.sentiment.classifying.lexicon") / WORD_LIST_FILE).read_bytes()
    model = LexiconClassifier(WordList.parse(content))
    finder = packaged_finder()
    found: list[Mapping[str, float]] = []
    for (title, tickers), headline in zip(titles, model.classify([title for title, _ in titles]), strict=True):
        names: dict[str, Sequence[str]] = {**dict.fromkeys(tickers, ()), **finder.names(title)}
        scores = company_scores(title, names, headline, model)
        found.append({ticker: scores[ticker].positive - scores[ticker].negative for ticker in tickers})
    return found


# --- output --------------------------------------------------------------------------------------------------


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("simulating", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(console: Console, report: BacktestReport, source: Source, findings: Findings) -> None:
    title = f"{len(report.tickers)} tickers, {report.first:%Y-%m-%d} to {report.last:%Y-%m-%d}, {report.timeframe} bars"
    table = Table("", "rule", "buy and hold", title=title, title_justify="left")
    for name, own, other in zip(FIGURES, _figures(report.strategy), _figures(report.buy_and_hold), strict=True):
        table.add_row(name, own, other)
    hits = "–" if report.hit_rate is None else f"{report.hit_rate:.0%}"
    table.add_row("closed trades, share with profit", f"{report.closed_trades}, {hits}", "")
    table.add_row("still open at the end", str(report.open_trades), "")
    table.add_row("costs, USD", f"{report.costs_usd:.2f}", "")
    console.print(table)
    if report.trades:
        console.print(_trades(report.trades))
    silent = ", ".join(f"{count} {reason}" for reason, count in report.no_signal_reasons.items())
    console.print(
        f"Rule {report.rule_version}: {report.signals} signals in {report.bars} bars with {report.stories} stories "
        f"({report.already_held} without an order, {report.expired} expired). No signal: {silent}."
    )
    if source.remark:
        console.print(f"Data: {source.remark}.")
    for assumption in findings.assumptions:
        console.print(f"Assumed: {assumption}", style="dim")
    if findings.rows:
        console.print(f"{len(findings.rows)} rows are unusable; first: {findings.rows[0]}", style="yellow")


def _figures(performance: Performance) -> tuple[str, ...]:
    return (
        f"{performance.total_return:+.2%}",
        "–" if performance.sharpe is None else f"{performance.sharpe:.2f}",
        f"{performance.max_drawdown:.2%}",
        f"{performance.exposure:.1%}",
        f"{performance.turnover:.2f}",
    )


def _trades(trades: Sequence[Trade]) -> Table:
    shown = trades[-TRADES_SHOWN:]
    table = Table(title=f"The last {len(shown)} of {len(trades)} trades (* open at the end)", title_justify="left")
    for name in ("ticker", "side"):
        table.add_column(name)
    for name in ("shares", "opened", "price", "closed", "price", "profit, USD", "return"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in shown:
        table.add_row(
            each.ticker,
            each.side.value,
            str(each.quantity),
            f"{each.opened_at:%y-%m-%d %H:%M}",
            f"{each.entry_price:.2f}",
            f"{each.closed_at:%y-%m-%d %H:%M}{'*' if each.exit_reason == 'end' else ' '}",
            f"{each.exit_price:.2f}",
            f"{each.profit_usd:+.2f}",
            f"{each.return_:+.2%}",
        )
    return table


def draw(report: BacktestReport, path: Path, remark: str) -> Path:
    """Draw the equity of both portfolios, the drawdown and the trades; return the path of the PNG."""
    from matplotlib.figure import Figure  # takes a second to import; other commands don't need it

    at = [point.at for point in report.curve]
    equity, held = [point.equity for point in report.curve], [point.buy_and_hold for point in report.curve]
    figure = Figure(figsize=(11, 6), dpi=120, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot(at, held, color="#999999", linewidth=1.2, label="buy and hold")
    above.plot(at, equity, color="#4c78a8", linewidth=1.5, label="rule")
    for trade in report.trades:
        colour = "#54a24b" if trade.profit_usd > 0 else "#e45756"
        above.axvspan(trade.opened_at, trade.closed_at, color=colour, alpha=0.06, linewidth=0)
    peak, drawdown = equity[0], []
    for value in equity:
        peak = max(peak, value)
        drawdown.append(100 * (value / peak - 1))
    below.fill_between(at, drawdown, color="#e45756", alpha=0.4, linewidth=0)
    above.set_ylabel("USD")
    below.set_ylabel("drawdown, %")
    above.set_title(f"Backtest of {report.rule_version}, costs and slippage included", loc="left")
    if remark:
        below.set_xlabel(remark)
    for axes in (above, below):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    above.legend(frameon=False, ncols=2)
    figure.savefig(path)
    return path
