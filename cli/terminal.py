"""What commands share at the terminal: the console, spinners, lines for finished steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

console = Console(highlight=False, markup=False)  # texts come from files, mails and events: markup in them is text
Report = Callable[[str], None]


@contextmanager
def spinner(title: str) -> Iterator[Report]:
    """Show a spinner while something runs; call the result with the name of the current step."""
    with console.status(Text(title)) as status:
        yield lambda step: status.update(Text(f"{title}: {step}"))


def done(text: str) -> None:
    """Print a line for a finished step."""
    console.print(Text.assemble(("✓", "green"), f" {text}"))
