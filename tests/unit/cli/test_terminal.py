"""Texts that come from elsewhere are printed as they are."""

import pytest
from rich.table import Table

from cli.terminal import console, done


@pytest.mark.parametrize("text", ["[bold]approved[/bold] by ada", "[/nothing] to close", "[red]"])
def test_markup_from_elsewhere_stays_text(text: str) -> None:
    # Given a text with markup, as an actor or a reason may hold it
    table = Table("actor")
    table.add_row(text)
    # When it is printed
    with console.capture() as printed:
        console.print(text)
        console.print(table)
        done(text)
    # Then nothing of it is taken for markup
    assert printed.get().count(text) == 3
