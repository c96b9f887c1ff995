"""What `bellwether predict-batch` does before and after the process."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from bellwether.shared.domain.errors import NotFoundError
from cli import batches
from cli.problems import CommandError
from cli.target import Target

REPORT = {
    "schema_version": 1,
    "model": "macro",
    "name": "scenarios",
    "job_name": "macro-batch-0-1",
    "version": 3,
    "model_version": "macro-aaaaaaaa",
    "input_sha256": "a" * 64,
    "lines": 3,
    "answers": 3,
    "refused": 2,
    "unreadable": 0,
    "refusals": [{"line": 3, "field": "body", "message": "is not JSON"}],
    "output_key": "batch/macro/scenarios/output/macro-batch-0-1/input.jsonl.out",
    "finished_at": "2026-03-01T12:00:00Z",
}


class Clients:
    """S3, STS and Step Functions as far as a batch needs them."""

    def __init__(self, outcome: str = "answered") -> None:
        self.objects: dict[tuple[str, str], bytes] = {
            ("data", "batch/macro/scenarios/report.json"): json.dumps(REPORT).encode(),
            ("data", str(REPORT["output_key"])): b"{}\n" * 3,
            ("elsewhere", "lines.jsonl"): b'{"data": {}}\n',
        }
        self.outcome = outcome
        self.started: list[dict[str, Any]] = []

    def put_object(self, **request: Any) -> None:
        self.objects[request["Bucket"], request["Key"]] = request["Body"]

    def get_object(self, **request: Any) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[request["Bucket"], request["Key"]])}

    def head_object(self, **request: Any) -> dict[str, Any]:
        return {"ContentLength": len(self.objects[request["Bucket"], request["Key"]])}

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:me"}

    def start_execution(self, **request: Any) -> dict[str, str]:
        self.started.append(json.loads(request["input"]))
        return {"executionArn": "arn:execution"}

    def describe_execution(self, **_: Any) -> dict[str, Any]:
        return {"status": "SUCCEEDED", "output": json.dumps({"outcome": self.outcome, "job_name": "job"})}

    def get_paginator(self, _: str) -> "Clients":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"events": []}]


def target(clients: Clients) -> Target:
    made = Target(where="test", stack="s", client=lambda service: clients, region="us-east-1")
    made.__dict__["outputs"] = {"DataBucketName": "data", "PredictBatchStateMachineArn": "arn:machine"}
    return made


def test_a_file_is_laid_out_run_and_its_answers_fetched(tmp_path: Path) -> None:
    # Given a file of lines
    clients, lines = Clients(), tmp_path / "lines.jsonl"
    lines.write_bytes(b"1\n2\n3\n")
    aim = target(clients)
    # When it is answered
    assert batches.put(aim, "macro", "scenarios", batches.read(aim, str(lines))).endswith("scenarios/input.jsonl")
    answered = batches.run(aim, "macro", "scenarios")
    batches.write(aim, answered, str(tmp_path / "answers.jsonl"))
    # Then lines, request and answers are where they belong
    assert clients.objects["data", "batch/macro/scenarios/input.jsonl"] == b"1\n2\n3\n"
    assert clients.started == [{"model": "macro", "name": "scenarios", "requested_by": "arn:me"}]
    assert (tmp_path / "answers.jsonl").read_bytes() == b"{}\n" * 3
    assert batches.headline(answered) == "3 of 3 lines predicted by macro-aaaaaaaa, 2 of them refused"
    assert "1 more" in str(batches.refusals_table(answered.report).title)


def test_lines_and_answers_may_lie_in_any_bucket() -> None:
    clients = Clients()
    aim = target(clients)
    assert batches.read(aim, "s3://elsewhere/lines.jsonl") == b'{"data": {}}\n'
    batches.write(aim, batches.run(aim, "macro", "scenarios"), "s3://elsewhere/answers.jsonl")
    assert clients.objects["elsewhere", "answers.jsonl"] == b"{}\n" * 3


def test_the_same_batch_answered_before_says_so() -> None:
    answered = batches.run(target(Clients("already_answered")), "macro", "scenarios")
    assert not answered.new
    assert batches.headline(answered).endswith("predicted before, no job ran")


def test_the_same_batch_under_way_is_told() -> None:
    with pytest.raises(CommandError, match="already running as job"):
        batches.run(target(Clients("already_running")), "macro", "scenarios")


@pytest.mark.parametrize(
    ("place", "begins"),
    [("what if.jsonl", "what-if-"), ("s3://b/deep/Q3.jsonl", "Q3-"), ("…", "batch-"), ("a" * 99, "a" * 27 + "-")],
)
def test_a_batch_gets_a_name_that_can_be_recognised(place: str, begins: str) -> None:
    name = batches.default_name(place, b"lines")
    assert name.startswith(begins)
    assert name == batches.default_name(place, b"lines") != batches.default_name(place, b"others")
    batches.put(target(Clients()), "macro", name, b"")


def test_what_can_t_be_a_batch_is_refused_here(tmp_path: Path) -> None:
    aim = target(Clients())
    with pytest.raises(CommandError, match="is not a file"):
        batches.read(aim, str(tmp_path / "none"))
    with pytest.raises(CommandError, match="not a valid batch name"):
        batches.put(aim, "macro", "../x", b"")
    with pytest.raises(NotFoundError, match="astrology"):
        batches.put(aim, "astrology", "x", b"")
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(33 * 1024 * 1024)
    with pytest.raises(CommandError, match="split it by lines"):
        batches.read(aim, str(large))
