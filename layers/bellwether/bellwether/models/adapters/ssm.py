"""SSM parameters: which version of each model is the current one, and which one competes with it."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.config import Config

from bellwether.models.domain.deployment import CurrentVersion, parse_current
from bellwether.models.domain.experiment import Experiment, parse_experiment
from bellwether.models.domain.routing import Traffic
from bellwether.shared.adapters.aws_clients import aws_client
from bellwether.shared.adapters.aws_errors import translated
from bellwether.shared.domain.errors import BellwetherError, NotFoundError, TransientUpstreamError
from bellwether.shared.per_process import once_per_process

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

TRAFFIC_SECONDS = 15.0


@once_per_process
def ssm_client() -> "SSMClient":
    """One client for each process."""
    timely = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    return aws_client("ssm", config=timely)


@once_per_process
def hurried_ssm_client() -> "SSMClient":
    """The same for those whose caller waits."""
    hurried = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 1})
    return aws_client("ssm", config=hurried)


class SsmCurrentVersions:
    """CurrentVersions in `/bellwether/<environment>/<model>/current`. Needs ssm:GetParameter."""

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def parameter_name(self, model: str) -> str:
        """Name of the parameter of one model."""
        return f"/bellwether/{self._environment}/{model}/current"

    def get(self, model: str) -> CurrentVersion | None:
        """None before the first promotion; raises InvalidInputError for what can't be read."""
        name = self.parameter_name(model)
        try:
            with translated(f"parameter {name}"):
                text = ssm_client().get_parameter(Name=name)["Parameter"]["Value"]
        except NotFoundError:
            return None
        return parse_current(text, name)


class SsmPromotions(SsmCurrentVersions):
    """Promotions. Needs ssm:GetParameter and ssm:PutParameter."""

    def put(self, model: str, current: CurrentVersion) -> None:
        """Make this version the current one."""
        name = self.parameter_name(model)
        with translated(f"parameter {name}"):
            ssm_client().put_parameter(Name=name, Value=current.model_dump_json(), Type="String", Overwrite=True)


class SsmExperiments:
    """Experiments in `/bellwether/<environment>/<model>/experiment`. Needs ssm:GetParameter."""

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def parameter_name(self, model: str) -> str:
        """Name of the parameter of one model."""
        return f"/bellwether/{self._environment}/{model}/experiment"

    def get(self, model: str) -> Experiment | None:
        """None while nobody is tried; raises InvalidInputError for what can't be read."""
        name = self.parameter_name(model)
        try:
            with translated(f"parameter {name}"):
                text = ssm_client().get_parameter(Name=name)["Parameter"]["Value"]
        except NotFoundError:
            return None
        return parse_experiment(text, model, name)


class SsmExperimentsStore(SsmExperiments):
    """ExperimentsStore. Needs ssm:PutParameter and ssm:DeleteParameter besides."""

    def put(self, experiment: Experiment) -> None:
        """Begin an experiment, or change it."""
        name = self.parameter_name(experiment.model)
        with translated(f"parameter {name}"):
            ssm_client().put_parameter(Name=name, Value=experiment.model_dump_json(), Type="String", Overwrite=True)

    def clear(self, model: str) -> None:
        """End a model's experiment; nothing happens when there is none."""
        name = self.parameter_name(model)
        with suppress(NotFoundError), translated(f"parameter {name}"):
            ssm_client().delete_parameter(Name=name)


class SsmTraffic:
    """TrafficControl over both parameters of a model, read together. Needs ssm:GetParameters.

    What was read holds for `TRAFFIC_SECONDS`; that it could not be read, as well, so that callers wait for it once.
    """

    def __init__(self, environment: str, now: Callable[[], float] = time.monotonic) -> None:
        self._current = SsmCurrentVersions(environment)
        self._experiments = SsmExperiments(environment)
        self._now = now
        self._known: dict[str, tuple[float, Traffic | str]] = {}

    def get(self, model: str) -> Traffic:
        """As it was at most some seconds ago; raises TransientUpstreamError when it can't be read."""
        read_at, traffic = self._known.get(model, (-TRAFFIC_SECONDS, ""))
        if self._now() - read_at >= TRAFFIC_SECONDS:
            try:
                traffic = self._read(model)
            except BellwetherError as error:
                traffic = str(error)
            self._known[model] = (self._now(), traffic)
        if isinstance(traffic, str):
            raise TransientUpstreamError(traffic)
        return traffic

    def _read(self, model: str) -> Traffic:
        current, experiment = self._current.parameter_name(model), self._experiments.parameter_name(model)
        with translated(f"parameters of {model}"):
            found = hurried_ssm_client().get_parameters(Names=[current, experiment])["Parameters"]
        texts = {each["Name"]: each["Value"] for each in found}
        return Traffic(
            parse_current(texts.get(current, "{}"), current),
            parse_experiment(texts.get(experiment, "{}"), model, experiment),
        )
