"""How far clocks may differ: what is dated further ahead is from the future, and counts as neither fresh nor known."""

from datetime import datetime, timedelta

CLOCK_SKEW = timedelta(seconds=30)


def is_future(instant: datetime, now: datetime) -> bool:
    """Whether an instant is later than another clock's now can be; also after this clock stepped back."""
    return instant - now > CLOCK_SKEW
