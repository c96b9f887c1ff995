"""Confirm suspicious price gaps by the splits that the market-data source announces."""

from collections.abc import Sequence

from bellwether.trading.domain.price_gaps import AnnouncedSplit, PriceGap, explaining_split
from bellwether.trading.ports.telemetry import GapStore

ACTOR = "corporate actions"


def confirm_splits(announced: Sequence[AnnouncedSplit], *, gaps: GapStore) -> tuple[PriceGap, ...]:
    """Review each unreviewed gap that one announced split explains; return these gaps with their ratio.

    All other gaps wait for a person: without an announcement a gap may still be a split.
    """
    confirmed = []
    for gap in gaps.gaps() if announced else ():
        split = None if gap.ratio else explaining_split(gap, announced)
        if split is not None:
            reason = f"announced by the market-data source: {split.ratio} with ex-date {split.ex_date}"
            gaps.review(gap, split.fraction, actor=ACTOR, reason=reason)
            confirmed.append(gap.model_copy(update={"ratio": split.ratio, "actor": ACTOR, "reason": reason}))
    return tuple(confirmed)
