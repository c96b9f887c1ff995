"""Every way through the process that answers a file of requests."""

import json
from typing import Any

import pytest

from tests.fakes.process import Failure, Process

BATCH = Process("predict_batch", {"TransformInstanceType": "ml.m5.large"})
REQUEST = {"model": "macro", "name": "scenarios", "requested_by": "ada"}
JOB = "macro-batch-0123456789abcdef-1"


def order(state: str = "ready") -> dict[str, Any]:
    return {
        "state": state,
        "job_name": JOB,
        "model_name": "macro-v3-aaaaaaaa",
        "input_uri": "s3://b/batch/macro/scenarios/input.jsonl",
        "output_uri": f"s3://b/batch/macro/scenarios/output/{JOB}",
    }


def finished(*, complete: bool = True) -> dict[str, Any]:
    return {
        "complete": complete,
        "message": "3 of 3 lines" if complete else "1 answers for 3 lines",
        "lines": 3,
        "refused": 1,
        "output_key": "k",
        "report_key": "r",
        "decision": {"decision_id": "d"},
    }


def answers(**changes: Any) -> dict[str, Any]:
    return {"Prepare Batch": order(), "Finish Batch": finished()} | changes


def test_lines_are_transformed_counted_and_recorded() -> None:
    ending = BATCH.run(REQUEST, answers())
    assert (ending.status, ending.state) == ("SUCCEEDED", "Batch Answered")
    assert ending.output["outcome"] == "answered"
    (job,) = ending.given["Transform Lines"]
    assert (job["TransformJobName"], job["ModelName"]) == (JOB, "macro-v3-aaaaaaaa")
    assert (job["TransformInput"]["SplitType"], job["TransformOutput"]["AssembleWith"]) == ("Line", "Line")
    assert job["TransformInput"]["ContentType"] == job["TransformOutput"]["Accept"] == "application/jsonlines"
    assert ending.given["Finish Batch"] == [order()]
    assert ending.given["Record Outcome"] == [{"decision": {"decision_id": "d"}}]


@pytest.mark.parametrize(
    ("state", "end", "outcome"),
    [("running", "Already Running", "already_running"), ("done", "Already Answered", "already_answered")],
)
def test_nothing_runs_twice(state: str, end: str, outcome: str) -> None:
    ending = BATCH.run(REQUEST, answers(**{"Prepare Batch": order(state)}))
    assert (ending.status, ending.state, ending.output["outcome"]) == ("SUCCEEDED", end, outcome)
    assert "Transform Lines" not in ending.path


def test_no_line_is_no_job_and_a_report_all_the_same() -> None:
    ending = BATCH.run(REQUEST, answers(**{"Prepare Batch": order("empty")}))
    assert ending.state == "Batch Answered"
    assert "Transform Lines" not in ending.path
    assert "Finish Batch" in ending.path


def test_two_at_once_are_one_job() -> None:
    ending = BATCH.run(REQUEST, answers(**{"Transform Lines": Failure("SageMaker.ResourceInUseException")}))
    assert (ending.status, ending.state, ending.output["job_name"]) == ("SUCCEEDED", "Already Running", JOB)


def test_lines_without_an_answer_fail_the_batch_and_are_recorded() -> None:
    ending = BATCH.run(REQUEST, answers(**{"Finish Batch": finished(complete=False)}))
    assert (ending.status, ending.error, ending.cause) == ("FAILED", "LinesMissing", "1 answers for 3 lines")
    assert "Record Outcome" in ending.path


def test_a_failed_job_is_recorded_with_its_own_reason() -> None:
    cause = json.dumps({"TransformJobName": JOB, "FailureReason": "AlgorithmError: the model does not load"})
    ending = BATCH.run(REQUEST, answers(**{"Transform Lines": Failure("States.TaskFailed", cause)}))
    assert (ending.status, ending.error) == ("FAILED", "States.TaskFailed")
    assert ending.cause == "AlgorithmError: the model does not load"
    (recorded,) = ending.given["Record Failure"]
    decision = recorded["decide"]
    assert (decision["kind"], decision["subject"], decision["actor"]) == ("predict_batch", JOB, "ada")
    assert [gate["passed"] for gate in decision["gates"]] == [False]
    assert decision["gates"][0]["reason"] == "AlgorithmError: the model does not load"


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("Prepare Batch", "NotFoundError"),
        ("Prepare Batch", "InvalidInputError"),
        ("Transform Lines", "SageMaker.ResourceLimitExceededException"),
        ("Finish Batch", "NotFoundError"),
        ("Record Outcome", "TransientUpstreamError"),
    ],
)
def test_whatever_fails_is_recorded_and_ends_in_failure(state: str, error: str) -> None:
    cause = json.dumps({"errorType": error, "errorMessage": "as the function says"})
    ending = BATCH.run(REQUEST, answers(**{state: Failure(error, cause)}))
    assert (ending.status, ending.state, ending.error) == ("FAILED", "Batch Failed", error)
    assert ending.cause == "as the function says"
    assert ending.path[-3:] == ["Explain Failure", "Record Failure", "Batch Failed"]


def test_a_request_that_has_no_job_yet_is_recorded_by_its_execution() -> None:
    ending = BATCH.run({"model": "macro"}, {"Prepare Batch": Failure("InvalidInputError", "name: Field required")})
    decision = ending.given["Record Failure"][0]["decide"]
    assert (decision["subject"], decision["actor"]) == ("run-1", "unknown")
    assert decision["evidence"]["request"] == {"model": "macro"}


def test_a_failure_that_the_ledger_does_not_take_is_still_a_failure() -> None:
    failing = answers(**{"Transform Lines": Failure("States.Timeout"), "Record Failure": Failure("UpstreamError")})
    ending = BATCH.run(REQUEST, failing)
    assert (ending.status, ending.state, ending.error) == ("FAILED", "Batch Failed", "States.Timeout")
