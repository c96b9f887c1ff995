"""Month-end spend beside public FinOps tools' rules and statsforecast, chances of exceeding a budget, M4, M3.

Bills are simulated (`samples/billing/spend.py`): their shapes are assumptions, so ranks count more than levels. The
forecast is the domain's, with default policy: what runs daily. Each account stands for a cost center. Figures of the
competitions' series need the shared data folder; a part without its data is left out with a word.
Run: python -m bench.cost [--json] [--accounts N …] [--parts month budgets competition real]
"""

# ruff: noqa: E402 - the thread settings have to be in the environment before NumPy is loaded

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import fmean, median

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from rich.console import Console
from rich.table import Table

from bellwether.finops.domain.budgets import LIKELY, Envelope, budget_status
from bellwether.finops.domain.charges import Charge, ChargeCategory
from bellwether.finops.domain.scheduled_charges import one_off_purchases, scheduled
from bellwether.finops.domain.spend_forecast import (
    LONGEST_BACKTEST,
    Level,
    SpendForecast,
    Total,
    forecast_spend,
    month_end,
)
from bellwether.finops.domain.spend_policy import SpendPolicy
from bellwether.finops.domain.spend_series import SpendSeries, usage_series
from bench import cost_competition, cost_peers
from samples.billing.spend import simulate_spend

OUTPUT = Path("build/bench")
FIRST, DAYS, SERVICES = date(2026, 1, 1), 243, 5
MONTHS = (date(2026, 6, 1), date(2026, 7, 1), date(2026, 8, 1))
MADE_ON = (3, 7, 10, 15, 20, 25)
LATE = {0: 0.6, 1: 0.9}  # share of a day that is known, by its age in days
ON_TIME = SpendPolicy(provisional_days=0)
LATE_POLICY = SpendPolicy(provisional_days=2)
OURS = "forecast"


@dataclass(frozen=True)
class Bills:
    """Simulated charges, with daily sums by account: usage, and usage with purchases."""

    seed: int
    charges: list[Charge]
    usage: Mapping[str, list[float]]
    raw: Mapping[str, list[float]]

    @classmethod
    def simulated(cls, seed: int, accounts: int) -> "Bills":
        charges = simulate_spend(seed, accounts, SERVICES, FIRST, DAYS)
        usage: dict[str, list[float]] = defaultdict(lambda: [0.0] * DAYS)
        raw: dict[str, list[float]] = defaultdict(lambda: [0.0] * DAYS)
        for charge in charges:
            at = (charge.key.day - FIRST).days
            if charge.key.category is ChargeCategory.USAGE:
                usage[charge.key.account][at] += float(charge.billed)
                raw[charge.key.account][at] += float(charge.billed)
            elif charge.key.category is ChargeCategory.PURCHASE:
                raw[charge.key.account][at] += float(charge.billed)
        return cls(seed, charges, dict(usage), dict(raw))


@dataclass
class Scores:
    """Relative errors of month totals, by method and by day of the month that they were made on."""

    errors: dict[str, dict[int, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    covered: list[dict[str, float]] = field(default_factory=list)
    chances: list[dict[str, float]] = field(default_factory=list)

    def add(self, method: str, day: int, forecast: float, actual: float) -> None:
        self.errors[method][day].append((forecast - actual) / actual)

    def lines(self) -> list[dict[str, float | str]]:
        """One row a method, best first."""
        rows: list[dict[str, float | str]] = []
        for method, by_day in self.errors.items():
            every = [error for errors in by_day.values() for error in errors]
            rows.append(
                {
                    "method": method,
                    **{f"d{day}": 100 * fmean(map(abs, by_day[day])) for day in sorted(by_day)},
                    "mean": 100 * fmean(map(abs, every)),
                    "median": 100 * median(map(abs, every)),
                    "within_12": 100 * fmean(abs(error) <= 0.12 for error in every),
                    "within_12_d10": 100 * fmean(abs(error) <= 0.12 for error in by_day.get(10, every)),
                    "bias": 100 * fmean(every),
                    "n": len(every),
                    "seconds": self.seconds.get(method, 0.0),
                }
            )
        return sorted(rows, key=lambda row: float(row["mean"]))


def month_task(bills: Bills, scores: Scores, *, statsforecast: bool) -> None:
    """Forecast every account's month total on several days of several months, by every method."""
    sizes = {account: fmean(amounts) for account, amounts in bills.usage.items()}
    middle = median(sizes.values())
    tasks = []
    for month in MONTHS:
        budgets = _budgets(bills, month)
        for day in MADE_ON:
            origin = month.replace(day=day)
            charges = [each for each in bills.charges if each.key.day <= origin]
            made, totals = _forecast(charges, origin, ON_TIME, scores, OURS)
            _, late = _forecast(_late(charges, origin), origin, LATE_POLICY, scores, f"{OURS}, late days predicted")
            _, final = _forecast(_late(charges, origin), origin, ON_TIME, scores, f"{OURS}, late days taken as final")
            fees = scheduled(charges, month, origin)
            habits = one_off_purchases(charges, month, (month - FIRST).days)
            for account, raw in sorted(bills.raw.items()):
                span = _Span(month, origin)
                actual = sum(raw[span.start : span.stop])
                fixed = sum(raw[span.start : span.known]) - sum(bills.usage[account][span.start : span.known])
                fixed += sum(fee.amount for fee in fees if fee.account == account)
                total = totals[account]
                scores.add(OURS, day, fixed + total.mean, actual)
                scores.add(f"{OURS}, late days predicted", day, fixed + late[account].mean, actual)
                scores.add(f"{OURS}, late days taken as final", day, fixed + final[account].mean, actual)
                for method, rule in cost_peers.RULES.items():
                    scores.add(method, day, rule(raw, span.start, span.known, span.stop), actual)
                usage = sum(bills.usage[account][span.start : span.stop])
                covered: dict[str, float] = {"day": day, "large": sizes[account] > middle}
                for each in total.intervals:
                    covered[f"in_{each.level}"] = each.lower <= usage <= each.upper
                    covered[f"width_{each.level}"] = (each.upper - each.lower) / usage
                scores.covered.append(covered)
                envelope = Envelope(account, month, Decimal(str(budgets[account])))
                status = budget_status(envelope, made, total, fixed, habits[account])
                cumulated, breach = 0.0, 99
                for at, amount in enumerate(raw[span.start : span.stop], start=1):
                    cumulated += amount
                    if cumulated > budgets[account]:
                        breach = at
                        break
                if breach > day:
                    pace = sum(raw[span.start : span.known]) / day * (span.stop - span.start)
                    scores.chances.append(
                        {
                            "account": float(account),
                            "month": month.month,
                            "day": day,
                            "chance": status.chance_of_exceeding,
                            "broke": breach < 99,
                            "breach": breach,
                            "point": fixed + total.mean > budgets[account],
                            "pace": pace > budgets[account],
                        }
                    )
                tasks.append((account, day, raw, bills.usage[account], span, fixed, actual))
    if statsforecast:
        _statsforecast(tasks, scores)


@dataclass(frozen=True)
class _Span:
    month: date
    origin: date

    @property
    def start(self) -> int:
        return (self.month - FIRST).days

    @property
    def known(self) -> int:
        return (self.origin - FIRST).days + 1

    @property
    def stop(self) -> int:
        return (month_end(self.month) - FIRST).days + 1


def _forecast(
    charges: list[Charge], origin: date, policy: SpendPolicy, scores: Scores, method: str
) -> tuple[SpendForecast, dict[str, Total]]:
    started = time.process_time()
    known_at = datetime(origin.year, origin.month, origin.day, 23, 59, tzinfo=UTC)
    series: list[SpendSeries] = usage_series(charges, known_at, provisional_days=policy.provisional_days)
    backtest = LONGEST_BACKTEST if method == OURS else 0  # where only the forecast counts, not its interval
    made = forecast_spend(series, known_at, policy, days_ahead=0, backtest_days=backtest)
    totals = {node.key.account: made.month(node) for node in made.of(Level.ACCOUNT)}
    scores.seconds[method] += time.process_time() - started
    return made, totals


def _late(charges: Iterable[Charge], origin: date) -> list[Charge]:
    """Charges of which the newest days are only partly known."""
    found = []
    for charge in charges:
        share = LATE.get((origin - charge.key.day).days)
        if share is not None and charge.key.category is ChargeCategory.USAGE:
            part = Decimal(str(share))
            charge = Charge(charge.key, charge.billed * part, charge.effective * part, None, 1)
        found.append(charge)
    return found


def _budgets(bills: Bills, month: date) -> dict[str, float]:
    """Budgets of each account: last month's spend times a factor between .85 and 1.25 that goes round."""
    last = (month - timedelta(days=1)).replace(day=1)
    start, stop = (last - FIRST).days, (month - FIRST).days
    factors = [0.85 + 0.05 * step for step in range(9)]
    return {
        account: sum(raw[start:stop]) * factors[(at + month.month) % len(factors)]
        for at, (account, raw) in enumerate(sorted(bills.raw.items()))
    }


def _statsforecast(
    tasks: Sequence[tuple[str, int, list[float], list[float], _Span, float, float]], scores: Scores
) -> None:
    """AutoETS, Theta and CES on the raw totals, and their median on usage with purchases as booked."""
    chosen = [task for task in tasks if task[1] in (3, 10, 20)]
    series = [raw[max(0, span.known - 120) : span.known] for _, _, raw, _, span, _, _ in chosen]
    series += [usage[max(0, span.known - 120) : span.known] for _, _, _, usage, span, _, _ in chosen]
    made = cost_peers.statsforecast(series, 28)
    if made is None:
        return
    paths, seconds = made
    for at, (_, day, raw, _, span, fixed, actual) in enumerate(chosen):
        ahead = span.stop - span.known
        booked = sum(raw[span.start : span.known])
        for name in paths:
            label = f"{name}, raw total (days 3, 10, 20)"
            scores.add(label, day, booked + sum(paths[name][at][:ahead]), actual)
            scores.seconds[label] = seconds[name] / 2
        middle = [median(step) for step in zip(*(paths[name][len(chosen) + at] for name in paths), strict=True)]
        usage_booked = sum(chosen[at][3][span.start : span.known])
        scores.add(
            "median of the three, usage apart (days 3, 10, 20)", day, fixed + usage_booked + sum(middle[:ahead]), actual
        )


# --- figures ------------------------------------------------------------------------------------------------------


def coverage_lines(covered: Sequence[Mapping[str, float]]) -> list[dict[str, float | str]]:
    """Coverage and mean width of the intervals of usage totals: all, by day, by size of spend."""
    groups: dict[str, list[Mapping[str, float]]] = {"all": list(covered)}
    groups |= {f"day {day}": [each for each in covered if each["day"] == day] for day in MADE_ON}
    groups |= {
        name: [each for each in covered if bool(each["large"]) == large]
        for name, large in (("small spenders", False), ("large spenders", True))
    }
    return [
        {
            "part": name,
            **{
                f"{what}_{level}": fmean(each[f"{what}_{level}"] for each in rows)
                for level in (0.8, 0.95)
                for what in ("in", "width")
            },
            "n": len(rows),
        }
        for name, rows in groups.items()
        if rows
    ]


def budget_figures(chances: Sequence[Mapping[str, float]]) -> dict[str, object]:
    """Brier scores, reliability by fifths of the chance, precision and recall of warnings before the breach."""
    base = fmean(each["broke"] for each in chances)
    bins = []
    for low in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9):
        high = {0.0: 0.1, 0.9: 1.01}.get(low, low + 0.2)
        rows = [each for each in chances if low <= each["chance"] < high]
        if len(rows) >= 20:
            said, came = fmean(each["chance"] for each in rows), fmean(each["broke"] for each in rows)
            bins.append({"said": said, "came": came, "n": len(rows)})
    warned: dict[tuple[float, float], float] = {}
    broke: set[tuple[float, float]] = set()
    for each in chances:
        key = (each["account"], each["month"])
        if each["broke"]:
            broke.add(key)
        if each["chance"] >= LIKELY:
            warned[key] = min(warned.get(key, 99), each["day"])
    true = [key for key in warned if key in broke]
    ahead = [
        each["breach"] - warned[each["account"], each["month"]]
        for each in {(c["account"], c["month"]): c for c in chances}.values()
        if (each["account"], each["month"]) in true
    ]
    return {
        "n": len(chances),
        "base_rate": base,
        "brier": fmean((each["chance"] - each["broke"]) ** 2 for each in chances),
        "brier_base_rate": base * (1 - base),
        "brier_point_forecast": fmean((each["point"] - each["broke"]) ** 2 for each in chances),
        "brier_month_to_date": fmean((each["pace"] - each["broke"]) ** 2 for each in chances),
        "reliability": bins,
        "worst_bin": max((abs(each["said"] - each["came"]) for each in bins), default=0.0),
        "precision": len(true) / len(warned) if warned else 0.0,
        "recall": len(true) / len(broke) if broke else 0.0,
        "median_days_ahead": median(ahead) if ahead else 0.0,
    }


def run(accounts: int, seeds: Sequence[int], *, statsforecast: bool) -> dict[str, object]:
    """Month ends, coverage and budgets of so many accounts, over several simulations."""
    scores = Scores()
    for seed in seeds:
        month_task(Bills.simulated(seed, accounts), scores, statsforecast=statsforecast and seed == seeds[0])
    lines = scores.lines()
    mean = {str(line["method"]): float(line["mean"]) for line in lines}
    return {
        "accounts": accounts,
        "seeds": list(seeds),
        "month_end": lines,
        "ratio_to_optscale": mean[OURS] / mean[cost_peers.OPTSCALE],
        "ratio_to_koku": mean[OURS] / mean[cost_peers.KOKU],
        "lateness_points": mean[f"{OURS}, late days predicted"] - mean[OURS],
        "coverage": coverage_lines(scores.covered),
        "budgets": budget_figures(scores.chances),
    }


def table(title: str, rows: Sequence[Mapping[str, object]]) -> Table:
    """Rows of figures as a table."""
    made = Table(title=title)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    for name in columns:
        made.add_column(name, justify="left" if isinstance(rows[0].get(name), str) else "right")
    for row in rows:
        made.add_row(*(_shown(row.get(name, "")) for name in columns))
    return made


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables, and keep the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--accounts", type=int, nargs="+", default=[20, 60])
    parser.add_argument(
        "--seeds", type=int, default=0, help="simulations of each; by default 3 of 20 accounts, 1 of 60"
    )
    parser.add_argument("--parts", nargs="+", default=["month", "competition", "real"])
    parser.add_argument("--no-statsforecast", action="store_true")
    options = parser.parse_args(arguments)
    console = Console(stderr=options.json, width=170)
    figures: dict[str, object] = {}
    if "month" in options.parts:
        for accounts in options.accounts:
            seeds = range(1, 1 + (options.seeds or max(1, 60 // accounts)))
            found = run(accounts, seeds, statsforecast=not options.no_statsforecast and accounts == options.accounts[0])
            figures[f"month_{accounts}"] = found
            console.print(table(f"Month-end total, APE in %, {accounts} accounts", found["month_end"]))  # type: ignore[arg-type]
            console.print(table("Coverage and width", found["coverage"]))  # type: ignore[arg-type]
            console.print({name: found[name] for name in found if "ratio" in name or name == "lateness_points"})
            console.print(found["budgets"])
    for name, part in cost_competition.PARTS.items():
        if name in options.parts or ("competition" in options.parts and name != "real"):
            rows = part()
            figures[name] = rows
            console.print(table(name, rows) if rows else f"{name}: left out, the shared data are not there")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "cost.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if options.json:
        print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
