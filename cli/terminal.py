"""What commands share at the terminal: the console, spinners, lines for finished steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(highlight=False)
Report = Callable[[str], None]


@contextmanager
def spinner(title: str) -> Iterator[Report]:
    """Show a spinner while something runs; call the result with the name of the current step."""
    with console.status(title) as status:
        yield lambda step: status.update(f"{title}: {step}")


def done(text: str) -> None:
    """Print a line for a finished step."""
    console.print(f"[green]✓[/green] {text}")
