"""What functions in containers talk to: moto for AWS, a real PostgreSQL, and a taker of CloudFormation's answers.

All of it runs on this host, on loopback or on the containers' own network; nobody else can reach it.
"""

import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import boto3
from moto.sagemaker.responses import SageMakerResponse
from moto.sagemakerruntime.models import sagemakerruntime_backends
from moto.server import ThreadedMotoServer

from localcloud import ports
from localcloud.home import Home
from localcloud.postgres import Connection, Postgres, new_password
from stacks.local_invoke import STAND_INS
from tests import builders
from tests.containers import docker
from tests.fakes.http_server import Answer, Request, http_server
from tests.fakes.moto_gaps import update_endpoint
from tests.integration.datasets.fred_answers import api_answer
from tests.places import ROOT

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": builders.REGION,
    "AWS_REGION": builders.REGION,
}
DATABASE_SECRET = "ops-pipeline/db"
APPLICATION_SECRET = "ops-pipeline/db-application"
FRED_SECRET = "bellwether/fred"
OLDER_PACK, NEWEST_PACK = "2016-06-29", "2016-07-29"
SAMPLES = ROOT / "samples/fred"
CAPTURE_QUEUE = "captures"
ENDPOINT_ROLE = f"arn:aws:iam::{builders.ACCOUNT}:role/bellwether-endpoint"
DEPLOY_PROCESS = f"arn:aws:states:{builders.REGION}:{builders.ACCOUNT}:stateMachine:deploy-model"
JUDGE_PROCESS = f"arn:aws:states:{builders.REGION}:{builders.ACCOUNT}:stateMachine:judge-experiments"


@dataclass(frozen=True)
class World:
    """Where things are. `values` are for the template's variables, `endpoints` for every function."""

    aws_url: str
    answers_url: str
    values: Mapping[str, str]
    endpoints: Mapping[str, str]
    answers: list[dict[str, Any]] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """A boto3 client of the same AWS that the functions see."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.aws_url,
            region_name=builders.REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )

    def put(self, key: str, content: bytes) -> None:
        """Write an object of the data bucket."""
        self.client("s3").put_object(Bucket=builders.BUCKET, Key=key, Body=content)

    def endpoint_says(self, body: str) -> None:
        """What an endpoint answers to the next question; moto runs in this process."""
        backend = sagemakerruntime_backends[builders.ACCOUNT][builders.REGION]
        backend.results.clear()
        backend.results_queue = [(body, "application/json", "AllTraffic", "")]


@contextmanager
def running(image: str) -> Iterator[World]:
    """Start everything, and stop it at the end."""
    with ExitStack() as stack:
        bind, seen = _addresses(image)
        aws_port = stack.enter_context(_moto(bind))
        database = stack.enter_context(_postgres())
        database_port = stack.enter_context(_serving(_Relay(bind, database.host, database.port)))
        fred_port = stack.enter_context(_fred(bind))
        answers = _AnswerBox(bind)
        answers_port = stack.enter_context(_serving(answers))
        world = World(
            aws_url=f"http://{bind}:{aws_port}",
            answers_url=f"http://{seen}:{answers_port}",
            values=values(f"http://{seen}:{aws_port}"),
            endpoints={
                "AWS_ENDPOINT_URL": f"http://{seen}:{aws_port}",
                "FRED_CSV_URL": f"http://{seen}:{fred_port}/graph/fredgraph.csv",
                "FRED_API_URL": f"http://{seen}:{fred_port}/fred",
            },
            answers=answers.taken,
        )
        _furnish(world, database, host=seen, port=database_port)
        yield world


def values(aws_url: str) -> dict[str, str]:
    """What the variables that the stacks declare have here; `aws_url` is AWS as containers see it."""
    return STAND_INS | {
        "DATABASE_SECRET_ID": DATABASE_SECRET,
        "APPLICATION_SECRET_ID": APPLICATION_SECRET,
        "DATA_BUCKET": builders.BUCKET,
        "CAPTURE_QUEUE_URL": f"{aws_url}/{builders.ACCOUNT}/{CAPTURE_QUEUE}",
        "FRED_API_KEY_SECRET_ID": FRED_SECRET,
        "ENDPOINT_ROLE_ARN": ENDPOINT_ROLE,
        "DEPLOY_STATE_MACHINE_ARN": DEPLOY_PROCESS,
        "JUDGE_STATE_MACHINE_ARN": JUDGE_PROCESS,
    }


def _furnish(world: World, database: Connection, *, host: str, port: int) -> None:
    """What CloudFormation has made before any function runs."""
    secrets = world.client("secretsmanager")
    login = {
        "engine": "postgres",
        "host": host,
        "port": port,
        "dbname": database.dbname,
        "username": database.username,
        "password": database.password,
    }
    secrets.create_secret(Name=DATABASE_SECRET, SecretString=json.dumps(login))
    secrets.create_secret(Name=APPLICATION_SECRET)
    secrets.create_secret(Name=FRED_SECRET, SecretString=json.dumps({"api_key": "k" * 32}))
    world.client("s3").create_bucket(Bucket=builders.BUCKET)
    world.client("sqs").create_queue(QueueName=CAPTURE_QUEUE)
    world.client("stepfunctions").create_state_machine(
        name=DEPLOY_PROCESS.rsplit(":", 1)[-1],
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn=f"arn:aws:iam::{builders.ACCOUNT}:role/states",
    )
    world.client("sagemaker").create_model_package_group(ModelPackageGroupName=builders.GROUP)


def _addresses(image: str) -> tuple[str, str]:
    """Where to listen on this host, and how containers call that: the bridge's address, or Docker Desktop's own."""
    bridge = docker.bridge_address()
    with suppress(OSError), socket.create_server((bridge, 0)):
        return bridge, bridge
    resolve = "import socket; print(socket.gethostbyname('host.docker.internal'))"
    return ports.LOOPBACK, docker.run(image, "/var/lang/bin/python3", "-c", resolve).strip()


@contextmanager
def _moto(address: str) -> Iterator[int]:
    os.environ.update({**CREDENTIALS, "MOTO_ACCOUNT_ID": builders.ACCOUNT})
    SageMakerResponse.update_endpoint = update_endpoint  # type: ignore[attr-defined]
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request helps nobody
    moto = ThreadedMotoServer(ip_address=address, port=0, verbose=False)
    moto.start()
    try:
        yield moto.get_host_and_port()[1]
    finally:
        moto.stop()


@contextmanager
def _postgres() -> Iterator[Connection]:
    with TemporaryDirectory(prefix="bellwether-containers-") as folder:
        home = Home(Path(folder))
        home.create()
        postgres, port, password = Postgres(home), ports.choose(), new_password()
        postgres.initialise(password)
        postgres.start(port, password)
        try:
            yield postgres.create_owner(port, password, new_password())
        finally:
            postgres.stop()


@contextmanager
def _fred(address: str) -> Iterator[int]:
    """FRED with the newest sample pack, and with two vintages of one figure."""
    with http_server(_fred_answer) as fred:
        port = int(fred.url.rsplit(":", 1)[-1])
        with _serving(_Relay(address, ports.LOOPBACK, port)) as relayed:
            yield relayed


def _fred_answer(request: Request) -> Answer:
    if request.path.startswith("/fred"):
        return api_answer(
            [("2020-01-10", "2020-02-06", "2019-12-01", "3.5"), ("2020-02-07", "9999-12-31", "2019-12-01", "3.6")]
        )
    file = SAMPLES / NEWEST_PACK / f"{request.query['id']}.csv"
    return Answer(body=file.read_bytes()) if file.exists() else Answer(status=404)


@contextmanager
def _serving(server: ThreadingTCPServer | ThreadingHTTPServer) -> Iterator[int]:
    server.daemon_threads = True
    with server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


# --- servers --------------------------------------------------------------------------------------------------------


class _Relay(ThreadingTCPServer):
    """Passes connections on to a service that listens on loopback only."""

    def __init__(self, address: str, target_host: str, target_port: int) -> None:
        super().__init__((address, 0), _PassOn)
        self.target = (target_host, target_port)


class _PassOn(BaseRequestHandler):
    server: _Relay

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as upstream:
            back = Thread(target=_copy, args=(upstream, self.request), daemon=True)
            back.start()
            _copy(self.request, upstream)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class _AnswerBox(ThreadingHTTPServer):
    """Takes the answers that custom resources give to CloudFormation."""

    def __init__(self, address: str) -> None:
        super().__init__((address, 0), _TakeAnswer)
        self.taken: list[dict[str, Any]] = []


class _TakeAnswer(BaseHTTPRequestHandler):
    server: _AnswerBox

    def do_PUT(self) -> None:
        self.server.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""
