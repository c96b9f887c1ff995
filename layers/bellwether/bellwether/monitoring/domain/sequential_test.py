"""Looking after every point without being fooled: two tests that may stop whenever they have seen enough.

Both bet against their hypothesis: nobody gains on average while it is true, so that by Ville's inequality wealth ever
reaches 1/alpha with probability alpha at most, however often anybody looks. After Waudby-Smith and Ramdas, "Estimating
means of bounded random variables by betting", J. R. Stat. Soc. B 86(1), 2024; each stake gets a part of the capital,
which spares choosing one.
"""

import math
from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from bellwether.models.domain.specs import ExperimentPolicy

STAKES = (0.9, 0.6, 0.4, 0.25, 0.15, 0.08, 0.04, 0.02)  # of the wealth, on a difference of CLIP scales
CLIP = 4.0  # a difference of more scales counts as so many: no single point decides
SCALE_POINTS = 10  # of the first pairs only the size of their differences is learned
IMPROVEMENTS = tuple(  # that are put to the test for the confidence sequence: by 1% near zero, by 5% further out
    sorted({round(i / 100, 2) for i in range(-30, 31)} | {round(i / 20, 2) for i in range(-20, 21)})
)
SHARE_STEPS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 0.95)


class Finding(StrEnum):
    """What the pairs say of the challenger."""

    BETTER = "better"
    NOT_BETTER = "not_better"  # worse, or better by less than is worth while
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Pair:
    """Losses of both versions on the same thing, or on things that came at the same time."""

    champion: float
    challenger: float


@dataclass(frozen=True)
class Interval:
    """The improvement of the challenger's mean loss over the champion's as a share of it, after `pairs` pairs.

    Each limit holds at all times together with probability 1 - alpha; None while nothing can be said on its side.
    """

    pairs: int
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Comparison:
    """Champion and challenger on all pairs so far."""

    pairs: tuple[Pair, ...]
    policy: ExperimentPolicy

    @property
    def improvement(self) -> float | None:
        """How much smaller the challenger's mean loss is, as a share of the champion's; None without a loss."""
        champion = math.fsum(pair.champion for pair in self.pairs)
        return 1 - math.fsum(pair.challenger for pair in self.pairs) / champion if champion > 0 else None

    @cached_property
    def finding(self) -> tuple[Finding, int]:
        """What was found first, and after how many pairs; a finding stays, whatever comes after it."""
        better = self._crossing(self._gains(0.0))
        not_better = self._crossing(-gain for gain in self._gains(self.policy.worthwhile))
        if better is not None and (not_better is None or better <= not_better):
            return Finding.BETTER, better
        if not_better is not None:
            return Finding.NOT_BETTER, not_better
        return Finding.UNDECIDED, len(self.pairs)

    @cached_property
    def path(self) -> tuple[Interval, ...]:
        """The confidence sequence: its first interval, each that is narrower than the one before, and the last."""
        lowest = self._crossings(1.0)
        highest = self._crossings(-1.0)
        ends = {count for count in (*lowest.values(), *highest.values()) if count is not None}
        return tuple(
            Interval(
                pairs=count,
                lower=max((at for at, when in lowest.items() if when is not None and when <= count), default=None),
                upper=min((at for at, when in highest.items() if when is not None and when <= count), default=None),
            )
            for count in sorted(ends | {len(self.pairs)})
        )

    @property
    def interval(self) -> Interval:
        """The newest interval of the confidence sequence."""
        return self.path[-1]

    def _crossings(self, side: float) -> dict[float, int | None]:
        """For each improvement, after how many pairs it was found to be too small (side 1) or too large (side -1)."""
        return {at: self._crossing(side * gain for gain in self._gains(at)) for at in IMPROVEMENTS}

    def _crossing(self, gains: Iterable[float]) -> int | None:
        limit = -math.log(self.policy.alpha)
        for count, log_wealth in enumerate(_log_wealth(gains), start=1):
            if count >= self.policy.points_min and log_wealth >= limit:
                return count
        return None

    def _gains(self, improvement: float) -> Iterator[float]:
        """What each pair pays on the claim that the challenger is better by more than `improvement`: -1 … 1."""
        for pair, scale in zip(self.pairs, self._scales, strict=True):
            difference = (1 - improvement) * pair.champion - pair.challenger
            yield max(-1.0, min(1.0, difference / (CLIP * scale))) if scale else 0.0

    @cached_property
    def _scales(self) -> tuple[float | None, ...]:
        """For each pair the median difference of the pairs before it: what a bet is made in must not know its outcome.

        Versions that always agree have no such median; then it is the champion's median loss.
        """
        differences: list[float] = []
        losses: list[float] = []
        scales: list[float | None] = []
        for count, pair in enumerate(self.pairs):
            known = differences or losses
            scales.append(known[len(known) // 2] if count >= SCALE_POINTS and known else None)
            if difference := abs(pair.champion - pair.challenger):
                insort(differences, difference)
            if pair.champion > 0:
                insort(losses, pair.champion)
        return tuple(scales)


def share_above(count: int, total: int, limit: float) -> float:
    """Log wealth of a bet that more than `limit` of a sequence fulfil a condition, which `count` of `total` do."""
    shares = [limit + (1 - limit) * step for step in SHARE_STEPS]
    return _log_mean(
        [count * math.log(share / limit) + (total - count) * math.log((1 - share) / (1 - limit)) for share in shares]
    )


def _log_wealth(gains: Iterable[float]) -> Iterator[float]:
    """Log of the wealth after each bet, starting from 1 and divided evenly among the stakes."""
    logs = [0.0] * len(STAKES)
    for gain in gains:
        if gain:
            logs = [log + math.log1p(stake * gain) for log, stake in zip(logs, STAKES, strict=True)]
        yield _log_mean(logs)


def _log_mean(logs: Sequence[float]) -> float:
    highest = max(logs)
    return highest + math.log(math.fsum(math.exp(log - highest) for log in logs) / len(logs))
