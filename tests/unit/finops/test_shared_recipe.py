"""The training job backtests the very code that forecasts daily, and its policy is read by it."""

import pytest
from pydantic import ValidationError

from bellwether.finops.domain.spend_policy import DEFAULT_GRID, SpendPolicy
from tests.places import PACKAGE, ROOT

JOB = ROOT / "jobs" / "training" / "learning" / "cloudspend"


@pytest.mark.parametrize("name", ["recipe.py", "conformal.py"])
def test_the_job_carries_the_same_bytes(name: str) -> None:
    domain = PACKAGE / "finops" / "domain" / name
    assert (JOB / name).read_bytes() == domain.read_bytes(), (
        f"run: cp {domain.relative_to(ROOT)} {JOB.relative_to(ROOT)}/"
    )


def test_a_policy_as_the_job_writes_it_is_read() -> None:
    table = {"days": 7, "skipped": 0, "ratio": 0.4, "grid": list(DEFAULT_GRID)}
    policy = SpendPolicy.model_validate(
        {
            "schema_version": 1,
            "method": "median3, top_down",
            "members": {"steady": ["ses"], "weekly": ["ses"], "intermittent": ["mean56"], "too small to forecast": []},
            "reconciliation": "top_down",
            "sums": [table],
            "days": [{**table, "skipped": 6}],
        }
    )
    assert policy.recipe.members["steady"] == ("ses",)  # type: ignore[index]
    assert policy.sum_calibrations[0].quantile(0.5) == pytest.approx(DEFAULT_GRID[40])
    with pytest.raises(ValidationError, match="ascend"):
        SpendPolicy.model_validate({"sums": [{**table, "grid": list(DEFAULT_GRID[::-1])}]})
