from pathlib import Path

import pytest

from localcloud import processes
from localcloud.processes import ServiceProcess


def test_the_service_is_the_oldest_of_its_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a service whose job leads a session too, and got a lower number because numbers had started over
    job = ServiceProcess(412, "sagemaker", leads=True, started=1_800_000_060.0, code="")
    service = ServiceProcess(32_760, "sagemaker", leads=True, started=1_800_000_000.0, code="")
    helper = ServiceProcess(7, "sagemaker", leads=False, started=1_700_000_000.0, code="")
    monkeypatch.setattr(processes, "find", lambda _home, _service: [helper, job, service])
    # When the service is looked for, then it is found
    assert processes.leader(Path("/home"), "sagemaker") == service


def test_without_a_leader_there_is_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "find", lambda _home, _service: [])
    assert processes.leader(Path("/home"), "sagemaker") is None
