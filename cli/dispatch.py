"""Commands of dispatch: halt, resume, and how it stands."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.models import AsJson, Yes
from cli.target import Target, current_target

console = Console()
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
    table.add_row("state", "[bold red]halted[/]" if state["halted"] else "[green]running[/]")
    if since.year > 1970:  # it was ever set
        table.add_row("since", f"{since:%Y-%m-%d %H:%M} UTC")
        table.add_row("by", state["actor"])
        table.add_row("reason", state["reason"])
    table.add_row("open orders", str(state["open_orders"]))
    return table
