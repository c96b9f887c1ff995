"""Commands of what costs are going to be: forecast, budgets, anomalies, and how good forecasts were."""

import json
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.table import Table

from cli import executions
from cli.costs import KnownAt, money
from cli.costs import costs_app as costs_app
from cli.models import AsJson
from cli.problems import CommandError
from cli.target import Target, current_target
from cli.terminal import console, done, spinner

FORECAST_SECONDS = 900
UNTAGGED = "(untagged)"


@costs_app.command("forecast")
def forecast(
    run: Annotated[bool, typer.Option("--run", help="Forecast now instead of showing the newest forecast.")] = False,
    known_at: KnownAt = None,
    as_json: AsJson = False,
) -> None:
    """Show months to come with their intervals, for the total and for cost centers."""
    if known_at is not None and not run:
        raise CommandError("--known-at belongs to --run: it forecasts as if it were then")
    target = current_target()
    if run:
        run_forecast(target, {"known_at": known_at} if known_at else {})
    found = _shown(target, "forecast")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    months = found["months"]
    if not months:
        console.print("Nothing is forecast yet. 'bellwether costs forecast --run' forecasts what is known now.")
        return
    console.print(
        f"Known at {months[0]['known_at']}. Metric: {months[0]['metric']} cost (amortised) of usage; fees, tax and "
        "credits are not part of it."
    )
    table = Table()
    for name in ("month", "what", "booked", "forecast", "80% between", "95% between"):
        table.add_column(name, justify="left" if name in ("month", "what") else "right")
    for line in months:
        what = "total" if line["level"] == "total" else line["cost_center"] or UNTAGGED
        small = " (too small to score)" if line["too_small"] else ""
        table.add_row(
            line["first_day"][:7],
            what + small,
            money(line["booked"]),
            f"{money(line['mean'])} {line['currency']}",
            f"{money(line['lower_80'])} - {money(line['upper_80'])}",
            f"{money(line['lower_95'])} - {money(line['upper_95'])}",
        )
    console.print(table)
    console.print(f"Method: {months[0]['method']}.")


def run_forecast(target: Target, request: dict[str, Any]) -> dict[str, Any]:
    """Run the state machine; the forecast with its new alerts."""
    arn = target.output("ForecastCostsStateMachineArn")
    with spinner("Forecasting costs") as report:
        made = executions.run(target, arn, request, timeout_seconds=FORECAST_SECONDS, on_state=report)
    for alert in made["alerts"]:
        done(f"alert sent: {alert['title']}")
    return made


@costs_app.command("budgets")
def budgets(as_json: AsJson = False) -> None:
    """Show each envelope with the chance of exceeding it, as of the newest forecast."""
    found = _shown(current_target(), "budgets")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not found["budgets"]:
        console.print("No budgets. 'bellwether costs budget COST_CENTER AMOUNT' sets one; the next forecast checks it.")
        return
    table = Table()
    for name in (
        "cost center",
        "month",
        "budget",
        "spent",
        "expected",
        "chance to exceed",
        "a day",
        "affordable",
        "breach",
    ):
        table.add_column(name, justify="left" if name in ("cost center", "month") else "right")
    for each in found["budgets"]:
        table.add_row(
            each["cost_center"] or UNTAGGED,
            each["month"][:7],
            f"{money(each['amount'])} {each['currency']}",
            money(each["spent"]),
            money(each["expected"]),
            f"{each['chance_of_exceeding']:.0%}",
            money(each["burn_rate_a_day"]),
            money(each["affordable_a_day"]),
            each["breach_on"] or "",
        )
    console.print(table)


@costs_app.command("budget")
def budget(
    cost_center: Annotated[str, typer.Argument(help="Cost center; '' for untagged spend.")],
    amount: Annotated[str, typer.Argument(help="What it may spend in a month, 4000 or 4000.00.")],
    month: Annotated[
        str | None, typer.Option("--month", help="Only this month, YYYY-MM. Default: every month.")
    ] = None,
    currency: Annotated[str, typer.Option("--currency", help="Currency of the bill.")] = "USD",
    credits: Annotated[bool, typer.Option("--count-credits", help="Credits reduce what is spent.")] = False,
) -> None:
    """Set the envelope of a cost center; the next forecast checks it."""
    target = current_target()
    request = {
        "control": "envelope",
        "cost_center": cost_center,
        "amount": amount,
        "month": month,
        "currency": currency,
        "counts_credits": credits,
        "requested_by": target.caller,
    }
    stored = target.invoke(target.output("SetCostControlFunctionName"), {"request": request})
    done(
        f"budget of {cost_center or UNTAGGED}: {money(stored['amount'])} {stored['currency']} "
        f"{'in ' + stored['month'] if stored['month'] else 'in every month'}"
    )


@costs_app.command("anomalies")
def anomalies(as_json: AsJson = False) -> None:
    """Show spikes, level changes and slow leaks of the last 90 days, the most expensive first."""
    found = _shown(current_target(), "anomalies")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not found["anomalies"]:
        console.print("No anomalies in the last 90 days.")
        return
    table = Table()
    for name in ("kind", "account", "service", "usage type", "days", "extra USD", "state"):
        table.add_column(name, justify="right" if name == "extra USD" else "left")
    for each in found["anomalies"]:
        state = "goes on" if each["ongoing"] else "ended"
        muted = f", muted until {each['muted_until']}" if each["muted_until"] else ""
        table.add_row(
            each["kind"],
            each["account"],
            each["service"],
            each["usage_type"],
            f"{each['first_day']} - {each['last_day']}",
            f"{Decimal(each['extra']):+,.2f}",
            state + muted,
        )
    console.print(table)


@costs_app.command("mute")
def mute(
    reason: Annotated[str, typer.Option("--reason", help="Why the anomaly is known.")],
    until: Annotated[str, typer.Option("--until", help="Last day on which it holds, YYYY-MM-DD.")],
    account: Annotated[str, typer.Option("--account", help="Account id; every account unless given.")] = "",
    service: Annotated[str, typer.Option("--service", help="Service code, AmazonS3; every service unless given.")] = "",
    usage_type: Annotated[str, typer.Option("--usage-type", help="Usage type; every type unless given.")] = "",
    kind: Annotated[str | None, typer.Option("--kind", help="spike, level change or slow leak.")] = None,
) -> None:
    """Stop alerts about anomalies that people know of; they are still found and shown."""
    try:
        date.fromisoformat(until)
    except ValueError:
        raise CommandError(f"--until takes a day, YYYY-MM-DD, not '{until}'") from None
    target = current_target()
    request = {
        "control": "mute",
        "account": account,
        "service": service,
        "usage_type": usage_type,
        "kind": kind,
        "until": until,
        "reason": reason,
        "requested_by": target.caller,
    }
    target.invoke(target.output("SetCostControlFunctionName"), {"request": request})
    done(f"muted until {until}: {service or 'every service'}")


@costs_app.command("score")
def score(as_json: AsJson = False) -> None:
    """Compare forecasts of past months, as they were made, with what came."""
    found = _shown(current_target(), "score")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not found["by_day"]:
        console.print("No month with a forecast is over yet.")
        return
    console.print(
        f"Variance of forecast to actual of a month, {found['metric']} cost. "
        "Levels of the FinOps Foundation: run 12%, walk 15%, crawl 20%."
    )
    console.print(_score_table("made on day", "day", found["by_day"]))
    console.print(_score_table("cost center", "cost_center", found["by_cost_center"]))
    if found["too_small"]:
        console.print(f"Too small to score: {', '.join(name or UNTAGGED for name in found['too_small'])}.")


def _score_table(title: str, key: str, rows: list[dict[str, Any]]) -> Table:
    table = Table()
    for name in (title, "forecasts", "weighted", "median", "bias", "in 80%", "in 95%", "weekly naive", "level"):
        table.add_column(name, justify="left" if name in (title, "level") else "right")
    for row in rows:
        naive = row["naive_weighted"]
        table.add_row(
            str(row[key]) or UNTAGGED,
            str(row["forecasts"]),
            *(f"{row[name]:.1%}" for name in ("weighted", "median", "bias", "coverage_80", "coverage_95")),
            "" if naive is None else f"{naive:.1%}",
            row["maturity"],
        )
    return table


def _shown(target: Target, subject: str) -> dict[str, Any]:
    return target.invoke(target.output("ShowOutlookFunctionName"), {"subject": subject})
