"""The chance of a US recession within twelve months, beside a probit on the term spread and a logit on three spreads.

Origins 1985-01 to 2022-12, expanding window from 1959, publication lags respected, labels under an embargo of 24
months. Runs as a part of bench.macro.
"""

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.fred_md import described, read_fred_md
from jobs.training.learning.macro.known import view
from jobs.training.learning.macro.parameters import RecessionParameters
from jobs.training.learning.macro.recession.backtest import HeadForecasts, Question, ask, backtest, first_origin
from jobs.training.learning.macro.recession.evaluation import evaluate_head
from jobs.training.learning.macro.recession.head import build_head_features
from jobs.training.learning.macro.recession.likelihood import fit, logit_link
from jobs.training.learning.months import parse_month

USREC_FILE = Path("series/USREC.csv")
NAMES = ("UNRATE", "GS10", "TB3MS", "CLAIMSx", "PERMIT")
FIRST_MONTH, LAST_MONTH = "1959-01", "2023-12"
FIRST_ORIGIN, LAST_ORIGIN = "1985-01", "2022-12"
# The trough was dated on 2021-07-19 (nber.org, US Business Cycle Expansions and Contractions); a copy of USREC from
# before that goes on with ones. No recession was dated since.
LAST_TROUGH = "2020-04"
SPREADS = 3  # columns of the head's features that are made of the spread alone
SEED = 7
NAMED = {
    "probit": "probit on GS10-TB3MS",
    "uncalibrated": "XGBoost, monotone",
    "model": "the same, calibrated (in service)",
}
FAKE = "in service, without embargo (a fake)"

Array = NDArray[np.float64]


@dataclass(frozen=True)
class HeadLine:
    """One row of the table; `p_probit` is one-sided, Diebold-Mariano on Brier losses."""

    name: str
    auc: float
    brier: float
    log_loss: float
    outside_auc: float
    outside_brier: float
    bias: float | None
    p_probit: float | None


@dataclass(frozen=True)
class HeadOutcome:
    """One run: rows, and what they were scored on."""

    origins: int
    recessions: int
    base_rate: float
    lines: tuple[HeadLine, ...]
    reliability: tuple[Mapping[str, float], ...]


def measure(data: Path) -> HeadOutcome:
    """Run the head's own backtest on FRED-MD and the USREC beside it."""
    panel = read_fred_md(data, NAMES, FIRST_MONTH, LAST_MONTH)
    features = build_head_features(view(panel, described(NAMES, lags=True), "UNRATE"))
    if features is None:
        raise ValueError(f"{data} has no term spread")
    question = ask(
        features, _read_usrec(data.parent / USREC_FILE, panel.first_month, len(panel.values)), len(panel.values) - 1
    )
    start, stop = first_origin(question), len(panel.values)
    if start is None:
        raise ValueError("too few recessions")
    forecasts = backtest(question, range(start, stop), RecessionParameters(), SEED)
    faked = backtest(question, range(start, stop), RecessionParameters(), SEED, embargo=0)
    logit = replace(forecasts, calibrated=_logit(question, forecasts))
    scored = {
        name: _scored(question, one, panel.first_month)
        for name, one in (("", forecasts), ("logit", logit), ("fake", faked))
    }
    lines = [_line(scored[""], name, title) for name, title in NAMED.items()]
    lines.insert(1, _line(scored["logit"], "model", "logit: spread, 6 months ago, 12-month low"))
    lines.append(_line(scored["fake"], "model", FAKE))
    own = scored[""]
    return HeadOutcome(own["n"], own["recessions"], own["base_rate"], tuple(lines), tuple(own["reliability"]))


def report(outcome: HeadOutcome) -> Mapping[str, object]:
    """What is kept under build/bench."""
    return {
        "data": "FRED-MD, vintage 2024-01, as last revised; USREC after the NBER, zeros after the trough of 2020-04",
        "origins": [FIRST_ORIGIN, LAST_ORIGIN],
        **asdict(outcome),
    }


def print_table(console: Console, outcome: HeadOutcome) -> None:
    """The table, and how often it happened when it was said to be so likely."""
    title = (
        f"US recession within 12 months, origins {FIRST_ORIGIN}..{LAST_ORIGIN}, labels under an embargo of 24 months"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in ("AUC", "Brier", "log loss", "bias", "p vs probit", "AUC outside", "Brier outside"):
        table.add_column(name, justify="right")
    for line in outcome.lines:
        p_value = "" if line.p_probit is None else f"{line.p_probit:.4f}"
        bias = "" if line.bias is None else f"{line.bias:+.3f}"
        figures = (f"{line.auc:.3f}", f"{line.brier:.4f}", f"{line.log_loss:.3f}", bias, p_value)
        outside = (f"{line.outside_auc:.3f}", f"{line.outside_brier:.4f}")
        table.add_row(line.name, *figures, *outside, style="dim" if line.name == FAKE else None)
    console.print(table)
    console.print(
        f"{outcome.origins} origins, {outcome.recessions} recessions, base rate {outcome.base_rate:.3f}; "
        "outside: origins in no recession. In service, said and seen: "
        + ", ".join(
            f"{one['mean_probability']:.2f}/{one['observed_share']:.2f} ({one['n']})" for one in outcome.reliability
        )
        + "\n"
    )


def _read_usrec(path: Path, first_month: int, rows: int) -> Array:
    result = np.full(rows, np.nan)
    with path.open(newline="", encoding="utf-8") as file:
        for text, value in list(csv.reader(file))[1:]:
            row = parse_month(text) - first_month
            if 0 <= row < rows:
                result[row] = float(value)
    result[parse_month(LAST_TROUGH) + 1 - first_month :] = 0.0
    return result


def _logit(question: Question, forecasts: HeadForecasts) -> Array:
    """A logit on the spread features alone, estimated anew at every origin."""
    values = question.features.values[:, :SPREADS]
    said = []
    for origin in forecasts.origins:
        known = question.known_at(int(origin))
        rows = known[~np.isnan(values[known]).any(axis=1)]
        intercept, *slopes = fit(values[rows], question.label[rows], logit_link)
        said.append(1.0 / (1.0 + np.exp(-(intercept + values[origin] @ np.array(slopes)))))
    return np.array(said)


def _scored(question: Question, forecasts: HeadForecasts, first_month: int) -> Mapping[str, Any]:
    first, last = parse_month(FIRST_ORIGIN) - first_month, parse_month(LAST_ORIGIN) - first_month
    chosen = forecasts.origins >= first
    part = HeadForecasts(
        forecasts.origins[chosen], forecasts.raw[chosen], forecasts.calibrated[chosen], forecasts.probit[chosen]
    )
    # Scored on labels as they are known today; the embargo holds for what was learnt.
    return evaluate_head(question, part, first_month, last)


def _line(scored: Mapping[str, Any], name: str, title: str) -> HeadLine:
    outside: Mapping[str, Any] = next(part for part in scored["slices"] if part["slice"] == "outside recessions")
    own = name == "model"
    return HeadLine(
        name=title,
        auc=scored["auc"][name],
        brier=scored["brier"][name],
        log_loss=scored["log_loss"][name],
        outside_auc=outside["auc"][name],
        outside_brier=outside["brier"][name],
        bias=scored["bias"] if own else None,
        p_probit=scored["versus"]["probit"]["p_value"] if own else None,
    )
