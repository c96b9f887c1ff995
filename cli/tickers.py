"""Commands of the ticker list: list, add, remove."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from bellwether.news.domain.news_layout import TICKER_LISTS
from bellwether.news.views import packaged_companies
from bellwether.trading.domain.ticker_list import select_tickers
from cli.list_parameters import ListParameter
from cli.models import AsJson
from cli.problems import CommandError
from cli.target import Target, current_target
from cli.terminal import console

Tickers = Annotated[list[str], typer.Argument(help="Symbols such as AAPL or BRK.B.")]

tickers_app = typer.Typer(no_args_is_help=True, help="The tickers whose bars are stored: list, add, remove.")


@tickers_app.command("list")
def list_tickers(as_json: AsJson = False) -> None:
    """Show the tickers, the companies that headlines name by them, and the faults of the list."""
    target = current_target()
    selection = select_tickers(_list(target).items())
    names = packaged_companies()
    rows = [{"ticker": ticker, "company": names.get(ticker)} for ticker in selection.tickers]
    if as_json:
        typer.echo(json.dumps({"tickers": rows, "problems": list(selection.problems)}, indent=2))
        return
    table = Table("ticker", "company", title=f"{len(rows)} tickers in the {target.where}")
    for row in rows:
        table.add_row(row["ticker"], row["company"] or "not in the list of companies: no story names it")
    console.print(table)
    for problem in selection.problems:
        console.print(f"Fault in the list: {problem}", markup=False)


@tickers_app.command("add")
def add_tickers(tickers: Tickers, as_json: AsJson = False) -> None:
    """Add tickers. Their bars are fetched within five minutes, those of the last sessions included."""
    wanted = list(dict.fromkeys(each.strip().upper() for each in tickers))
    selection = select_tickers(wanted)
    if unusable := [each for each in wanted if each not in selection.tickers]:
        raise CommandError(f"Not tickers such as AAPL or BRK.B: {', '.join(map(repr, unusable))[:500]}.")
    parameter = _list(current_target())
    items = parameter.items()
    added = [each for each in wanted if each not in items]
    if added:
        parameter.write([*items, *added])
    _report("added", added, [each for each in wanted if each in items], as_json)


@tickers_app.command("remove")
def remove_tickers(tickers: Tickers, as_json: AsJson = False) -> None:
    """Remove tickers, or faulty items, from the list. Stored bars stay."""
    parameter = _list(current_target())
    items = parameter.items()
    wanted = {name for each in tickers for name in (each, each.strip().upper())}
    removed = [each for each in items if str(each) in wanted]
    if not removed:
        raise CommandError(f"The list has none of {', '.join(tickers)}.")
    parameter.write([each for each in items if str(each) not in wanted])
    _report("removed", removed, [each for each in tickers if {each, each.upper()}.isdisjoint(map(str, items))], as_json)


def _list(target: Target) -> ListParameter:
    return ListParameter(target, "tickers", TICKER_LISTS)


def _report(word: str, changed: list[Any], unchanged: list[str], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({word: changed, "unchanged": unchanged}, indent=2))
        return
    if changed:
        console.print(f"{word}: {', '.join(map(str, changed))}", markup=False)
    if unchanged:
        console.print(f"unchanged: {', '.join(unchanged)}", markup=False)
