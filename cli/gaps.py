"""Commands of price gaps: list suspicious ones, and confirm what one is."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.dispatch import Reason
from cli.models import AsJson
from cli.problems import CommandError
from cli.target import current_target

console = Console()
FUNCTION = "ReviewPriceGapFunctionName"
gaps_app = typer.Typer(no_args_is_help=True, help="Price gaps that look like a split: list them, confirm what one is.")


@gaps_app.command("list")
def list_gaps(as_json: AsJson = False) -> None:
    """Show suspicious price gaps. A ticker with an unreviewed gap gets no signals."""
    target = current_target()
    _show(target.invoke(target.output(FUNCTION), {}), as_json)


@gaps_app.command("confirm")
def confirm_gap(
    ticker: Annotated[str, typer.Argument(help="Ticker of the gap.")],
    reason: Reason,
    split: Annotated[str | None, typer.Option("--split", help="Ratio of a split: new shares for old, 50:1.")] = None,
    real: Annotated[bool, typer.Option("--real", help="The price moved: there was no split.")] = False,
    at: Annotated[str | None, typer.Option("--at", help="Time of the gap, if the ticker has several.")] = None,
    as_json: AsJson = False,
) -> None:
    """Record what a price gap is, by whom and why. Signals of the ticker resume; shares held count with the ratio."""
    if (split is None) is not real:
        raise CommandError("Give either --split with a ratio, or --real.")
    target = current_target()
    review = {"ticker": ticker, "ratio": split or "1:1", "actor": target.caller, "reason": reason}
    if at:
        review["at"] = at
    _show(target.invoke(target.output(FUNCTION), {"review": review}), as_json)


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        console.print(gaps_table(found))


def gaps_table(found: dict[str, Any]) -> Table:
    """Gaps with their reviews, as a table."""
    table = Table(title=f"Price gaps: {found['unreviewed']} unreviewed")
    for name in ("ticker", "at", "before", "after", "looks like", "confirmed as", "by", "reason"):
        table.add_column(name)
    for gap in found["gaps"]:
        at = datetime.fromisoformat(gap["at"])
        meaning = "[bold red]unreviewed[/]" if gap["ratio"] is None else gap["ratio"]
        table.add_row(
            gap["ticker"],
            f"{at:%Y-%m-%dT%H:%MZ}",
            gap["before"],
            gap["after"],
            gap["suspected_ratio"] or "no usual split",
            "real move" if gap["ratio"] == "1:1" else meaning,
            gap["actor"] or "",
            gap["reason"] or "",
        )
    return table
