"""What an approved model tells the daily forecast: `spend.json` of its bundle, and the defaults without a model."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bellwether.finops.domain.conformal import GRID, Calibration
from bellwether.finops.domain.recipe import Recipe, SeriesClass

NO_MODEL = "default recipe, no approved model"
Reconciliation = Literal["bottom_up", "top_down", "mean"]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class CalibrationTable(BaseModel):
    """Pooled errors at one horizon; see `conformal.Calibration`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    days: Annotated[int, Field(ge=1)]
    skipped: Annotated[int, Field(ge=0)] = 0
    ratio: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    grid: Annotated[tuple[Finite, ...], Field(min_length=GRID + 1, max_length=GRID + 1)]

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if list(self.grid) != sorted(self.grid):
            raise ValueError("quantiles have to ascend")
        return self

    @property
    def calibration(self) -> Calibration:
        """The same as the forecast takes it."""
        return Calibration(self.days, self.ratio, self.grid, self.skipped)


class SpendPolicy(BaseModel):
    """How spend is forecast: members by class, reconciliation, errors to expect."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal[1] = 1
    method: str = NO_MODEL
    members: dict[SeriesClass, tuple[str, ...]] = Field(default_factory=lambda: dict(Recipe().members))
    floor_a_day: Annotated[float, Field(ge=0)] = Recipe().floor_a_day
    idle_share_min: Annotated[float, Field(ge=0, le=1)] = Recipe().idle_share_min
    weekday_strength_min: Annotated[float, Field(ge=0, le=1)] = Recipe().weekday_strength_min
    calendar: bool = True
    holidays: frozenset[date] = frozenset()
    reconciliation: Reconciliation = "bottom_up"
    provisional_days: Annotated[int, Field(ge=0, le=14)] = 3
    sums: tuple[CalibrationTable, ...] = ()  # of the first n days; empty: the default's
    days: tuple[CalibrationTable, ...] = ()  # of single days

    @property
    def recipe(self) -> Recipe:
        """Point forecasts of single series."""
        return Recipe(
            dict(self.members), self.floor_a_day, self.idle_share_min, self.weekday_strength_min, self.calendar
        )

    @property
    def sum_calibrations(self) -> tuple[Calibration, ...]:
        """Errors of sums by horizon."""
        return tuple(each.calibration for each in self.sums) or DEFAULT_SUMS

    @property
    def day_calibrations(self) -> tuple[Calibration, ...]:
        """Errors of single days by horizon."""
        return tuple(each.calibration for each in self.days) or DEFAULT_DAYS


# Without a model: errors of the default recipe on 120 simulated accounts (bench/cost.py), rounded.
_KNOTS = {0: -6.0, 1: -1.9, 2: -1.6, 4: -1.25, 8: -0.85, 16: -0.45, 24: -0.18, 32: 0.0, 40: 0.14, 48: 0.29}
_UPPER_KNOTS = {56: 0.47, 64: 0.74, 72: 1.27, 76: 1.85, 78: 2.5, 79: 3.4, 80: 10.0}
_SUM_RATIOS = {1: 0.88, 2: 0.65, 3: 0.55, 5: 0.45, 7: 0.39, 10: 0.35, 14: 0.33, 21: 0.32, 33: 0.32, 60: 0.34, 93: 0.36}
_DAY_RATIOS = {1: 0.88, 3: 0.9, 7: 0.95, 14: 1.0, 30: 1.1, 60: 1.2, 90: 1.3}


def _between(knots: dict[int, float]) -> tuple[float, ...]:
    places = sorted(knots)
    grid = []
    for step in range(GRID + 1):
        high = next(place for place in places if place >= step)
        low = max(place for place in places if place <= step)
        share = (step - low) / (high - low) if high > low else 0.0
        grid.append(knots[low] + share * (knots[high] - knots[low]))
    return tuple(grid)


DEFAULT_GRID = _between(_KNOTS | _UPPER_KNOTS)
DEFAULT_SUMS = tuple(Calibration(days, ratio, DEFAULT_GRID) for days, ratio in _SUM_RATIOS.items())
DEFAULT_DAYS = tuple(Calibration(day, ratio, DEFAULT_GRID, day - 1) for day, ratio in _DAY_RATIOS.items())
