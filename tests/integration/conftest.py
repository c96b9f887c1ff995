"""PostgreSQL with an owner like that of RDS and a database for each test; S3 and Secrets Manager by moto."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import boto3
import psycopg
import pytest
from moto import mock_aws
from moto.server import ThreadedMotoServer
from psycopg import sql

from bellwether.operations.adapters.migration_files import PackagedMigrations
from bellwether.operations.adapters.postgres_schema import PostgresSchema
from bellwether.shared.adapters.postgres import Database
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.migrations import in_order
from localcloud import ports
from localcloud.home import Home
from localcloud.postgres import Connection, Postgres
from tests.fakes.aws import Aws, in_process_aws

OWNER_SECRET = "ops-pipeline/db"
APPLICATION_SECRET = "ops-pipeline/db-application"
BUCKET = "fred-fintech-data-000000000000"
REGION = "us-east-1"
_numbers = count(1)


@dataclass(frozen=True)
class Server:
    """The server as its superuser and as its owner reach it."""

    owner: Connection
    superuser_password: str
    postgres: Postgres

    def restart(self) -> None:
        """Every connection is lost; what was committed is not."""
        self.postgres.stop()
        self.postgres.start(self.owner.port, self.superuser_password)

    def as_superuser(self, dbname: str) -> psycopg.Connection[tuple[object, ...]]:
        """Past every grant."""
        return psycopg.connect(
            host=self.owner.host,
            port=self.owner.port,
            dbname=dbname,
            user="postgres",
            password=self.superuser_password,
            autocommit=True,
        )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = Home(tmp_path_factory.mktemp("postgres"))
    home.create()
    postgres, port = Postgres(home), ports.choose()
    postgres.initialise("superuser-secret")
    postgres.start(port, "superuser-secret")
    made = postgres.create_owner(port, "superuser-secret", "owner-secret")
    started = Server(made, "superuser-secret", postgres)
    with started.as_superuser("postgres") as superuser:  # nothing here has to survive a power cut
        superuser.execute("ALTER SYSTEM SET fsync = off")
        superuser.execute("SELECT pg_reload_conf()")
    yield started
    postgres.stop()


def _create_database(server: Server, name: str, template: str) -> DatabaseLogin:
    """Create a database as a copy of the template; returns the owner's login to it."""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    with psycopg.connect(server.owner.dsn, autocommit=True) as connection:
        connection.execute(statement)
    return DatabaseLogin(
        host=server.owner.host,
        port=server.owner.port,
        dbname=name,
        username=server.owner.username,
        password=server.owner.password,
    )


@pytest.fixture(scope="session")
def migrated_template(server: Server) -> str:
    """Name of a database with the shipped schema, made once and copied for each test that uses `migrated`."""
    login = _create_database(server, "migrated_template", template="template1")
    apply_migrations(login)
    return login.dbname


@pytest.fixture
def owner(server: Server, request: pytest.FixtureRequest) -> DatabaseLogin:
    """The owner's login to a database of the test's own; it is empty unless the test uses `migrated`."""
    migrated = "migrated" in request.fixturenames
    template = request.getfixturevalue("migrated_template") if migrated else "template1"
    return _create_database(server, f"test_{next(_numbers)}", template)


@pytest.fixture
def application(owner: DatabaseLogin) -> DatabaseLogin:
    """The login that the application shall get; roles belong to the whole server, hence a name for each test."""
    return owner.model_copy(update={"username": f"app_of_{owner.dbname}", "password": "application-secret"})


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """The URL of Secrets Manager, also for other processes."""
    moto = ThreadedMotoServer(ip_address=ports.LOOPBACK, port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def environment(
    owner: DatabaseLogin, application: DatabaseLogin, moto_server: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """What the functions find in theirs; the application's secret has no value, as CloudFormation leaves it."""
    variables = {
        "AWS_ENDPOINT_URL": moto_server,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "DATABASE_SECRET_ID": f"{owner.dbname}/{OWNER_SECRET}",
        "APPLICATION_SECRET_ID": f"{owner.dbname}/{APPLICATION_SECRET}",
        "APPLICATION_ROLE": application.username,
        "DATABASE_SSLMODE": "prefer",
        "POWERTOOLS_SERVICE_NAME": "operations",
        "POWERTOOLS_METRICS_NAMESPACE": "Bellwether",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    secrets = boto3.client("secretsmanager")
    secrets.create_secret(Name=variables["DATABASE_SECRET_ID"], SecretString=owner.model_dump_json())
    secrets.create_secret(Name=variables["APPLICATION_SECRET_ID"])
    return variables


@contextmanager
def _schema(owner: DatabaseLogin) -> Iterator[PostgresSchema]:
    schema = PostgresSchema(owner, sslmode="prefer", seconds_left=lambda: 60)
    with schema.exclusively():
        yield schema


def apply_migrations(owner: DatabaseLogin) -> None:
    """Bring the database to the shipped schema."""
    with _schema(owner) as schema:
        for migration in in_order(PackagedMigrations().migrations()):
            schema.apply(migration)


def grant_rights(owner: DatabaseLogin, application: DatabaseLogin) -> None:
    """Create the application's role with its rights on the shipped schema."""
    with _schema(owner) as schema:
        schema.set_password(application.username, application.password)
        schema.grant(PackagedMigrations().grants(), application.username)


@pytest.fixture
def migrated(owner: DatabaseLogin, application: DatabaseLogin) -> DatabaseLogin:
    """The functions' login to a database with the shipped schema."""
    grant_rights(owner, application)
    return application


@pytest.fixture
def database(migrated: DatabaseLogin) -> Iterator[Database]:
    """As a function holds it, with the functions' rights."""
    kept = Database(lambda: migrated, sslmode="prefer")
    yield kept
    kept.close()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """The account that the functions of models and monitoring find."""
    with in_process_aws(monkeypatch) as account:
        yield account


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty, versioned bucket."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield BUCKET
