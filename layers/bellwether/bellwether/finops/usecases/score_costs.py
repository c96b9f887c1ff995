"""Score forecasts of months that are over: what was forecast, as known then, beside what came, as known now."""

from collections import defaultdict
from datetime import datetime, timedelta

from bellwether.finops.domain.charges import ChargeCategory
from bellwether.finops.domain.scorecard import MonthScore, Scorecard, scorecard
from bellwether.finops.domain.spend_forecast import Level
from bellwether.finops.domain.spend_series import last_final_day, utc_day
from bellwether.finops.ports.charge_store import ChargeStore
from bellwether.finops.ports.outlook_store import OutlookStore

TOTAL = "(total)"


def score_costs(charges: ChargeStore, outlooks: OutlookStore, known_at: datetime, currency: str = "USD") -> Scorecard:
    """Score every stored forecast of a month whose days are final. Corrections count in the month they correct."""
    made = [each for each in outlooks.month_forecasts(last_final_day(known_at)) if each.currency == currency]
    actual: dict[tuple[str, object], float] = defaultdict(float)
    if made:
        first = min(each.month for each in made)
        for charge in charges.as_known_at(known_at, first, utc_day(known_at) - timedelta(days=1)):
            key = charge.key
            if key.category is ChargeCategory.USAGE and key.currency == currency:
                month = key.day.replace(day=1)
                actual[key.cost_center, month] += float(charge.effective)
                actual[TOTAL, month] += float(charge.effective)
    scores = [
        MonthScore(
            made_on=utc_day(each.known_at),
            month=each.month,
            cost_center=name,
            metric=each.metric,
            forecast=each.mean,
            actual=actual[name, each.month],
            lower_80=each.lower_80,
            upper_80=each.upper_80,
            lower_95=each.lower_95,
            upper_95=each.upper_95,
            naive=each.naive,
            too_small=each.too_small,
        )
        for each in made
        if utc_day(each.known_at) <= each.month.replace(day=28) + timedelta(days=3)
        for name in [TOTAL if each.level is Level.TOTAL else each.cost_center]
    ]
    return scorecard(scores, "effective")
