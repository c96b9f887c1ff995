"""Costs: a made-up bill arrives in deliveries; charges, forecasts, budgets and anomalies come out."""

import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from cli.cost_outlook import run_forecast
from cli.costs import money, run_refresh
from cli.demo.charts import SpendDay, draw_spend
from cli.problems import CommandError
from cli.target import Target
from cli.terminal import console, done
from samples.billing.answers import USAGE
from samples.billing.deliveries import Delivery, deliveries_of
from samples.billing.organisation import Calendar, bill
from samples.make_bill_sample import write_deliveries

MONTHS = Calendar(date(2026, 2, 1), date(2026, 6, 1))
SEED = 11
EXPORT = "focus"
FORECAST_ON = ("day10", "day20", "final")
PICTURE = "day20"
CLOSE = Decimal("0.02")  # of a planted amount


def run_costs(target: Target, out: Path) -> dict[str, Any]:
    """Load the bill, forecast its newest month while it runs, compare with what was planted; draw `costs.png`.

    Raises CommandError when a step fails or a planted truth is not found.
    """
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder)
        write_deliveries(written, MONTHS, SEED, f"{target.output('DataBucketName')}/cost-data/exports")
        sheet = json.loads((written / "answers.json").read_text())
        if _month(target)["last"] is None:
            _load(target, written, sheet, out)
    found = _planted(target, sheet)
    for name, (seen, planted) in found.items():
        if abs(seen - planted) > CLOSE * abs(planted) + Decimal("0.01"):
            raise CommandError(f"Costs: {name} is {seen:.2f} USD, planted are {planted:.2f}")
    amounts = "; ".join(f"{name} {seen:,.2f}" for name, (seen, _) in found.items())
    console.print(f"Planted in the bill, and found, USD: {amounts}")
    score = _show(target, "score")
    made = {row["day"]: row["weighted"] for row in score["by_day"]}
    console.print(
        "Variance of the forecasts of June's usage, made on day "
        + ", on day ".join(f"{day}: {weighted:.1%}" for day, weighted in made.items())
    )
    return {"found": {name: float(seen) for name, (seen, _) in found.items()}, "variance": made, "score": score}


def _load(target: Target, written: Path, sheet: Mapping[str, Any], out: Path) -> None:
    for center, planted in sheet["budgets"].items():
        control = {"control": "envelope", "cost_center": center, "amount": planted["envelope"], "requested_by": "demo"}
        request = {**control, "month": f"{MONTHS.newest:%Y-%m}"}
        target.invoke(target.output("SetCostControlFunctionName"), {"request": request})
    first, *later = deliveries_of(MONTHS.newest)
    past = sorted({day.replace(day=1) for day in MONTHS.days} - {MONTHS.newest})
    for month in past:
        _put(target, written, deliveries_of(month)[-1])
    loaded = run_refresh(target, {"export": EXPORT, "known_at": _at(first.on)})
    done(f"Costs: {len(loaded)} months loaded, {sum(each['aggregates'] for each in loaded)} daily charges")
    for delivery in (first, *later):
        _put(target, written, delivery)
        request = {"export": EXPORT, "periods": [delivery.period], "known_at": _at(delivery.on)}
        if delivery.invoice:
            request["invoice_totals"] = {delivery.period: {"USD": sheet["months"][f"{delivery.month}"]["invoice"]}}
        (stored,) = run_refresh(target, request)
        moved = stored["restated"].get("USD", {"effective": "0"})["effective"]
        (line,) = stored["reconciliations"]
        verdict = "reconciled to the cent" if line["agrees"] else f"differs by {line['difference']}"
        done(
            f"Costs: delivery {delivery.on} changed {stored['changed']} and added {stored['new']} daily charges, "
            f"{money(moved)} USD; {verdict}"
        )
        if delivery.name in FORECAST_ON:
            _forecast(target, delivery, out)


def _forecast(target: Target, delivery: Delivery, out: Path) -> None:
    made = run_forecast(target, {"known_at": _at(delivery.on, 8)})
    month = made["months"][0]
    low, high = month["interval_80"]
    done(
        f"Costs: forecast of {month['month']} as known on {delivery.on}: {month['mean']:,.0f} USD "
        f"(80% between {low:,.0f} and {high:,.0f})"
    )
    if delivery.name != PICTURE:
        return
    for each in _show(target, "budgets")["budgets"]:
        done(
            f"Costs: budget of {each['cost_center']}, {money(each['amount'])} USD: "
            f"{each['chance_of_exceeding']:.0%} chance to exceed it"
        )
    _draw(_show(target, "forecast")["days"], out / "costs.png")


def _draw(ahead: list[dict[str, Any]], path: Path) -> None:
    """Draw the forecast beside what came."""
    spent: dict[date, float] = defaultdict(float)
    for line in bill(MONTHS, SEED):
        if line.kind in USAGE and not line.correction:
            spent[line.day] += float(line.effective)
    days = [SpendDay(day, amount, None) for day, amount in sorted(spent.items())]
    days += [
        SpendDay(
            date.fromisoformat(each["first_day"]),
            None,
            float(each["mean"]),
            float(each["lower_80"]),
            float(each["upper_80"]),
        )
        for each in ahead
    ]
    draw_spend(days, title="Cloud spend a day, and its forecast of 2026-06-20 (made-up bill)", path=path)


def _planted(target: Target, sheet: Mapping[str, Any]) -> dict[str, tuple[Decimal, Decimal]]:
    """What was found beside what was planted, USD; raises CommandError for an anomaly that was not planted."""
    newest, before = f"{MONTHS.newest:%Y-%m}", f"{MONTHS.before(1):%Y-%m}"
    summary = _month(target, newest)["summary"]["currencies"][0]
    services = {each["name"]: each["effective"] for each in summary["services"]}
    centers = {each["name"]: each["effective"] for each in summary["cost_centers"]}
    kinds = sheet["months"][f"{MONTHS.newest}"]["by_kind_billed"]
    unused, others = sheet["savings_plan"]["unused"], list(sheet["spellings"].values())[1:]
    corrected = _month(target, before)["summary"]["currencies"][0]["usage"]
    found = {
        "usage of the month": (summary["usage"], sheet["months"][f"{MONTHS.newest}"]["usage_effective"]),
        "usage of the month before, corrected": (corrected, sheet["months"][f"{MONTHS.before(1)}"]["usage_effective"]),
        "unused commitment": (services["ComputeSavingsPlans"], unused),
        "without a cost center": (centers[""], _sum(sheet["untagged"]["amount"], unused, *others)),
        "tax": (summary["tax"], sheet["tax"]),
        "fees and a returned plan": (summary["purchases"], _sum(kinds["Fee"], kinds["SavingsPlanUpfrontFee"])),
        "its refund": (summary["refunds_and_adjustments"], kinds["Refund"]),
        "credits": (summary["credits"], kinds["Credit"]),
    }
    planted = {"slow leak": sheet["leak"]["extra"], "spike": sheet["anomaly"]["extra"]}
    seen = _show(target, "anomalies")["anomalies"]
    kinds_seen = sorted(each["kind"] for each in seen)
    if kinds_seen != sorted([*planted, "level change"]):
        raise CommandError(f"Costs: found {', '.join(kinds_seen)}; planted are a slow leak, a spike and a level change")
    found |= {each["kind"]: (each["extra"], planted[each["kind"]]) for each in seen if each["kind"] in planted}
    return {name: (Decimal(amount), Decimal(true)) for name, (amount, true) in found.items()}


def _sum(*amounts: str) -> str:
    return str(sum(map(Decimal, amounts)))


def _put(target: Target, written: Path, delivery: Delivery) -> None:
    """Put a delivery's files into the bucket, the manifest last, as AWS does."""
    folder = written / f"{delivery.on}" / EXPORT
    period = f"BILLING_PERIOD={delivery.period}"
    files = [path for path in folder.rglob("*") if path.is_file() and period in path.parts]
    for path in sorted(files, key=lambda path: path.suffix == ".json"):
        target.objects.put(f"cost-data/exports/{EXPORT}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def _month(target: Target, month: str | None = None) -> dict[str, Any]:
    return target.invoke(target.output("SummarizeCostsFunctionName"), {"month": month} if month else {})


def _show(target: Target, subject: str) -> dict[str, Any]:
    return target.invoke(target.output("ShowOutlookFunctionName"), {"subject": subject})


def _at(day: date, hour: int = 7) -> str:
    return f"{day:%Y-%m-%d}T{hour:02}:00:00Z"
