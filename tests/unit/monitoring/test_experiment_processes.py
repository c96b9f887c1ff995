"""Each way through the processes that champion and challenger go through, the failing ones above all."""

import json
from typing import Any

import pytest

from tests.fakes.process import Ending, Failure, Process

DEPLOY = Process("deploy_model", {"EndpointCheckLimit": "3", "EndpointCheckSeconds": "1"})
JUDGE = Process("judge_experiments")
PLAN: dict[str, Any] = {
    "model": "macro",
    "version": 3,
    "action": "challenge",
    "deploy": True,
    "reason": "all hashes match the registered bundle",
    "bundle_sha256": "b" * 64,
    "endpoint_name": "Fred-Serverless-Endpoint-Challenger",
    "endpoint_config_name": "macro-v3-bbbbbbbb",
    "challenge": {"experiment_id": "macro-v3-6a7e8feb"},
}
REQUEST = {"model": "macro", "version": 3, "actor": "ada", "event_id": "e", "action": "challenge"}
IN_SERVICE = {"EndpointStatus": "InService", "EndpointConfigName": "macro-v3-bbbbbbbb"}
PASSED = {"passed": True, "reason": "as in training", "latency_ms": 12.3}
EXPERIMENT = {
    "experiment_id": "macro-v3-6a7e8feb",
    "champion_version": 2,
    "challenger_version": 3,
    "mode": "shadow",
    "ends_at": "2026-03-15T12:00:00Z",
}
WITHDRAWN = {
    "experiment_id": "macro-v3-6a7e8feb",
    "endpoint_name": "Fred-Serverless-Endpoint-Challenger",
    "endpoint_deleted": True,
    "reason": "withdrawn",
}
CHALLENGED: dict[str, Any] = {
    "Verify Bundle": PLAN,
    "Describe Endpoint": IN_SERVICE,
    "Smoke Test Endpoint": PASSED,
    "Start Experiment": EXPERIMENT,
    "Withdraw Challenger": WITHDRAWN,
}
DEPLOYED: dict[str, Any] = {
    **CHALLENGED,
    "Verify Bundle": PLAN | {"action": "deploy"},
    "Promote Version": {"version": 3, "previous_version": 2, "promoted_at": "2026-03-01T12:00:00Z", "experiment": None},
    "Clear Experiment": WITHDRAWN,
    "Delete Challenger": WITHDRAWN,
    "Restore Endpoint": {"restored_to": "macro-v2-0badcafe"},
}
AWAY = Failure("TransientUpstreamError", json.dumps({"errorMessage": "no answer", "errorType": "x"}))


def ledger(*refused: str) -> dict[str, Any]:
    """A ledger that answers with the kind as the id, and does not answer for these kinds and statuses."""

    def record(entry: dict[str, Any]) -> Any:
        what = entry["decide"]["kind"] if "decide" in entry else entry["outcome"]["status"]
        return AWAY if what in refused else {"decision_id": what}

    return dict.fromkeys(("Record Decision", "Record Outcome", "Record Refusal", "Record Failure"), record)


def challenge(**answers: Any) -> Ending:
    return DEPLOY.run(REQUEST, ledger() | CHALLENGED | answers)


def deploy(action: str = "deploy", /, **answers: Any) -> Ending:
    return DEPLOY.run(REQUEST | {"action": action}, ledger() | DEPLOYED | answers)


def stop(**answers: Any) -> Ending:
    return DEPLOY.run(
        REQUEST | {"action": "stop_challenge", "experiment_id": "macro-v3-6a7e8feb", "reason": "by hand"},
        {**ledger(), "Clear Experiment": WITHDRAWN, "Delete Challenger": WITHDRAWN, **answers},
    )


def recorded(ending: Ending) -> list[tuple[str, str]]:
    """What went into the ledger, in order: kind and verdict of decisions, status of outcomes."""
    given = {state: iter(entries) for state, entries in ending.given.items()}
    return [_summary(next(given[state])) for state in ending.path if state.startswith("Record")]


def _summary(entry: dict[str, Any]) -> tuple[str, str]:
    if "outcome" in entry:
        return "outcome", entry["outcome"]["status"]
    if "decision" in entry:
        return entry["decision"]["kind"], entry["decision"]["verdict"]
    passed = all(gate["passed"] for gate in entry["decide"]["gates"])
    return entry["decide"]["kind"], "accepted" if passed else "refused"


def test_a_deployment_despite_the_gate_is_a_decision_with_the_reason() -> None:
    # Given a plan for a version that its gate refused and a person approved with a reason
    plan = PLAN | {"action": "deploy", "despite_gate": "AR is broken"}
    # When it is deployed, then its decision has the override as a gate beside the verification
    ending = deploy(**{"Verify Bundle": plan})
    verified, override = ending.given["Record Decision"][0]["decide"]["gates"]
    assert verified["name"] == "bundle_verified"
    assert override == {
        "name": "quality_gate",
        "observed": "refused",
        "limit": None,
        "passed": True,
        "reason": "approved despite the gate: AR is broken",
    }
    assert recorded(ending)[0] == ("deploy_model", "accepted")


# --- challenge -------------------------------------------------------------------------------------------------------


def test_a_challenger_goes_into_service_and_competes() -> None:
    ending = challenge()
    assert (ending.status, ending.state) == ("SUCCEEDED", "Report Result")
    assert ending.output["experiment_id"] == "macro-v3-6a7e8feb"
    assert recorded(ending) == [("start_experiment", "accepted"), ("outcome", "started")]
    assert "Promote Version" not in ending.path
    assert "until 2026-03-15" in ending.given["Send Result"][0]["Message"]


def test_what_can_t_compete_is_a_decision_and_no_failure() -> None:
    refused = PLAN | {"deploy": False, "reason": "version 3 is current"}
    ending = challenge(**{"Verify Bundle": refused})
    assert (ending.status, ending.output["outcome"], ending.output["reason"]) == (
        "SUCCEEDED",
        "refused",
        "version 3 is current",
    )
    assert recorded(ending) == [("start_experiment", "refused")]


def test_what_may_not_compete_is_recorded_and_fails() -> None:
    why = json.dumps({"errorMessage": "ModelApprovalStatus: version 3 is Rejected", "errorType": "InvalidInputError"})
    ending = challenge(**{"Verify Bundle": Failure("InvalidInputError", why)})
    assert (ending.status, ending.error, ending.cause) == (
        "FAILED",
        "InvalidInputError",
        "ModelApprovalStatus: version 3 is Rejected",
    )
    assert recorded(ending) == [("start_experiment", "refused")]
    assert "Withdraw Challenger" not in ending.path


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"Stage Endpoint": AWAY}, "TransientUpstreamError"),
        ({"Describe Endpoint": Failure("SageMaker.SageMakerException")}, "SageMaker.SageMakerException"),
        ({"Describe Endpoint": IN_SERVICE | {"EndpointStatus": "Failed"}}, "EndpointNotInService"),
        ({"Describe Endpoint": IN_SERVICE | {"EndpointStatus": "Creating"}}, "EndpointNotInService"),
        ({"Smoke Test Endpoint": AWAY}, "TransientUpstreamError"),
        ({"Smoke Test Endpoint": PASSED | {"passed": False}}, "SmokeTestFailed"),
        ({"Start Experiment": Failure("ConflictError")}, "ConflictError"),
        (ledger("started"), "TransientUpstreamError"),
    ],
)
def test_a_challenger_that_fails_leaves_nothing_behind_but_its_record(answers: dict[str, Any], error: str) -> None:
    ending = challenge(**answers)
    assert (ending.status, ending.state, ending.error) == ("FAILED", "Request Failed", error)
    # Then its own experiment and endpoint are gone, and the champion's endpoint was never touched
    assert ending.given["Withdraw Challenger"] == [{"model": "macro", "experiment_id": "macro-v3-6a7e8feb"}]
    assert "Restore Endpoint" not in ending.path
    assert recorded(ending)[-1] == ("outcome", "failed")
    assert "was not started as challenger" in ending.given["Send Failure"][0]["Message"]


def test_a_challenger_that_can_t_be_withdrawn_is_told_all_the_same() -> None:
    ending = challenge(**{"Stage Endpoint": AWAY, "Withdraw Challenger": Failure("ConflictError", "changing")})
    assert ending.status == "FAILED"
    assert "changing" in ending.given["Send Failure"][0]["Message"]


def test_no_experiment_without_its_entry_in_the_ledger() -> None:
    ending = challenge(**ledger("start_experiment"))
    assert (ending.status, ending.cause) == ("FAILED", "no answer")
    assert "Stage Endpoint" not in ending.path


# --- deployments while an experiment runs ----------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["deploy", "rollback"])
def test_a_deployment_without_an_experiment_is_as_ever(action: str) -> None:
    ending = deploy(action)
    assert (ending.status, ending.state) == ("SUCCEEDED", "Report Result")
    assert ending.output["outcome"] == ("deployed" if action == "deploy" else "rolled_back")
    assert recorded(ending) == [("deploy_model", "accepted"), ("outcome", "deployed")]
    assert not {"Clear Experiment", "Wait For Routers"} & set(ending.path)


@pytest.mark.parametrize(("action", "version"), [("deploy", 3), ("deploy", 5), ("rollback", 1)])
def test_a_deployment_ends_the_experiment_whoever_has_won(action: str, version: int) -> None:
    # Given an experiment of version 3 while that one, or another, is promoted
    promoted = DEPLOYED["Promote Version"] | {"version": version, "experiment": EXPERIMENT}
    ending = deploy(action, **{"Promote Version": promoted})
    # Then the version is in service before the challenger goes: first the parameter, later the endpoint
    assert (ending.status, ending.state) == ("SUCCEEDED", "Report Result")
    path = ending.path
    order = ["Promote Version", "Conclude Experiment", "Clear Experiment", "Wait For Routers", "Delete Challenger"]
    assert sorted(order, key=path.index) == order
    assert ending.given["Clear Experiment"][0]["keep_endpoint"] is True
    assert recorded(ending) == [
        ("deploy_model", "accepted"),
        ("outcome", "deployed"),
        ("conclude_experiment", "accepted"),
        ("outcome", "concluded"),
    ]
    # And each outcome belongs to its own decision
    assert [entry["outcome"]["decision_id"] for entry in ending.given["Record Outcome"]] == [
        "deploy_model",
        "conclude_experiment",
    ]
    assert ending.output["decision_id"] == "deploy_model"


def test_a_deployment_that_is_not_recorded_stays_and_its_entry_is_in_the_mail() -> None:
    ending = deploy(**ledger("deployed"))
    assert (ending.status, ending.error, ending.cause) == ("FAILED", "DeploymentNotRecorded", "no answer")
    assert "Restore Endpoint" not in ending.path
    message = ending.given["Send Failure"][0]["Message"]
    entry = json.loads(next(line for line in message.splitlines() if line.startswith("{")))
    assert (entry["outcome"]["decision_id"], entry["outcome"]["status"]) == ("deploy_model", "deployed")
    assert entry["outcome"]["details"]["smoke_test"] == PASSED


@pytest.mark.parametrize(
    ("request_", "plan", "outcome"),
    [
        ({"action": "reject"}, {}, "rejected"),
        ({"action": "deploy"}, {"deploy": False, "reason": "version 4 is current"}, "superseded"),
    ],
)
def test_what_is_not_to_be_deployed_is_a_decision_and_no_failure(
    request_: dict[str, Any], plan: dict[str, Any], outcome: str
) -> None:
    ending = deploy(request_["action"], **{"Verify Bundle": DEPLOYED["Verify Bundle"] | plan})
    assert (ending.status, ending.output["outcome"]) == ("SUCCEEDED", outcome)
    assert recorded(ending) == [("deploy_model", "refused")]
    assert "Stage Endpoint" not in ending.path


def test_a_deployment_that_fails_leaves_the_experiment_alone() -> None:
    ending = deploy(**{"Smoke Test Endpoint": PASSED | {"passed": False}})
    assert ending.status == "FAILED"
    assert "Restore Endpoint" in ending.path
    assert not {"Withdraw Challenger", "Clear Experiment"} & set(ending.path)


# --- stop ------------------------------------------------------------------------------------------------------------


def test_a_challenger_is_stopped() -> None:
    ending = stop()
    assert (ending.status, ending.state) == ("SUCCEEDED", "Report Result")
    assert (ending.output["outcome"], ending.output["reason"]) == ("concluded", "by hand")
    assert recorded(ending) == [("conclude_experiment", "accepted"), ("outcome", "concluded")]


def test_stopping_what_is_not_there_is_no_failure_and_takes_no_time() -> None:
    nothing = WITHDRAWN | {"experiment_id": None, "endpoint_deleted": False, "reason": "there was no challenger"}
    ending = stop(**{"Clear Experiment": nothing, "Delete Challenger": nothing})
    assert (ending.status, ending.output["outcome"]) == ("SUCCEEDED", "nothing_to_stop")
    assert "Wait For Routers" not in ending.path


def test_stop_needs_neither_a_reason_nor_an_experiment_s_name() -> None:
    answers = {"Clear Experiment": WITHDRAWN, "Delete Challenger": WITHDRAWN}
    ending = DEPLOY.run(REQUEST | {"action": "stop_challenge"}, ledger() | answers)
    assert ending.output["reason"] == "stopped by ada"
    assert ending.given["Clear Experiment"][0]["experiment_id"] is None


@pytest.mark.parametrize(
    "broken",
    [
        ledger("conclude_experiment"),
        {"Clear Experiment": AWAY},
        {"Delete Challenger": AWAY},
        ledger("concluded"),
        {"Delete Challenger": AWAY, **ledger("failed")},
    ],
)
def test_an_end_that_fails_is_told_with_the_command_for_it(broken: dict[str, Any]) -> None:
    promoted: dict[str, Any] = DEPLOYED["Promote Version"] | {"experiment": EXPERIMENT}
    for ending in (stop(**broken), deploy(**{"Promote Version": promoted, **broken})):
        assert (ending.status, ending.state, ending.cause) == ("FAILED", "Request Failed", "no answer")
        assert "bellwether experiment stop macro" in ending.given["Send Failure"][0]["Message"]
        # And the deployment before it is not taken back, in the ledger either
        assert not {"Restore Endpoint", "Withdraw Challenger"} & set(ending.path)
        assert {entry["outcome"]["decision_id"] for entry in ending.given.get("Record Failure", [])} <= {
            "conclude_experiment"
        }


# --- the judge -------------------------------------------------------------------------------------------------------

MAIL = {"subject": "Bellwether: challenger of macro is stopped", "message": "It exceeded a limit."}
ORDER = {"name": "FredRecessionModels-v3-stop_challenge-d", "input": {"model": "macro", "action": "stop_challenge"}}
STARTED = {"Start Deployment": {"ExecutionArn": "arn:aws:states:us-east-1:000000000000:execution:deploy:d"}}


def judge(deployment: Any = ORDER, mail: Any = MAIL, **answers: Any) -> Ending:
    decision = {"decision_id": "d", "kind": "judge_experiment", "verdict": "refused", "subject": "macro version 3"}
    judgement = {"model": "macro", "step": "stop", "decision": decision, "deployment": deployment, "mail": mail}
    return JUDGE.run(judgement, STARTED | answers)


def test_a_judgement_that_asks_for_nothing_is_recorded() -> None:
    ending = judge(None, None)
    assert (ending.status, ending.path[-1]) == ("SUCCEEDED", "Judgement Recorded")
    assert recorded(ending) == [("judge_experiment", "refused")]
    assert not {"Start Deployment", "Send Judgement"} & set(ending.path)


def test_a_judgement_for_a_person_is_told() -> None:
    ending = judge(None)
    assert ending.status == "SUCCEEDED"
    assert ending.given["Send Judgement"][0]["Subject"] == MAIL["subject"]


def test_a_judgement_that_asks_for_an_act_starts_it_and_says_so() -> None:
    ending = judge()
    assert ending.status == "SUCCEEDED"
    assert ending.given["Start Deployment"][0] == {
        "StateMachineArn": "1",
        "Name": ORDER["name"],
        "Input": ORDER["input"],
    }
    assert recorded(ending) == [("judge_experiment", "refused"), ("outcome", "acted_upon")]
    assert ending.output["execution"] == STARTED["Start Deployment"]["ExecutionArn"]


@pytest.mark.parametrize("state", ["Record Judgement", "Start Deployment", "Record Start"])
def test_a_judgement_that_comes_to_nothing_is_told(state: str) -> None:
    ending = judge(**{state: AWAY})
    assert (ending.status, ending.error, ending.cause) == ("FAILED", "TransientUpstreamError", "no answer")
    assert "The step stop for" in ending.given["Send Failure"][0]["Message"]


def test_what_is_not_recorded_is_not_done() -> None:
    assert "Start Deployment" not in judge(**{"Record Judgement": AWAY}).path
