"""Commands of dispatch: halt, resume, its state, and positions."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cli.models import AsJson, Yes
from cli.target import Target, current_target
from cli.terminal import console

FUNCTION = "SetDispatchControlFunctionName"
Reason = Annotated[str, typer.Option("--reason", "-r", help="Reason, recorded permanently.")]


def halt(reason: Reason, as_json: AsJson = False) -> None:
    """Halt dispatch. After this returns, no order is approved."""
    target = current_target()
    _show(target, _change(target, halted=True, reason=reason), as_json)


def resume(reason: Reason, yes: Yes = False, as_json: AsJson = False) -> None:
    """Resume dispatch."""
    target = current_target()
    if not yes:
        state = target.invoke(target.output(FUNCTION), {})
        if state["halted"]:
            console.print(f"Halted by {state['actor']}: {state['reason']}", markup=False)
        typer.confirm(f"Resume dispatch in the {target.where}?", abort=True)
    _show(target, _change(target, halted=False, reason=reason), as_json)


def dispatch(as_json: AsJson = False) -> None:
    """Show whether dispatch is halted, by whom and why, and the number of open orders."""
    target = current_target()
    _show(target, target.invoke(target.output(FUNCTION), {}), as_json)


def positions(as_json: AsJson = False) -> None:
    """Show shares held, open orders, cash, and profit and loss, as the risk gates see them."""
    target = current_target()
    portfolio = target.invoke(target.output("ListPositionsFunctionName"), {})
    if as_json:
        typer.echo(json.dumps(portfolio, indent=2))
    else:
        if portfolio["positions"]:
            console.print(positions_table(portfolio))
        else:
            console.print(f"No positions and no open orders at {portfolio['broker']}.")
        console.print(totals_table(portfolio))


def _change(target: Target, *, halted: bool, reason: str) -> dict[str, Any]:
    return target.invoke(target.output(FUNCTION), {"halted": halted, "actor": target.caller, "reason": reason})


def _show(target: Target, state: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(state, indent=2))
    else:
        console.print(state_table(state, target.where))


def state_table(state: dict[str, Any], where: str) -> Table:
    """The kill switch as a person reads it."""
    table = Table(title=f"Dispatch in the {where}", show_header=False)
    since = datetime.fromisoformat(state["changed_at"])
    table.add_row("state", Text("halted", style="bold red") if state["halted"] else Text("running", style="green"))
    if since.year > 1970:  # it was ever set
        table.add_row("since", f"{since:%Y-%m-%d %H:%M} UTC")
        table.add_row("by", state["actor"])
        table.add_row("reason", state["reason"])
    table.add_row("open orders", str(state["open_orders"]))
    return table


def positions_table(portfolio: dict[str, Any]) -> Table:
    """Tickers with shares or open orders, and the realised profit of closed positions."""
    at = datetime.fromisoformat(portfolio["at"])
    table = Table(title=f"Positions at {portfolio['broker']}, {at:%Y-%m-%d %H:%M} UTC")
    table.add_column("ticker")
    for name in ("shares", "average price", "price", "value", "unrealised", "realised", "today", "buying", "selling"):
        table.add_column(name, justify="right", overflow="fold")
    for each in portfolio["positions"]:
        amounts = ("average_price", "price", "value_usd", "unrealised_usd", "realised_usd", "gain_today_usd")
        table.add_row(
            each["ticker"],
            each["quantity"],
            *(_usd(each[name]) for name in amounts),
            each["ordered_in"],
            each["ordered_out"],
        )
    return table


def totals_table(portfolio: dict[str, Any]) -> Table:
    """Cash, exposure and profit of all positions together."""
    table = Table(show_header=False)
    table.add_row("cash", f"{_usd(portfolio['cash_usd'])} of {_usd(portfolio['capital_usd'])} USD")
    table.add_row("exposure", f"{_usd(portfolio['exposure_usd'])} of {_usd(portfolio['max_total_exposure_usd'])} USD")
    table.add_row("unrealised profit", f"{_usd(portfolio['unrealised_usd'])} USD")
    table.add_row("realised profit", f"{_usd(portfolio['realised_usd'])} USD")
    table.add_row("gain today", f"{_usd(portfolio['gain_today_usd'])} USD")
    table.add_row("orders today", str(portfolio["trades_today"]))
    return table


def _usd(amount: str | None) -> str:
    return "unknown" if amount is None else f"{Decimal(amount):,.2f}"
