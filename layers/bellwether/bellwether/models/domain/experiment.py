"""Two versions of a model side by side: which of them answers whom, for how long, and who decides."""

import json
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bellwether.models.domain.deployment import CurrentVersion, DeploymentPlan, Version
from bellwether.models.domain.report_schema import Sha256
from bellwether.shared.domain.errors import InvalidInputError


class Mode(StrEnum):
    """`shadow`: the challenger is asked too, and its answer only recorded. `split`: it answers its share of callers."""

    SHADOW = "shadow"
    SPLIT = "split"


class Decider(StrEnum):
    """Who promotes or stops the challenger once the test has spoken; a guard's stop is always by itself."""

    AUTO = "auto"
    PERSON = "person"


ExperimentId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]
Share = Annotated[float, Field(ge=0.001, le=1)]  # of fewer callers no verdict would ever come


class Challenge(BaseModel):
    """How a version is to be tried: what whoever starts an experiment has to say."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    experiment_id: ExperimentId
    mode: Mode
    share: Share
    decider: Decider = Decider.PERSON
    days: Annotated[float, Field(gt=0, le=90)]


class ChallengePlan(DeploymentPlan):
    """The plan of a version that goes into service beside the champion, at an endpoint of its own.

    Without a champion there is nothing to deploy.
    """

    challenge: Challenge
    champion_version: Version | None = None


class Experiment(BaseModel):
    """A challenger in service beside the current version; kept as JSON in a parameter of its model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    experiment_id: ExperimentId  # also salts the assignment of entities
    model: str
    mode: Mode
    share: Share  # of the entities that are given to the challenger, or shadowed
    decider: Decider = Decider.PERSON
    champion_version: Version
    challenger_version: Version
    challenger_endpoint_name: str
    challenger_config_name: str
    challenger_bundle_sha256: Sha256
    started_at: AwareDatetime
    ends_at: AwareDatetime  # without a verdict by then, the challenger is stopped


def parse_experiment(text: str, model: str, name: str) -> Experiment | None:
    """Read the parameter `name` of a model's experiment; an empty object means that there is none.

    Raises InvalidInputError for anything else that does not fit, another model's experiment included.
    """
    try:
        if json.loads(text) == {}:
            return None
        experiment = Experiment.model_validate_json(text)
    except (ValueError, ValidationError) as error:
        raise InvalidInputError("does not hold an experiment", field=name) from error
    if experiment.model != model:
        raise InvalidInputError(f"holds an experiment of {experiment.model}", field=name)
    return experiment


def why_not_challenge(
    *, version: int, bundle_sha256: str, current: CurrentVersion | None, running: Experiment | None
) -> str | None:
    """Why a verified version can't compete; None when it can."""
    if current is None:
        return "no version is in service to compare it with"
    if running is not None:
        return f"experiment {running.experiment_id} with version {running.challenger_version} is under way"
    if current.version == version:
        return f"version {version} is current"
    if current.bundle_sha256 == bundle_sha256:
        return f"version {version} has the same bundle as the current version {current.version}"
    return None
