"""Commands of cost data: what a month has cost so far, and the refresh."""

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.table import Table

from cli import executions
from cli.models import AsJson, Yes
from cli.problems import CommandError
from cli.target import Target, current_target
from cli.terminal import console, done, spinner

REFRESH_SECONDS = 3600
SHOWN = 12  # services and cost centers

costs_app = typer.Typer(help="Cloud costs: the month to date, and the refresh from the cost export.")
Month = Annotated[str | None, typer.Option("--month", help="Billing period, YYYY-MM. Default: the newest delivered.")]
KnownAt = Annotated[
    str | None, typer.Option("--known-at", help="Time with offset as of which, 2026-05-10T07:00:00Z. Default: now.")
]


@costs_app.callback(invoke_without_command=True)
def costs(ctx: typer.Context, month: Month = None, known_at: KnownAt = None, as_json: AsJson = False) -> None:
    """Show a month's spend to date by service and cost center, and how its last delivery reconciles."""
    if ctx.invoked_subcommand is not None:
        return
    target = current_target()
    given = {"month": month, "known_at": known_at}
    request = {name: value for name, value in given.items() if value is not None}
    found = target.invoke(target.output("SummarizeCostsFunctionName"), request)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    show(found)


@costs_app.command("refresh")
def refresh(
    month: Annotated[
        list[str] | None, typer.Option("--month", help="Only this billing period, YYYY-MM; may be repeated.")
    ] = None,
    export: Annotated[
        str | None, typer.Option("--export", help="Cost export, instead of the stack parameter CostExport.")
    ] = None,
    known_at: KnownAt = None,
    invoice: Annotated[
        str | None,
        typer.Option("--invoice", help="Total of the month's invoice to reconcile with, 9460.69 or 9460.69:EUR."),
    ] = None,
    cost_explorer: Annotated[
        bool, typer.Option("--cost-explorer", help="Reconcile with Cost Explorer; AWS charges 0.01 USD a request.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Load whatever changed in the cost export since the last refresh."""
    if (invoice is not None or cost_explorer) and len(month or ()) != 1:
        raise CommandError("--invoice and --cost-explorer belong to one month: give one --month")
    target = current_target()
    request: dict[str, Any] = {"periods": month or [], "export": export, "known_at": known_at}
    if invoice is not None and month:
        request["invoice_totals"] = {month[0]: _invoice(invoice)}
    elif cost_explorer and month:
        if not yes and not typer.confirm("Cost Explorer costs 0.01 USD a request. Ask it?"):
            raise typer.Exit(1)
        request["invoice_totals"] = {month[0]: cost_explorer_total(target, month[0])}
    refreshed = run_refresh(target, {name: value for name, value in request.items() if value})
    if as_json:
        typer.echo(json.dumps(refreshed, indent=2))
        return
    if not refreshed:
        console.print("Nothing has changed since the last refresh.")
    for each in refreshed:
        for line in refreshed_lines(each):
            done(line)


def cost_explorer_total(target: Target, month: str) -> dict[str, str]:
    """Unblended cost of a month by currency, in one request."""
    first = date.fromisoformat(f"{month}-01")
    following = (first + timedelta(days=31)).replace(day=1)
    answer = target.client("ce").get_cost_and_usage(
        TimePeriod={"Start": str(first), "End": str(following)}, Granularity="MONTHLY", Metrics=["UnblendedCost"]
    )
    (result,) = answer["ResultsByTime"]
    total = result["Total"]["UnblendedCost"]
    return {str(total["Unit"]): str(total["Amount"])}


def run_refresh(target: Target, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the state machine; what became of each changed period."""
    arn = target.output("RefreshCostsStateMachineArn")
    with spinner("Refreshing costs") as report:
        output = executions.run(target, arn, request, timeout_seconds=REFRESH_SECONDS, on_state=report)
    refreshed: list[dict[str, Any]] = output["refreshed"]
    return refreshed


def refreshed_lines(stored: dict[str, Any]) -> list[str]:
    """What became of a period, in lines."""
    lines = [
        f"{stored['period']}: {stored['outcome']}, {stored['aggregates']} daily charges ({stored['new']} new, "
        f"{stored['changed']} changed, {stored['vanished']} gone)"
    ]
    for currency, moved in stored["restated"].items():
        lines.append(
            f"  billed cost moved by {money(moved['billed'])} {currency}, effective by {money(moved['effective'])}"
        )
    lines += [f"  {reconciled(each)}" for each in stored["reconciliations"]]
    if stored["rejections"]:
        lines.append(f"  {stored['rejections']} line items in quarantine")
    return lines


def reconciled(line: dict[str, Any]) -> str:
    """A line of a reconciliation."""
    beside = "the files' total" if line["expected"] is None else f"the expected {money(line['expected'])}"
    verdict = "agrees with" if line["agrees"] else f"differs by {Decimal(line['difference']):,.4f} from"
    return f"billed {money(line['billed'])} {line['currency'] or '(unknown currency)'} {verdict} {beside}"


def show(found: dict[str, Any]) -> None:
    """Print a month's summary."""
    summary, last = found["summary"], found["last"]
    if not summary["currencies"]:
        console.print(f"No charges of {found['month']} are known. 'bellwether costs refresh' loads the cost export.")
    for each in summary["currencies"]:
        console.print(headline(found["month"], summary, each))
        console.print(parts_table("service", each["services"], each["currency"]))
        console.print(parts_table("cost center", each["cost_centers"], each["currency"]))
        if each["tagged_since"] and any(not part["name"] for part in each["cost_centers"]):
            console.print(f"Cost centers are known since {each['tagged_since']}; before, the tag was not activated.")
    console.print(f"Metric: {found['metric']}.")
    if last is not None:
        console.print(f"Last delivery {last['known_at']}: {last['status']} {last['reason']}".rstrip())
        for line in last["totals"]:
            console.print(f"  {reconciled(line)}")
        for reason in last["findings"].get("why_empty", ()):
            console.print(f"  {reason}")


def headline(month: str, summary: dict[str, Any], each: dict[str, Any]) -> str:
    """A month in one currency, in a line."""
    days = f"to {summary['last_day']}" if summary["last_day"] else "without usage"
    return (
        f"{month} {days}, {each['currency'] or 'unknown currency'}: usage {money(each['usage'])} "
        f"({Decimal(each['provisional']):.0%} provisional), purchases {money(each['purchases'])}, "
        f"tax {money(each['tax'])}, credits {money(each['credits'])}, "
        f"refunds and adjustments {money(each['refunds_and_adjustments'])}; billed {money(each['billed'])}"
    )


def parts_table(what: str, parts: list[dict[str, Any]], currency: str) -> Table:
    """Usage by service or cost center, the largest first."""
    table = Table()
    table.add_column(what)
    table.add_column(f"effective cost, {currency}", justify="right")
    table.add_column("share", justify="right")
    rest = parts[SHOWN:]
    shown = [*parts[:SHOWN]]
    if rest:
        total = {name: str(sum(Decimal(part[name]) for part in rest)) for name in ("effective", "share")}
        shown.append({"name": f"{len(rest)} more", **total})
    for part in shown:
        table.add_row(part["name"] or "(untagged)", money(part["effective"]), f"{Decimal(part['share']):.1%}")
    return table


def money(amount: str) -> str:
    """An amount with two decimals."""
    return f"{Decimal(amount):,.2f}"


def _invoice(text: str) -> dict[str, str]:
    amount, _, currency = text.partition(":")
    return {currency or "USD": amount}
