"""The monitor's report as a page: one HTML file with its pictures in it, by Jinja2."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from bellwether.monitoring.domain.accuracy import PREDICTION, AccuracyState
from bellwether.monitoring.domain.drift import DriftState
from bellwether.monitoring.domain.monitor_report import AccuracyReport, ColumnReport, MonitorReport, WeekReport

BARS_MAX = 72  # levels beyond the most frequent ones share a bar
WIDTH, HEIGHT, BASE = 300.0, 100.0, 82.0
CHART_WIDTH, CHART_HEIGHT = 920.0, 220.0
CHART_LEFT, CHART_RIGHT, CHART_TOP, CHART_BOTTOM = 64.0, 16.0, 14.0, 34.0
GAP = 0.24  # of a bar's place
WEEKS_NAMED = 10
TICKS_MAX = 5
STATES = {
    DriftState.DRIFTED: "drifted",
    DriftState.STABLE: "stable",
    DriftState.NOT_ENOUGH_DATA: "not enough data",
    DriftState.NOT_MEASURED: "not measured",
    AccuracyState.INACCURATE: "less accurate",
    AccuracyState.AS_EXPECTED: "as expected",
}
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
ORDER = (DriftState.DRIFTED, DriftState.STABLE, DriftState.NOT_ENOUGH_DATA, DriftState.NOT_MEASURED)


@dataclass(frozen=True)
class Bar:
    """One bin of a histogram: the reference's outline and what is there now, in the picture's units."""

    label: str
    then: float
    now: float
    x: float
    width: float
    then_height: float
    now_height: float


@dataclass(frozen=True)
class Point:
    """One week of the chart of errors."""

    week: WeekReport
    x: float
    y: float
    is_named: bool


@dataclass(frozen=True)
class Chart:
    """Errors by week; `expected` is the height of the backtest's error where there is one kind of it."""

    points: tuple[Point, ...]
    ticks: tuple[tuple[float, str], ...]
    expected: float | None


class JinjaMonitorPages:
    """MonitorPages by the template beside our data."""

    def render(self, report: MonitorReport) -> bytes:
        """A report as one HTML file that needs nothing else."""
        columns = sorted(report.drift.columns, key=lambda each: (ORDER.index(each.state), each.is_prediction))
        page = _template().render(
            report=report,
            columns=[(column, _bars(column)) for column in columns],
            chart=_chart(report),
            verdict=_verdict(report),
        )
        return page.encode()


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"figure": figure, "p": p_value, "percent": percent, "state": STATES.__getitem__}
    environment.filters["kind"] = kind_title
    environment.globals |= {
        "WIDTH": WIDTH,
        "HEIGHT": HEIGHT,
        "BASE": BASE,
        "CHART_WIDTH": CHART_WIDTH,
        "CHART_HEIGHT": CHART_HEIGHT,
        "CHART_LEFT": CHART_LEFT,
        "CHART_RIGHT": CHART_WIDTH - CHART_RIGHT,
        "CHART_FLOOR": CHART_HEIGHT - CHART_BOTTOM,
    }
    return environment.from_string((files("bellwether.monitoring") / "data" / "monitor.html.jinja").read_text("utf-8"))


# --- figures in words ------------------------------------------------------------------------------------------------


def figure(value: float | None) -> str:
    """Four digits, with thousands apart; a dash for none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def p_value(value: float | None) -> str:
    """A p-value as people write it."""
    if value is None:
        return "–"
    if value >= 0.001:
        return f"{value:.3f}"
    mantissa, _, exponent = f"{max(value, 1e-300):.1e}".partition("e")
    return f"{'' if value else '< '}{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def percent(value: float | None) -> str:
    """A share, one digit behind the point."""
    return "–" if value is None else f"{value:.1%}"


def kind_title(kind: str) -> str:
    """What a kind of prediction is called."""
    months = kind.removeprefix("h")
    if kind == PREDICTION or not months.isdecimal():
        return kind
    return "1 month ahead" if months == "1" else f"{months} months ahead"


def _verdict(report: MonitorReport) -> str:
    if report.findings:
        parts = [f"{len(report.drifted)} of {len(report.drift.columns)} columns drifted"] if report.is_drifted else []
        parts += ["errors exceed the backtest's"] if report.is_inaccurate else []
        text = "; ".join(parts)
        return text[0].upper() + text[1:]
    known = report.drift.state is DriftState.STABLE or report.accuracy_state is AccuracyState.AS_EXPECTED
    return "No findings" if known else "Not enough data yet"


# --- pictures --------------------------------------------------------------------------------------------------------


def _bars(column: ColumnReport) -> tuple[Bar, ...]:
    cells = list(_cells(column))
    then_total, now_total = sum(c[1] for c in cells) or 1, sum(c[2] for c in cells) or 1
    shares = [(label, then / then_total, now / now_total) for label, then, now in cells]
    tallest = max((max(then, now) for _, then, now in shares), default=0) or 1
    place = WIDTH / max(len(shares), 1)
    scale = (BASE - 6) / tallest
    return tuple(
        Bar(
            label=label,
            then=then,
            now=now,
            x=round(at * place + GAP * place / 2, 2),
            width=round(place * (1 - GAP), 2),
            then_height=round(then * scale, 2),
            now_height=round(now * scale, 2),
        )
        for at, (label, then, now) in enumerate(shares)
    )


def _cells(column: ColumnReport) -> Iterator[tuple[str, int, int]]:
    cells = list(zip(column.labels, column.then, column.now, strict=True))
    if len(cells) <= BARS_MAX:
        yield from (cell for cell in cells if cell[1] or cell[2] or cell[0] != "any other")
        return
    weight = sorted((-max(then, now), at) for at, (_, then, now) in enumerate(cells[:-1]))
    kept = {at for _, at in weight[: BARS_MAX - 1]}
    yield from (cell for at, cell in enumerate(cells) if at in kept)
    rest = [cell for at, cell in enumerate(cells) if at not in kept]
    yield f"{len(rest) - 1} other and unknown levels", sum(c[1] for c in rest), sum(c[2] for c in rest)


def _chart(report: MonitorReport) -> Chart | None:
    if not report.weeks:
        return None
    expected = _only_expected(report.accuracy)
    top = 1.1 * max([week.rmse for week in report.weeks] + ([expected] if expected else [])) or 1.0
    floor, height = CHART_HEIGHT - CHART_BOTTOM, CHART_HEIGHT - CHART_BOTTOM - CHART_TOP
    width = CHART_WIDTH - CHART_LEFT - CHART_RIGHT
    step = width / max(len(report.weeks) - 1, 1)
    every = max(1, -(-len(report.weeks) // WEEKS_NAMED))

    def y(value: float) -> float:
        return round(floor - value / top * height, 1)

    return Chart(
        points=tuple(
            Point(week, round(CHART_LEFT + at * step, 1), y(week.rmse), at % every == 0)
            for at, week in enumerate(report.weeks)
        ),
        ticks=tuple((y(value), figure(value)) for value in _ticks(top)),
        expected=y(expected) if expected else None,
    )


def _ticks(top: float) -> Iterator[float]:
    """Round figures from 0 to the top, at most six of them."""
    size = 10 ** math.floor(math.log10(top))
    step = next(size * each for each in (0.2, 0.25, 0.5, 1, 2) if top / (size * each) <= TICKS_MAX)
    yield from (step * at for at in range(math.floor(top / step) + 1))


def _only_expected(kinds: Sequence[AccuracyReport]) -> float | None:
    expected = [each.expected_rmse for each in kinds if each.expected_rmse is not None and each.actuals]
    return expected[0] if len(expected) == 1 else None
