"""`bellwether backtest` as a person runs it, and the files it reads."""

import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.bars import Timeframe
from cli.backtest.command import SAMPLE, backtest_command, word_list_sentiments
from cli.backtest.market_files import Findings, read_bars, read_stories
from cli.backtest.times import Times, zone_of
from cli.problems import CommandError
from samples import make_market_sample
from tests.places import SHARED

NO_LATENCY = timedelta(0)


def run(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(backtest_command)
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


# --- the command -----------------------------------------------------------------------------------------------------


def test_without_files_it_runs_over_the_sample_and_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BELLWETHER_BENCH_DATA", raising=False)
    output = run("--out", str(tmp_path))
    assert "no evidence of performance" in output
    assert "buy and hold" in output
    # And figures and chart are there
    report = json.loads((tmp_path / "backtest.json").read_text())
    assert report["closed_trades"] + report["open_trades"] == len(report["trades"]) > 0
    assert len(report["curve"]) > 1000
    assert (tmp_path / "backtest.png").read_bytes().startswith(b"\x89PNG")


def test_days_costs_and_json(tmp_path: Path) -> None:
    files = ("--bars", str(SAMPLE / "bars_5min.csv.gz"), "--stories", str(SAMPLE / "stories.csv.gz"))
    few = ("--from", "2026-03-09", "--to", "2026-03-13", "--json", "--out", str(tmp_path), *files)
    cheap = json.loads(run(*few, "--costs-bps", "0", "--slippage-bps", "0"))
    dear = json.loads(run(*few, "--costs-bps", "25", "--slippage-bps", "25"))
    assert (cheap["first"][:10], cheap["last"][:10], cheap["bars"]) == ("2026-03-09", "2026-03-13", 5 * 78 * 3)
    assert Decimal(cheap["costs_usd"]) == 0 < Decimal(dear["costs_usd"])
    assert cheap["signals"] == dear["signals"]
    assert dear["strategy"]["total_return"] < cheap["strategy"]["total_return"]


def test_half_of_the_files_are_no_run() -> None:
    with pytest.raises(CommandError, match="both"):
        run("--bars", str(SAMPLE / "bars_5min.csv.gz"))


def test_days_without_bars_are_no_run(tmp_path: Path) -> None:
    files = ("--bars", str(SAMPLE / "bars_5min.csv.gz"), "--stories", str(SAMPLE / "stories.csv.gz"))
    with pytest.raises(CommandError, match="no bar"):
        run("--from", "2031-01-01", "--out", str(tmp_path), *files)


def test_the_sample_is_what_its_script_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_market_sample, "FOLDER", tmp_path)
    make_market_sample.main()
    for path in tmp_path.iterdir():
        assert gzip.decompress(path.read_bytes()) == gzip.decompress((SAMPLE / path.name).read_bytes())


# --- files -----------------------------------------------------------------------------------------------------------


def test_bars_are_read_in_common_forms(tmp_path: Path) -> None:
    # Given a file with capitals, splits in an adjusted column, and the ticker in its name; and one with a column for it
    daily = put(
        tmp_path,
        "daily_ACME.csv.gz",
        "Date,Open,High,Low,Close,Volume,Adj Close\n2026-03-02,100,104,98,100,10,50\n2026-03-03,50,52,49,51,20,51\n",
    )
    other = put(
        tmp_path, "prices.csv", "symbol,date,open,high,low,close,volume\nBETA,2026-03-02,9.99,10,9.5,10.0000001,1e3\n"
    )
    files = read_bars([daily, other], findings := Findings())
    assert (files.timeframe, findings.rows) == (Timeframe.ONE_DAY, [])
    first, _ = files.bars["ACME"]
    assert (first.start, first.open, first.close) == (datetime(2026, 3, 2, tzinfo=UTC), Decimal(50), Decimal(50))
    # And a high that rounding left below the close is the close
    assert files.bars["BETA"][0].high == Decimal("10.0000001")


@pytest.mark.parametrize("cells", ["1,1,1", "1,1,1,NaN,1", "1,1,1,1,Infinity", "0,0,0,0,1", "a,b,c,d,1"])
def test_an_unusable_row_is_left_out_with_its_line(tmp_path: Path, cells: str) -> None:
    text = f"date,open,high,low,close,volume\n2026-03-02,1,1,1,1,1\n2026-03-03,{cells}\n"
    files = read_bars([put(tmp_path, "SPY.csv", text)], findings := Findings())
    assert len(files.bars["SPY"]) == 1
    assert [row.split(":")[1] for row in findings.rows] == ["3"]


def test_a_file_of_unusable_stories_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "s.csv", "ticker,date,sentiment\nACME,yesterday,0.5\n")
    with pytest.raises(CommandError, match=r"No usable stories in s\.csv\. s\.csv:2: no date"):
        read_stories(path, Findings(), latency=NO_LATENCY, as_seen=False, scorer=list_of_zeros)


def test_rows_that_are_no_bars_are_told_by_line(tmp_path: Path) -> None:
    text = "timestamp,open,high,low,close,volume\n2026-03-02 09:30:00-05:00,1,2,1,1,5\n"
    text += "2026-03-02 09:35:00-05:00,1,,1,1,5\n"
    text += "2026-03-02 09:40:00-05:00,3,2,1,1,5\nyesterday,1,2,1,1,5\n2026-03-02 09:45:00-05:00,1,2,1,1,5\n"
    files = read_bars([put(tmp_path, "SPY.csv", text)], findings := Findings())
    assert [bar.start.hour for bar in files.bars["SPY"]] == [14, 14]
    assert sorted(row.split(":")[1] for row in findings.rows) == ["3", "4", "5"]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("SPY.csv", "timestamp,open,high,low,close,volume\n", "No bars"),
        ("lower.csv", "date,open,high,low,close\n2026-03-02,1,1,1,1\n", "ticker"),
        ("SPY.csv", "date,open,high,low,close\n2026-03-02 10:00Z,1,1,1,1\n2026-03-02 10:01Z,1,1,1,1\n", "0:01:00"),
        ("SPY.csv", ",open,high,low,close\n2026-03-02,1,1,1,1\n", "first column has no name"),
        ("SPY.csv", "Unnamed: 0,open,high,low,close\n2026-03-02,1,1,1,1\n", "first column has no name"),
        ("SPY.csv", "when,open,high,low,close\n2026-03-02,1,1,1,1\n", "no column timestamp or ts .* are: when, open"),
        ("SPY.csv", "date,open,high,low\n2026-03-02,1,1,1\n", "no column close"),
        ("SPY.csv", "", "No bars"),
    ],
)
def test_files_without_bars_are_refused(tmp_path: Path, name: str, text: str, reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        read_bars([put(tmp_path, name, text)], Findings())


DAYS = [datetime(2026, 2, 2, tzinfo=UTC) + timedelta(days=day) for day in range(40)]
DAYS = [day for day in DAYS if day.weekday() < 5]


def a_price_file(day: str, price: str = "{:.2f}", delimiter: str = ",", days: Sequence[datetime] = DAYS) -> str:
    """Daily bars of 1234.5 USD and more, written in this way."""
    lines = ["Date,Open,High,Low,Close,Volume"]
    for place, at in enumerate(days):
        cells = (price.format(1234.5 + place + extra) for extra in (0, 2, -2, 1))
        lines.append(",".join([at.strftime(day), *(cell.replace(",", "\0") for cell in cells), "1000"]))
    quoted = ('"' + line.replace(",", '","') + '"' for line in lines)
    return "\n".join(quoted).replace(",", delimiter).replace("\0", ",") + "\n"


PRICE_FILES: dict[str, tuple[str, str]] = {  # form: content, assumption
    "ISO": (a_price_file("%Y-%m-%d"), ""),
    "US days": (a_price_file("%m/%d/%Y"), ""),
    "British days": (a_price_file("%d/%m/%Y"), "dates are read as D/M/YYYY: other dates"),
    "German days and numbers": (
        a_price_file("%d.%m.%Y", delimiter=";").replace(".5", ",5").replace(".50", ",50"),
        "dates are read as D/M/YYYY",
    ),
    "groups of thousands": (a_price_file("%Y-%m-%d", "{:,.2f}"), "thousands are read as grouped"),
    "named months": (a_price_file("%b %d %Y"), ""),
    "tabs": (a_price_file("%Y-%m-%d", delimiter="\t"), ""),
    "only days that could be months, told by weekends": (
        a_price_file("%d/%m/%Y", days=[day for day in DAYS if day.day <= 12]),
        "dates are read as D/M/YYYY: only so",
    ),
}


@pytest.mark.parametrize("form", PRICE_FILES)
def test_days_and_prices_are_read_by_evidence_and_the_assumption_is_told(tmp_path: Path, form: str) -> None:
    text, assumption = PRICE_FILES[form]
    files = read_bars([put(tmp_path, "SPY.csv", text)], findings := Findings())
    days = [day for day in DAYS if day.day <= 12] if "only" in form else DAYS
    bars = [(bar.start, bar.close) for bar in files.bars["SPY"]]
    assert bars == [(day, Decimal("1235.5") + place) for place, day in enumerate(days)]
    assert findings.rows == []
    assert bool(assumption) == bool(findings.assumptions)
    assert assumption in "; ".join(findings.assumptions)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (a_price_file("%d/%m/%y"), "leaves the century open"),
        (a_price_file("%Y-%d-%m"), "writes year, day, month"),
        (a_price_file("%m/%d/%Y", days=DAYS[1:2]), "can be read as month/day/year and as day/month/year"),
        ("date;open;high;low;close\n2026-03-02;98.500;98.600;98.400;98.500\n", "can be read as 98.500 and as 98500"),
        (a_price_file("%m/%d/%Y", days=DAYS[:20]) + a_price_file("%d/%m/%Y", days=DAYS[20:]), "written in two ways"),
    ],
)
def test_price_files_that_can_be_read_in_two_ways_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        read_bars([put(tmp_path, "SPY.csv", text)], Findings())


def test_times_of_twelve_hours_are_read(tmp_path: Path) -> None:
    clocks = ("11:55 AM", "12:00 PM", "12:05 PM")
    rows = "".join(f"03/{day}/2026 {clock},1,1,1,1\n" for day in (12, 13) for clock in clocks)
    path = put(tmp_path, "SPY.csv", f"time,open,high,low,close\n{rows}")
    bars = read_bars([path], Findings(), Times(zone_of("UTC"))).bars["SPY"]
    assert [f"{bar.start:%d %H:%M}" for bar in bars][:3] == ["12 11:55", "12 12:00", "12 12:05"]


def test_bars_of_hours_whose_time_is_in_another_column_are_refused(tmp_path: Path) -> None:
    rows = "".join(
        f"2026-03-{day:02},{hour:02}:00,{hour},{hour},{hour},{hour}\n" for day in (2, 3) for hour in (4, 8, 12)
    )
    path = put(tmp_path, "EURUSD.csv", f"timestamp,time,open,high,low,close\n{rows}")
    with pytest.raises(CommandError, match="4 of 6 bars have the time of another"):
        read_bars([path], Findings())


def test_seconds_since_1970_are_no_date(tmp_path: Path) -> None:
    text = "timestamp,open,high,low,close\n2026-03-02,1,1,1,1\n1512010412000,1,1,1,1\n1772409600,1,1,1,1\n"
    files = read_bars([put(tmp_path, "SPY.csv", text)], findings := Findings())
    assert len(files.bars["SPY"]) == 1
    assert [row.split(":")[1] for row in findings.rows] == ["3", "4"]


def test_a_bar_that_comes_again_with_other_figures_is_told(tmp_path: Path) -> None:
    text = "date,open,high,low,close\n2026-03-02,1,1,1,1\n2026-03-02,2,2,2,2\n2026-03-02,2,2,2,2\n"
    files = read_bars([put(tmp_path, "SPY.csv", text)], findings := Findings())
    assert files.bars["SPY"][0].close == 2
    assert len(findings.rows) == 1
    assert "comes again" in findings.rows[0]


NAIVE = "timestamp,open,high,low,close\n2026-03-02 09:30:00,1,1,1,1\n2026-03-02 09:35:00,1,1,1,1\n"


def test_times_without_a_zone_need_one(tmp_path: Path) -> None:
    # Given bars whose times have no zone, when none is given, then they are refused
    path = put(tmp_path, "SPY.csv", NAIVE)
    with pytest.raises(CommandError, match=r"SPY\.csv:2: the time 2026-03-02 09:30:00 has no zone.*--timezone"):
        read_bars([path], Findings())
    # When a zone is given, then they are read in it
    bars = read_bars([path], Findings(), Times(zone_of("America/New_York"))).bars["SPY"]
    assert [each.start for each in bars] == [datetime(2026, 3, 2, 14, minute, tzinfo=UTC) for minute in (30, 35)]


def test_stories_without_a_zone_need_one(tmp_path: Path) -> None:
    path = put(tmp_path, "s.csv", "ticker,published_at,sentiment\nACME,2026-03-02 16:05:00,0.5\n")
    with pytest.raises(CommandError, match=r"s\.csv:2: .* has no zone"):
        read_stories(path, Findings(), latency=NO_LATENCY, as_seen=False, scorer=list_of_zeros)
    times = Times(zone_of("America/New_York"))
    told = read_stories(path, Findings(), latency=NO_LATENCY, as_seen=False, scorer=list_of_zeros, times=times)
    assert told["ACME"][0].known_at == datetime(2026, 3, 2, 21, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-03-08 02:30:00", "2026-11-01 01:30:00"])
def test_a_time_that_a_clock_shows_twice_or_never_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="twice or never"):
        Times(zone_of("America/New_York")).read(text, "SPY.csv:2")


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(CommandError, match="Mars/Olympus is not a time zone"):
        zone_of("Mars/Olympus")


@pytest.mark.parametrize("offset", ["", " 00:00:00", " 00:00:00-05:00", " 00:00:00+09:00"])
def test_a_daily_bar_is_of_the_day_as_written(tmp_path: Path, offset: str) -> None:
    days = "".join(f"2026-03-0{day}{offset},1,1,1,1\n" for day in (2, 3))
    bars = read_bars([put(tmp_path, "SPY.csv", f"date,open,high,low,close\n{days}")], Findings()).bars["SPY"]
    assert [each.start for each in bars] == [datetime(2026, 3, day, tzinfo=UTC) for day in (2, 3)]


@pytest.mark.parametrize(
    ("zone", "known"),
    [(None, datetime(2026, 3, 4, tzinfo=UTC)), ("America/New_York", datetime(2026, 3, 4, 5, tzinfo=UTC))],
)
@pytest.mark.parametrize("day", ["2026-03-03", "2026-03-03 00:00:00"])
def test_a_story_with_a_bare_date_is_known_at_the_end_of_that_day(
    tmp_path: Path, day: str, zone: str | None, known: datetime
) -> None:
    path = put(tmp_path, "s.csv", f"ticker,date,sentiment\nACME,{day},0.5\n")
    times = Times(zone_of(zone))
    latency = timedelta(minutes=5)
    (told,) = read_stories(path, Findings(), latency=latency, as_seen=False, scorer=list_of_zeros, times=times)["ACME"]
    assert (told.published_at, told.known_at) == (known, known)


@pytest.mark.parametrize("minutes", [5, 24 * 60])
def test_a_bare_date_gives_no_look_ahead(tmp_path: Path, minutes: int) -> None:
    # Given a price that rises by 12 % overnight after 3 March, and a story dated 3 March that came out that evening
    rows = ["ticker,timestamp,open,high,low,close"]
    opens = [datetime(2026, 2, 2, 14, 30, tzinfo=UTC) + timedelta(days=day) for day in range(33)]
    for opened in (each for each in opens if each.weekday() < 5):
        after = opened.date().isoformat() > "2026-03-03"
        for place in range(78 if minutes == 5 else 1):
            price = (112 if after else 100) + place * 0.02 + (opened - opens[0]).days * 0.1
            at = (
                (opened + timedelta(minutes=minutes * place)).isoformat() if minutes == 5 else opened.date().isoformat()
            )
            rows.append(f"ACME,{at},{price:.2f},{price:.2f},{price:.2f},{price:.2f}")
    bars = put(tmp_path, "bars.csv", "\n".join(rows) + "\n")
    stories = put(tmp_path, "stories.csv", "ticker,date,sentiment\nACME,2026-03-03,0.9\n")
    report = json.loads(run("--bars", str(bars), "--stories", str(stories), "--json", "--out", str(tmp_path)))
    # Then nothing is bought before the price has risen
    assert report["trades"]
    assert all(trade["opened_at"] > "2026-03-04" for trade in report["trades"])
    assert all(Decimal(trade["entry_price"]) > 112 for trade in report["trades"])


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"none\.csv"):
        read_bars([tmp_path / "none.csv"], Findings())


def test_stories_come_by_ticker_with_the_time_since_when_they_are_known(tmp_path: Path) -> None:
    text = "symbol,published,title,sentiment,first_seen_utc\n"
    text += "ACME,2026-03-02T15:00:00Z,Good,0.5,2026-03-03T00:00:00Z\nACME BETA,2026-03-02T14:00:00Z,Bad,-0.5,\n"
    text += "ACME,,Undated,0.5,\nACME,2026-03-02T14:00:00Z,Too much,1.5,\n"
    path = put(tmp_path, "stories.csv", text)
    told = read_stories(path, findings := Findings(), latency=timedelta(minutes=5), as_seen=False, scorer=list_of_zeros)
    # Given stories in any order; Then they come in that of being known
    assert [each.sentiment for each in told["ACME"]] == [-0.5, 0.5]
    assert told["ACME"][1].known_at == datetime(2026, 3, 2, 15, 5, tzinfo=UTC)
    assert len(told["BETA"]) == 1
    assert len(findings.rows) == 2
    # And where the file says when a story was first seen, that may count
    seen = read_stories(path, Findings(), latency=NO_LATENCY, as_seen=True, scorer=list_of_zeros)
    assert seen["ACME"][1].known_at == datetime(2026, 3, 3, tzinfo=UTC)


def list_of_zeros(titles: Sequence[tuple[str, Sequence[str]]]) -> list[Mapping[str, float]]:
    return [dict.fromkeys(tickers, 0.0) for _, tickers in titles]


def test_titles_are_scored_by_the_embedded_model() -> None:
    good, plain, bad = word_list_sentiments(
        [
            ("ACME beats profit estimates, shares surge", ["ACME"]),
            ("ACME to hold meeting", ["ACME"]),
            ("ACME misses estimates, shares plunge", ["ACME"]),
        ]
    )
    assert good["ACME"] > 0.3 > plain["ACME"] > -0.3 > bad["ACME"]


def test_each_company_of_a_title_has_its_own_sentiment() -> None:
    # Given titles in which companies fare differently
    # When they are scored
    upgraded, apart = word_list_sentiments(
        [("Goldman Sachs downgrades Nvidia", ["GS", "NVDA"]), ("Nvidia soars while Intel sinks", ["NVDA", "INTC"])]
    )
    # Then the broker has no part in its verdict, and each company has its own sentiment
    assert abs(upgraded["GS"]) < 0.1
    assert upgraded["NVDA"] < -0.5
    assert apart["NVDA"] > 0.3 > -0.3 > apart["INTC"]


@pytest.mark.shared_data
def test_real_headlines_and_prices_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (SHARED / "news").is_dir():
        pytest.skip("the shared data are not part of this repository")
    monkeypatch.setenv("BELLWETHER_BENCH_DATA", str(SHARED))
    report = json.loads(run("--json", "--out", str(tmp_path)))
    assert (len(report["tickers"]), report["bars"], report["timeframe"]) == (21, 5271, "1Day")


@pytest.mark.shared_data
def test_a_real_split_silences_the_rule(tmp_path: Path) -> None:
    # Given Apple's raw prices around its split of 2014-06-09, and good news all the time
    bars = SHARED / "ohlcv/intraday_5min_AAPL_20140605_20140609.csv.gz"
    if not bars.is_file():
        pytest.skip(f"{bars.name} is not part of this repository")
    hours = [f"AAPL,2014-06-{day:02}T{hour:02}:00:00Z,t{day}{hour},0.9" for day in (5, 6, 9) for hour in range(24)]
    stories = put(tmp_path, "stories.csv", "\n".join(["symbol,published,title,sentiment", *hours]) + "\n")
    report = json.loads(
        run("--bars", str(bars), "--stories", str(stories), "--json", "--out", str(tmp_path), "--hours", "always")
    )
    # Then it holds still as long as the jump is within its mean
    assert 0 < report["no_signal_reasons"]["suspected_split"] <= 20
    assert report["signals"] > 0
