"""The embedded cloud, started once from nothing for all end-to-end tests, with the real stack deployed into it."""

from collections.abc import Iterator

import pytest

from cli import ingestion
from cli.target import Target, local_target
from localcloud.control import Cloud
from localcloud.home import Home
from tests.e2e.flow import PACKS, Flow, subscribe


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud in a folder of its own; it never touches the developer's own."""
    embedded = Cloud(Home(tmp_path_factory.mktemp("cloud")))
    embedded.up()
    yield embedded
    embedded.reset()


@pytest.fixture(scope="session")
def target(cloud: Cloud) -> Target:
    """The deployed stack."""
    return local_target(cloud)


@pytest.fixture(scope="session")
def flow(target: Target) -> Flow:
    """The sample packs ingested, a first version trained, approved and deployed."""
    mailbox = subscribe(target)
    for pack in PACKS:
        ingested = ingestion.ingest_pack(target, ingestion.csv_files([pack]))
    flow = Flow(target=target, mailbox=mailbox, ingested=ingested)
    training = flow.train()
    flow.deploy(training["version"])
    return flow
