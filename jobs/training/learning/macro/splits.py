"""Who may learn from what: splits by cutoff only. Rows are months, counted from the panel's first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..months import Span
from .transforms import Array

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Pairs:
    """Origins `s` and what became of them `horizon` months later: `outcome[s] = level[s + horizon] - level[s]`.

    `present[s]`: both months have a published figure. `excluded[s]`: the way between them touches an excluded month.
    """

    horizon: int
    outcome: Array
    present: NDArray[np.bool_]
    excluded: NDArray[np.bool_]

    def until(self, stop: int) -> "Pairs":
        """The pairs whose target lies before row `stop`."""
        present = self.present[:stop].copy()
        present[max(0, stop - self.horizon) :] = False
        return Pairs(self.horizon, np.where(present, self.outcome[:stop], np.nan), present, self.excluded[:stop])

    def known_at(self, origin: int) -> Rows:
        """Rows of the pairs to learn from at an origin: s + horizon ≤ origin, none of the excluded."""
        stop = max(0, origin - self.horizon + 1)
        return np.flatnonzero(self.present[:stop] & ~self.excluded[:stop])

    def origins(self, targets: range) -> Rows:
        """Origins whose target month lies in a range of rows and can be scored."""
        rows = np.arange(max(0, targets.start - self.horizon), targets.stop - self.horizon, dtype=np.intp)
        return rows[self.present[rows]]


def make_pairs(level: Array, published: Array, horizon: int, excluded: Span | None, first_month: int) -> Pairs:
    """Pair each month with the month `horizon` later; `first_month` is the month number of row 0."""
    outcome = np.full(level.shape, np.nan)
    outcome[:-horizon] = level[horizon:] - level[:-horizon]
    there = ~np.isnan(published)
    present = np.zeros(level.shape, dtype=np.bool_)
    present[:-horizon] = there[:-horizon] & there[horizon:]
    touching = np.zeros(level.shape, dtype=np.bool_)
    if excluded is not None:
        months = first_month + np.arange(len(level))
        touching = (months <= excluded.last) & (months + horizon >= excluded.first)
    return Pairs(horizon, outcome, present, touching)
