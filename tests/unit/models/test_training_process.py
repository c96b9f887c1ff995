"""Every way into the training process: who may start a training, and what becomes of a request that may not."""

from typing import Any

import pytest

from tests.fakes.process import Failure, Process

TRAIN = Process("train_model", {"ApprovalsTopicArn": "approvals", "RequestRetrainingFunctionArn": "request"})
DECISION = {"decision_id": "d", "kind": "retrain_model"}
ORDER = {
    "already_running": False,
    "job_name": "macro-1-2-1",
    "hyperparameters": {},
    "output_uri": "s3://b/o",
    "dataset": {"uri": "s3://b/d/"},
}
ANSWERS: dict[str, Any] = {
    "Prepare Training": ORDER,
    "Assess Candidate": {"accepted": True, "decision": {}},
    "Register Candidate": {"subject_line": "s", "message": "m", "version": 4, "model_package_arn": "arn"},
}


def retraining(*, accepted: bool, tell: bool = False) -> dict[str, Any]:
    return {
        "accepted": accepted,
        "tell": tell,
        "decision": DECISION,
        "subject_line": "macro is not retrained",
        "message": "it rests",
    }


@pytest.mark.parametrize("request_", [{"model": "macro"}, {"model": "macro", "trigger": "manual"}])
def test_a_person_s_order_passes_no_policy(request_: dict[str, str]) -> None:
    ending = TRAIN.run(request_, ANSWERS)
    assert (ending.status, ending.output["outcome"]) == ("SUCCEEDED", "registered")
    assert "Request Retraining" not in ending.path
    assert ending.given["Prepare Training"] == [request_]


def test_a_finished_bundle_passes_no_policy_either() -> None:
    answers = {"Assess Bundle": {"accepted": False, "decision": {}, "evidence_key": "k", "message": "m"}}
    ending = TRAIN.run({"model": "sentiment", "bundle": "b", "trigger": "schedule"}, ANSWERS | answers)
    assert (ending.state, "Request Retraining" in ending.path) == ("Candidate Refused", False)


def test_a_refused_candidate_is_registered_and_nobody_is_asked_to_approve_it() -> None:
    # Given a candidate that its gate refused
    refused = {"accepted": False, "decision": {}, "evidence_key": "k"}
    # When the process runs
    ending = TRAIN.run({"model": "macro"}, ANSWERS | {"Assess Candidate": refused})
    # Then the verdict is recorded before the version is registered, and the mail tells of the refusal
    assert ending.path.index("Record Verdict") < ending.path.index("Register Candidate")
    assert "Request Approval" not in ending.path
    assert ending.given["Send Refusal"] == [{"TopicArn": "approvals", "Subject": "s", "Message": "m"}]
    assert (ending.output["outcome"], ending.output["version"], ending.output["evidence_key"]) == ("refused", 4, "k")


@pytest.mark.parametrize("trigger", ["schedule", "drift", "accuracy", "alarm"])
def test_an_accepted_request_is_recorded_and_trains_as_it_was_made(trigger: str) -> None:
    request = {"model": "macro", "trigger": trigger, "requested_by": "monitor", "hyperparameters": {"trials": "3"}}
    ending = TRAIN.run(request, ANSWERS | {"Request Retraining": retraining(accepted=True)})
    assert ending.state == "Waiting For Approval"
    assert ending.given["Request Retraining"] == [request | {"request_id": "run-1"}]
    assert ending.given["Record Retraining"] == [{"decision": DECISION}]
    assert ending.given["Prepare Training"] == [request]


def test_a_refusal_that_nobody_has_to_hear_of_is_recorded_and_ends_well() -> None:
    ending = TRAIN.run(
        {"model": "macro", "trigger": "schedule"}, {"Request Retraining": retraining(accepted=False, tell=False)}
    )
    assert (ending.status, ending.state) == ("SUCCEEDED", "Retraining Refused")
    assert ending.output == {"outcome": "not_retrained", "message": "it rests"}
    assert ending.given["Record Retraining"] == [{"decision": DECISION}]
    assert "Send Retraining Refusal" not in ending.path
    assert "Prepare Training" not in ending.path


def test_a_refusal_of_a_cry_for_help_is_told() -> None:
    ending = TRAIN.run(
        {"model": "macro", "trigger": "drift"}, {"Request Retraining": retraining(accepted=False, tell=True)}
    )
    assert (ending.status, ending.state) == ("SUCCEEDED", "Retraining Refused")
    assert ending.given["Send Retraining Refusal"] == [
        {"TopicArn": "approvals", "Subject": "macro is not retrained", "Message": "it rests"}
    ]
    assert ending.output == {"outcome": "not_retrained", "message": "it rests"}


def test_a_policy_that_can_t_be_asked_fails_the_training_and_is_told() -> None:
    ending = TRAIN.run(
        {"model": "macro", "trigger": "drift"}, {"Request Retraining": Failure("NotFoundError", "no data")}
    )
    assert (ending.status, ending.error, ending.cause) == ("FAILED", "NotFoundError", "no data")
    assert ending.path[-3:] == ["Record Failure", "Send Failure", "Training Failed"]


def test_what_the_ledger_did_not_take_is_not_begun() -> None:
    answers = {"Request Retraining": retraining(accepted=True), "Record Retraining": Failure("TransientUpstreamError")}
    ending = TRAIN.run({"model": "macro", "trigger": "alarm"}, ANSWERS | answers)
    assert (ending.status, ending.error) == ("FAILED", "TransientUpstreamError")
    assert "Prepare Training" not in ending.path
