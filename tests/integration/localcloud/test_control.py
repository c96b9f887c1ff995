"""Up, down, reset and what a kill leaves: the cloud as the command line drives it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from localcloud import ports, processes, state
from localcloud.control import Cloud, Progress
from localcloud.database_secret import SECRET_NAME
from localcloud.deploy import Stack
from localcloud.endpoints import Endpoints
from localcloud.errors import CloudBusyError, CloudError
from localcloud.home import PROJECT
from localcloud.lock import exclusive
from localcloud.services import Emulator, LocalSageMaker
from localcloud.state import CloudState
from tests.integration.localcloud.conftest import FIXTURE, STACK, LoneEmulator

pytestmark = pytest.mark.aws

SERVICES = ("replay", "emulator", "sagemaker", "postgres")


class StandIn(LocalSageMaker):
    """Answers on SageMaker's port and does nothing else: these tests are about starting and stopping."""

    def arguments(self) -> Sequence[str | Path]:
        return [self.toolchain.project_python, "-m", "http.server", str(self.port), "--bind", ports.LOOPBACK]


class CloudUnderTest(Cloud):
    """A cloud with the tests' small stack."""

    def _emulator(self, remembered: CloudState) -> Emulator:
        return LoneEmulator(self.home, self.toolchain, self._addresses(remembered))

    def _sagemaker(self, remembered: CloudState) -> LocalSageMaker:
        return StandIn(self.home, self.toolchain, self._addresses(remembered))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("control")
    project = folder / "project"
    shutil.copytree(FIXTURE, project)
    cloud = _cloud(folder / "home", project)
    yield cloud
    cloud.reset()


@pytest.fixture
def fresh_cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud that was never up."""
    cloud = _cloud(tmp_path / "home", FIXTURE)
    yield cloud
    cloud.reset()


@pytest.fixture
def endpoints(cloud: Cloud) -> Endpoints:
    """The cloud, up."""
    return cloud.up()


def test_up_starts_everything_and_deploys(cloud: Cloud) -> None:
    # Given a cloud that was never up, when it goes up
    steps: list[Progress] = []
    endpoints = cloud.up(steps.append)
    # Then all is healthy, each step was told with its time, and the database's secret opens the database
    assert cloud.status().healthy
    assert [step.step for step in steps if step.finished] == [
        "postgres",
        "replay",
        "emulator",
        "sagemaker",
        "database secret",
        "sam build",
        "sam deploy",
        "save state",
    ]
    secret = json.loads(endpoints.client("secretsmanager").get_secret_value(SecretId=SECRET_NAME)["SecretString"])
    with psycopg.connect(
        host=secret["host"],
        port=secret["port"],
        user=secret["username"],
        password=secret["password"],
        dbname=secret["dbname"],
    ) as session:
        assert session.execute("SELECT current_user").fetchone() == ("bellwether",)


def test_up_again_changes_nothing(cloud: Cloud, endpoints: Endpoints) -> None:
    # Given a cloud that is up, when it goes up again
    before = _pids(cloud)
    started = time.monotonic()
    steps: list[Progress] = []
    assert cloud.up(steps.append) == endpoints
    # Then the same processes run, nothing was deployed, and it was quick
    assert _pids(cloud) == before
    assert steps[-1].detail == "nothing changed"
    assert time.monotonic() - started < 5


def test_who_loses_a_port_between_choosing_and_starting_takes_another(
    fresh_cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given another cloud that is quicker on every port that this one chooses first
    with ExitStack() as others:
        choose, chosen = ports.choose, list[int]()

        def too_late(preferred: int | None = None, avoid: Collection[int] = ()) -> int:
            port = choose(None, avoid)
            chosen.append(port)
            if len(chosen) in (2, 4):  # after Postgres's own: the replay's, then, beside its second one, the emulator's
                others.enter_context(_stranger(port))
            return port

        monkeypatch.setattr(ports, "choose", too_late)
        # When it goes up; Then it runs, at other places
        fresh_cloud.up(deploy=False)
        assert [each.state for each in fresh_cloud.status().services] == ["up"] * 4
        addresses = " ".join(each.address for each in fresh_cloud.status().services)
        assert [port for port in chosen if f":{port}" not in addresses][:2] == [chosen[1], chosen[3]]


def test_a_service_whose_code_has_changed_is_started_anew(
    cloud: Cloud, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a cloud that is up, and an upgrade of one of its services
    before = _pids(cloud)
    monkeypatch.setattr(StandIn, "code", lambda _service: "upgraded")
    # When it goes up again, then that service is another process at the same place, and the others are the same
    assert cloud.up() == endpoints
    after = _pids(cloud)
    assert [service for service in SERVICES if after[service] != before[service]] == ["sagemaker"]


def test_down_and_up_keep_ports_state_and_data(cloud: Cloud, endpoints: Endpoints) -> None:
    # Given a parameter, an object and a row
    endpoints.client("ssm").put_parameter(Name="/kept", Value="yes", Type="String", Overwrite=True)
    with psycopg.connect(endpoints.postgres.dsn) as session:
        session.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS value")
    # When the cloud goes down and up
    cloud.down()
    assert processes.find(cloud.home.root) == []
    assert not (cloud.home.root / "tmp").exists()
    assert cloud.up() == endpoints
    # Then all is where it was
    assert endpoints.client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "yes"
    with psycopg.connect(endpoints.postgres.dsn) as session:
        assert session.execute("SELECT value FROM kept").fetchone() == (42,)
    assert cloud.status().healthy


def test_kill_9_of_everything_is_followed_by_a_working_up(cloud: Cloud, endpoints: Endpoints) -> None:
    # Given a cloud that is up, when all of it is killed
    for pid in _pids(cloud).values():
        os.kill(pid, signal.SIGKILL)
    # Then it goes up with the stack that was deployed
    cloud.up()
    assert endpoints.stack_outputs()["CustomAnswer"] == "you said nobody"
    assert cloud.status().healthy


def test_changed_sources_are_deployed(cloud: Cloud, endpoints: Endpoints) -> None:
    # Given a change in a function
    code = cloud.stack.project / "functions" / "app.py"
    code.write_text(code.read_text().replace("greeting.TEXT", "'changed'"))
    stack = cloud.status().stack
    assert stack is not None
    assert not stack.current
    # When the cloud goes up, then the change is there
    cloud.up()
    assert _look(endpoints)["greeting"] == "changed"


def test_a_port_that_is_taken_is_left_to_its_owner(cloud: Cloud, endpoints: Endpoints) -> None:
    # Given a cloud that is down, and strangers on two of its ports
    cloud.down()
    remembered = state.load(cloud.home.state_file)
    with _stranger(remembered.aws_port), _stranger(remembered.postgres_port):
        # When it goes up
        moved = cloud.up()
    # Then it listens elsewhere, remembers where, and its functions know
    assert moved.aws_url != endpoints.aws_url
    assert moved.postgres.port != endpoints.postgres.port
    assert cloud.endpoints() == moved
    assert _look(moved)["environment"]["AWS_ENDPOINT_URL"] == moved.aws_url


def test_a_second_up_at_the_same_time_is_told_who_is_first(cloud: Cloud) -> None:
    with exclusive(cloud.home.lock_file, "up"), pytest.raises(CloudBusyError, match=rf"process {os.getpid()}"):
        cloud.up()


def test_logs_of_services_and_functions(cloud: Cloud, endpoints: Endpoints) -> None:
    # Given a function that logged an error
    function = endpoints.stack_outputs()["ProbeFunctionName"]
    endpoints.client("lambda").invoke(FunctionName=function, Payload=b'{"do": "raise"}')
    # When its log is asked for by a part of its name, then the error is there; and services have logs, too
    assert any("FancyError: as asked" in line for line in cloud.logs("probe_function").last(50))
    assert cloud.logs("emulator").last(3)
    with pytest.raises(CloudError, match="is not one of"):
        cloud.logs("no_such_thing")


def test_reset_leaves_nothing(cloud: Cloud, endpoints: Endpoints) -> None:
    # Given a cloud that is up, and a state file that is damaged
    cloud.home.state_file.write_text("{")
    with pytest.raises(CloudError, match="bellwether reset"):
        cloud.up()
    # When it is reset
    cloud.reset()
    # Then nothing runs and nothing is kept
    assert processes.find(cloud.home.root) == []
    assert [path.name for path in cloud.home.root.iterdir()] == ["lock"]
    assert not cloud.status().healthy


def test_reset_clears_what_a_killed_up_leaves(fresh_cloud: Cloud) -> None:
    # Given an `up` in a process of its own that is killed while sam is building
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from tests.integration.localcloud.test_control import _cloud
        _cloud(Path({str(fresh_cloud.home.root)!r}), Path({str(FIXTURE)!r})).up(lambda step: print(step, flush=True))
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        for line in up.stdout:
            if line.startswith("sam build"):
                break
        while not processes.find(fresh_cloud.home.root, "deploy"):
            assert up.poll() is None
        up.kill()
    assert {process.service for process in processes.find(fresh_cloud.home.root)} == {*SERVICES, "deploy"}
    # When the cloud is reset, then nothing of it is left
    fresh_cloud.reset()
    assert processes.find(fresh_cloud.home.root) == []


def _cloud(home: Path, project: Path) -> Cloud:
    return CloudUnderTest(home, stack=Stack(project, STACK))


def _look(endpoints: Endpoints) -> dict[str, Any]:
    """What a function sees."""
    function = endpoints.stack_outputs()["ProbeFunctionName"]
    answer = endpoints.client("lambda").invoke(FunctionName=function, Payload=b"{}")
    seen = json.loads(answer["Payload"].read())
    assert isinstance(seen, dict)
    return seen


def _pids(cloud: Cloud) -> dict[str, int]:
    leaders = {service: processes.leader(cloud.home.root, service) for service in SERVICES}
    return {service: process.pid for service, process in leaders.items() if process is not None}


def _stranger(port: int) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((ports.LOOPBACK, port))
    server.listen()
    return server
