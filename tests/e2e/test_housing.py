"""The life of a model on the embedded cloud, as the demonstration shows it: sales in, versions that compete, drift."""

from typing import Any

import pytest

from bellwether.models.domain.catalogue import CATALOGUE, HOUSING
from cli import executions, predictions, registry
from cli.demo import housing
from cli.problems import CommandError
from cli.target import Target
from localcloud.control import Cloud
from tests.e2e.flow import WAIT_SECONDS
from tests.e2e.test_upkeep import decided

pytestmark = pytest.mark.aws


@pytest.fixture(scope="module")
def told(target: Target, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the demonstration tells of it."""
    out = tmp_path_factory.mktemp("housing")
    told = housing.run_housing(target, housing.begin_housing(target), out)
    assert (out / "experiment.png").stat().st_size > 0
    assert "<svg" in (out / "housing.html").read_text()
    return told


def test_one_challenger_wins_and_one_loses(told: dict[str, Any], cloud: Cloud) -> None:
    first, second, third = told["versions"]
    wins, loses = told["contests"]
    # Given a thorough version beside a hasty one; Then it is better, and the other way round it is not
    assert (wins["challenger"], wins["champion"], wins["won"]) == (second, first, True)
    assert (loses["challenger"], loses["champion"], loses["won"]) == (first, second, False)
    assert wins["interval"]["lower"] > 0
    # And every step is in the ledger
    verdicts = decided(cloud, "judge_experiment")
    assert len({subject for subject, *_ in verdicts}) == 2
    assert {verdict for _, verdict, _ in decided(cloud, "start_experiment")} == {"accepted"}
    assert third > second


def test_drift_is_answered_by_a_training_that_a_person_approves(
    told: dict[str, Any], target: Target, cloud: Cloud
) -> None:
    # Given houses larger than any before; Then the monitor finds it and a training is asked for and allowed
    assert told["drift"]["trigger"] == "drift"
    assert decided(cloud, "retrain_model")[-1][:2] == (HOUSING.name, "accepted")
    # And what came of it serves, once it was approved
    assert registry.current_version(target, HOUSING.name) == told["versions"][-1]


def test_a_look_at_every_model_leaves_none_out(told: dict[str, Any], target: Target) -> None:
    # Given a model that serves and others that may not; When all are looked at
    arn = executions.start(target, target.output("MonitorModelsStateMachineArn"), {})
    results = {each["model"]: each for each in executions.follow(target, arn, timeout_seconds=WAIT_SECONDS)["results"]}
    # Then each has its answer
    assert set(results) == set(CATALOGUE)
    assert results[HOUSING.name]["measured"]


def test_what_does_not_fit_the_bundle_s_schema_is_named(told: dict[str, Any], target: Target) -> None:
    house = housing.question(housing.rows(housing.ASKED_YEAR)[0])
    large = house | {"data": house["data"] | {"living_sqft": "large"}}
    with pytest.raises(CommandError, match="living_sqft"):
        predictions.ask(target, HOUSING.name, large)
    with pytest.raises(CommandError, match=r"instances\.1.*living_sqft"):
        predictions.ask(target, HOUSING.name, {"instances": [house, large]})
