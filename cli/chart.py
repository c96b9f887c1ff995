"""The chart of a confidence sequence."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SequencePoint:
    """An interval of a confidence sequence, as shares; None where a side is unknown."""

    pairs: int
    lower: float | None
    upper: float | None


def draw_sequence(points: list[SequencePoint], *, title: str, path: Path) -> Path:
    """Draw how the limits of an improvement close in, pair by pair; returns the PNG's path."""
    from matplotlib.figure import Figure  # a second to import, which other commands need not wait for

    known = [value for point in points for value in (point.lower, point.upper) if value is not None]
    floor, ceiling = min(known, default=0.0) - 0.1, max(known, default=0.0) + 0.1
    pairs = [point.pairs for point in points]
    lower = [100 * (floor if point.lower is None else point.lower) for point in points]
    upper = [100 * (ceiling if point.upper is None else point.upper) for point in points]
    figure = Figure(figsize=(8, 3.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.fill_between(pairs, lower, upper, step="post", color="#4c78a8", alpha=0.25, linewidth=0)
    axes.axhline(0, color="#222222", linewidth=1)
    axes.set_title(title, loc="left")
    axes.set_xlabel("pairs of predictions with known actuals")
    axes.set_ylabel("reduction of the mean loss, %")
    axes.set_ylim(100 * floor, 100 * ceiling)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    return path
