"""One emulator for all tests here, with a small stack of the tests' own deployed to it."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud import ports
from localcloud.deploy import Deployment, Stack
from localcloud.emulator.names import CHECKPOINT_SECONDS_VARIABLE, WORKER_LIMIT_VARIABLE
from localcloud.endpoints import Endpoints
from localcloud.home import Home
from localcloud.postgres import Connection
from localcloud.services import Addresses, Emulator
from localcloud.toolchain import Toolchain

FIXTURE = Path(__file__).parent / "fixtures" / "nested"
STACK = "probe"
CALLERS_OWN = {
    "AWS_PROFILE": "my-company",
    "AWS_SESSION_TOKEN": "the-callers-token",
    "AWS_ACCESS_KEY_ID": "AKIACALLER",
    "PGPASSWORD": "the-callers-password",
    "SOME_SECRET": "of-the-caller",
    "PYTHONPATH": "/the/callers/modules",
}


class LoneEmulator(Emulator):
    """The emulator without a SageMaker beside it."""

    def environment(self) -> dict[str, str]:
        environment = {name: value for name, value in super().environment().items() if "SAGEMAKER" not in name}
        return {**environment, CHECKPOINT_SECONDS_VARIABLE: "0.5", WORKER_LIMIT_VARIABLE: "2"}


@dataclass(frozen=True)
class Probe:
    """The running emulator and the stack on it."""

    emulator: LoneEmulator
    endpoints: Endpoints
    outputs: dict[str, str]

    def client(self, service: str) -> Any:
        return self.endpoints.client(service)

    def invoke(self, function: str, event: dict[str, Any]) -> tuple[Any, str | None]:
        """What the function answered, and Lambda's word for how it failed."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def look(self) -> dict[str, Any]:
        """What a function sees."""
        seen, error = self.invoke(self.outputs["ProbeFunctionName"], {"do": "look"})
        assert error is None, seen
        assert isinstance(seen, dict)
        return seen


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    home = Home(tmp_path_factory.mktemp("cloud"))
    home.create()
    addresses = Addresses(ports.choose(), ports.choose())
    emulator = LoneEmulator(home, Toolchain(), addresses)
    endpoints = Endpoints(
        addresses.aws_url, addresses.sagemaker_url, Connection("127.0.0.1", 1, "", "", ""), emulator.key
    )
    with pytest.MonkeyPatch.context() as patch:  # for the start only: other tests share this process
        for name, value in CALLERS_OWN.items():
            patch.setitem(os.environ, name, value)
        emulator.start()
    try:
        deployment = Deployment(home, Toolchain(), endpoints, Stack(FIXTURE, STACK))
        deployment.build()
        deployment.deploy({"Word": "please"})
        yield Probe(emulator, endpoints, endpoints.stack_outputs(STACK))
    finally:
        emulator.stop()
