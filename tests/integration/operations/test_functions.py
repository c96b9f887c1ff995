"""The two functions whole: secrets over HTTP, a real database, answers to CloudFormation."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import boto3
import psycopg
import pytest

from bellwether.operations.adapters.migration_files import PackagedMigrations
from bellwether.operations.adapters.postgres_schema import PostgresSchema
from bellwether.shared.adapters.postgres import Database, connect
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    TransientUpstreamError,
)
from bellwether.shared.domain.migrations import in_order
from functions.operations.migrate_database import app as migrate_app
from functions.operations.record_decision import app as record_app
from tests.fakes.lambda_context import InvocationContext
from tests.integration.conftest import Server
from tests.places import sample_event
from tests.waiting import LIMIT_SECONDS, wait_for

SHIPPED = tuple(migration.version for migration in in_order(PackagedMigrations().migrations()))
NEWEST = SHIPPED[-1]
NEWER = f"{len(SHIPPED) + 1:04d}"


def migrate(given: dict[str, Any] | None = None, *, seconds_left: float = 60) -> Any:
    return migrate_app.handler(given or {}, InvocationContext(seconds_left=seconds_left))


def record(given: dict[str, Any]) -> Any:
    return record_app.handler(given, InvocationContext())


pytestmark = pytest.mark.usefixtures("environment")


class AnswerBox(HTTPServer):
    """Where CloudFormation waits for answers; `failures` of them are met with 503 first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _TakeAnswer)
        self.answers: list[dict[str, Any]] = []
        self.content_types: list[str | None] = []
        self.failures = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/answer?signed"


class _TakeAnswer(BaseHTTPRequestHandler):
    server: AnswerBox

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.failures:
            self.server.failures -= 1
            self.send_response(503)
        else:
            self.server.answers.append(json.loads(body))
            self.server.content_types.append(self.headers["Content-Type"])
            self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def answers() -> Iterator[AnswerBox]:
    with AnswerBox() as box:
        thread = Thread(target=box.serve_forever)
        thread.start()
        yield box
        box.shutdown()
        thread.join()


def stored_login(environment: dict[str, str]) -> DatabaseLogin:
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=environment["APPLICATION_SECRET_ID"])
    return DatabaseLogin.model_validate_json(secret["SecretString"])


def test_by_hand_it_migrates_and_stores_a_login_that_works(environment: dict[str, str]) -> None:
    # Given an empty database, when the function is invoked twice
    first, second = migrate(sample_event("migrate_database/direct")), migrate()
    # Then the first run did the work
    assert first["applied"] == SHIPPED
    assert second == {"applied": (), "version": first["version"]}
    # And the application logs in with the stored secret
    with connect(stored_login(environment), sslmode="prefer") as connection:
        assert connection.execute("SELECT current_user").fetchone() == (environment["APPLICATION_ROLE"],)


def test_a_lost_password_is_replaced(environment: dict[str, str]) -> None:
    # Given a secret that somebody overwrote
    migrate()
    lost = stored_login(environment).model_copy(update={"password": "not it"})
    boto3.client("secretsmanager").put_secret_value(
        SecretId=environment["APPLICATION_SECRET_ID"], SecretString=lost.model_dump_json()
    )
    # When the function runs
    migrate()
    # Then the application can log in again
    connect(stored_login(environment), sslmode="prefer").close()


@pytest.mark.parametrize("case", ["create", "update"])
def test_cloudformation_is_told_of_success(answers: AnswerBox, case: str) -> None:
    request = sample_event(f"migrate_database/{case}") | {"ResponseURL": answers.url}
    migrate(request)
    assert answers.answers == [
        {
            "Status": "SUCCESS",
            "PhysicalResourceId": "DatabaseMigration-6b0f5a6e",
            "StackId": request["StackId"],
            "RequestId": request["RequestId"],
            "LogicalResourceId": "DatabaseMigration",
            "Data": {"Version": NEWEST, "Applied": ",".join(SHIPPED)},
        }
    ]
    assert answers.content_types == [""]


def test_delete_does_nothing_and_succeeds_even_without_a_database(
    answers: AnswerBox, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_SECRET_ID")
    migrate(sample_event("migrate_database/delete") | {"ResponseURL": answers.url})
    assert [answer["Status"] for answer in answers.answers] == ["SUCCESS"]


def test_cloudformation_is_told_the_reason_of_a_failure(answers: AnswerBox, owner: DatabaseLogin) -> None:
    # Given a database whose first migration was another one
    with (
        PostgresSchema(owner, sslmode="prefer", seconds_left=lambda: 10).exclusively(),
        connect(owner, sslmode="prefer") as c,
    ):
        c.execute("INSERT INTO schema_migrations VALUES ('0001', 'decisions', repeat('0', 64))")
    # When CloudFormation asks for the migration, then the function does not raise: it would be invoked again
    migrate(sample_event("migrate_database/create") | {"ResponseURL": answers.url})
    # And the answer says what is wrong
    assert [answer["Status"] for answer in answers.answers] == ["FAILED"]
    assert "0001_decisions.sql" in answers.answers[0]["Reason"]


def test_cloudformation_is_told_of_missing_settings(answers: AnswerBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APPLICATION_ROLE")
    migrate(sample_event("migrate_database/create") | {"ResponseURL": answers.url})
    assert "application_role" in answers.answers[0]["Reason"]


def test_an_answer_that_fails_is_given_again(answers: AnswerBox) -> None:
    answers.failures = 2
    migrate(sample_event("migrate_database/create") | {"ResponseURL": answers.url})
    assert len(answers.answers) == 1
    answers.failures = 9
    with pytest.raises(TransientUpstreamError, match="rejected the response"):
        migrate(sample_event("migrate_database/create") | {"ResponseURL": answers.url})


def test_going_back_to_older_code_leaves_the_newer_database(answers: AnswerBox, owner: DatabaseLogin) -> None:
    # Given a database that newer code has migrated
    migrate()
    with connect(owner, sslmode="prefer") as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (%s, 'newer', repeat('0', 64))", (NEWER,))
    # When CloudFormation rolls back, then it succeeds
    rollback = sample_event("migrate_database/update") | {"ResponseURL": answers.url}
    rollback["OldResourceProperties"]["MigrationsVersion"] = NEWER
    migrate(rollback)
    assert answers.answers[0]["Data"] == {"Version": NEWER, "Applied": ""}
    # But a person is told
    with pytest.raises(ConflictError, match=NEWER):
        migrate()


def test_two_migrators_at_once_apply_each_migration_once(environment: dict[str, str], owner: DatabaseLogin) -> None:
    # Given two processes that wait for the migrators' lock at the same time
    program = (
        "import json; from functions.operations.migrate_database.app import handler;"
        "from tests.fakes.lambda_context import InvocationContext;"
        "print(json.dumps(handler({}, InvocationContext())['applied']))"
    )
    with PostgresSchema(owner, sslmode="prefer", seconds_left=lambda: 60).exclusively():
        migrators = [
            subprocess.Popen(
                [sys.executable, "-c", program],
                stdout=subprocess.PIPE,
                env={**environment, "PYTHONPATH": ":".join(entry for entry in sys.path if entry)},
                text=True,
            )
            for _ in range(2)
        ]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        with connect(owner, sslmode="prefer") as observer:
            wait_for(lambda: observer.execute(waiting).fetchone() == (2,), "both migrators wait for the lock")
    # When they are let go
    said = [migrator.communicate(timeout=LIMIT_SECONDS)[0] for migrator in migrators]
    # Then one did the work, the other found it done, and the login is one that works
    assert [migrator.returncode for migrator in migrators] == [0, 0]
    assert sorted(json.loads(lines.splitlines()[-1]) for lines in said) == [[], list(SHIPPED)]
    connect(stored_login(environment), sslmode="prefer").close()


def test_a_decision_and_its_outcome_are_recorded_once() -> None:
    # Given a migrated database
    migrate()
    decision, outcome = sample_event("record_decision/decision"), sample_event("record_decision/outcome")
    # When each entry arrives twice
    results = [record(entry) for entry in (decision, decision, outcome, outcome)]
    # Then each was recorded once
    decision_id = decision["decision"]["decision_id"]
    assert results == [{"decision_id": decision_id, "recorded": first} for first in (True, False, True, False)]


def test_a_request_is_decided_and_recorded_once() -> None:
    migrate()
    request = sample_event("record_decision/request")
    first, again = record(request), record(request)
    assert (first["recorded"], again["recorded"]) == (True, False)
    assert first["decision_id"] == again["decision_id"]
    # And the same key of another subject is another decision
    request["decide"]["subject"] = "macro version 2"
    assert record(request)["decision_id"] != first["decision_id"]


def test_a_different_decision_under_the_same_id_is_a_conflict() -> None:
    migrate()
    decision = sample_event("record_decision/decision")
    record(decision)
    decision["decision"]["verdict"] = "refused"
    with pytest.raises(ConflictError):
        record(decision)


def test_bad_entries_are_refused_by_field() -> None:
    migrate()
    with pytest.raises(InvalidInputError, match=r"decision\.decision_id"):
        record(sample_event("record_decision/nonsense"))
    with pytest.raises(InvalidInputError, match="decision"):
        record({})
    with pytest.raises(InvalidInputError, match=r"decide\.key"):
        record({"decide": sample_event("record_decision/request")["decide"] | {"key": ""}})
    with pytest.raises(NotFoundError, match=r"outcome\.decision_id"):
        record(sample_event("record_decision/outcome_without_decision"))


def test_a_connection_that_died_between_invocations_is_opened_again(server: Server, owner: DatabaseLogin) -> None:
    # Given a warm function whose connection the server has ended
    migrate()
    record(sample_event("record_decision/decision"))
    with server.as_superuser(owner.dbname) as superuser:
        ended = superuser.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND usename LIKE %s",
            (owner.dbname, "app_of%"),
        )
        assert ended.fetchone() == (1,)
    # When it is invoked again, then nobody notices
    assert record(sample_event("record_decision/decision")) == record(sample_event("record_decision/decision"))


def test_a_connection_is_kept_between_invocations(server: Server, owner: DatabaseLogin) -> None:
    migrate()
    for _ in range(3):
        record(sample_event("record_decision/decision"))
    with server.as_superuser(owner.dbname) as superuser:
        counted = superuser.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename LIKE %s", (owner.dbname, "app_of%")
        )
        assert counted.fetchone() == (1,)


def test_a_database_that_is_away_is_transient(environment: dict[str, str], owner: DatabaseLogin) -> None:
    away = owner.model_copy(update={"port": 1})
    boto3.client("secretsmanager").put_secret_value(
        SecretId=environment["APPLICATION_SECRET_ID"], SecretString=away.model_dump_json()
    )
    with pytest.raises(TransientUpstreamError) as raised:
        record(sample_event("record_decision/decision"))
    assert isinstance(raised.value.__cause__, psycopg.OperationalError)
    assert owner.password not in str(raised.value)


def test_a_statement_that_takes_too_long_is_transient(owner: DatabaseLogin) -> None:
    database = Database(lambda: owner, sslmode="prefer", statement_timeout_seconds=0.1)
    with pytest.raises(TransientUpstreamError, match="statement timeout"), database.transaction() as connection:
        connection.execute("SELECT pg_sleep(5)")
    database.close()
