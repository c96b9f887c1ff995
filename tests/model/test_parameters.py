"""Hyperparameters come as strings, and a wrong one is named."""

import pytest

from jobs.training.learning.errors import InvalidParameterError
from jobs.training.learning.job import hyperparameters
from jobs.training.learning.macro.parameters import PANDEMIC, JobParameters
from jobs.training.learning.months import Span, format_span, parse_month


def test_strings_become_values() -> None:
    # Given what SageMaker passes, its own included
    parsed = JobParameters.parse(
        {
            "horizons": "12, 1,3",
            "seed": "11",
            "trials": "4",
            "time_budget_seconds": "30",
            "excluded_months": "2008-09..2009-06",
            "mlflow_tracking_uri": "http://tracking.example:5000",
            "sagemaker_program": "train.py",
        }
    )
    # When parsed, then each has its type, and what wasn't given its default
    assert parsed.horizons == (1, 3, 12)
    assert (parsed.seed, parsed.trials, parsed.time_budget_seconds) == (11, 4, 30.0)
    assert parsed.excluded_months == Span(parse_month("2008-09"), parse_month("2009-06"))
    assert parsed.backtest_months == 180


def test_the_pandemic_is_excluded_unless_told_otherwise() -> None:
    assert JobParameters().excluded_months == PANDEMIC
    assert format_span(PANDEMIC) == "2020-03..2021-06"
    assert JobParameters.parse({"excluded_months": "none"}).excluded_months is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trails", "20"),
        ("trials", "0"),
        ("trials", "many"),
        ("seed", "-1"),
        ("horizons", "1,x"),
        ("horizons", "0"),
        ("time_budget_seconds", "nan"),
        ("backtest_months", "5"),
        ("excluded_months", "2020"),
        ("excluded_months", "2021-06..2020-03"),
        ("target", ""),
    ],
)
def test_a_wrong_one_is_named(name: str, text: str) -> None:
    with pytest.raises(InvalidParameterError, match=f"hyperparameter {name}: "):
        JobParameters.parse({name: text})


def test_the_command_line_wins_over_the_environment() -> None:
    # Given both ways in which the container tells them
    given = hyperparameters(["--trials", "3"], {"SM_HPS": '{"trials": 20, "horizons": "1,3"}'})
    assert given == {"trials": "3", "horizons": "1,3"}


def test_an_empty_value_comes_as_a_name_alone() -> None:
    given = hyperparameters(["--mlflow_tracking_uri", "--trials", "3"], {})
    assert given == {"mlflow_tracking_uri": "", "trials": "3"}
    assert JobParameters.parse(given).mlflow_tracking_uri == ""


@pytest.mark.parametrize("arguments", [["trials", "3"], ["--trials", "3", "4"]])
def test_a_value_without_a_name_is_refused(arguments: list[str]) -> None:
    with pytest.raises(InvalidParameterError, match="--name value"):
        hyperparameters(arguments, {})
