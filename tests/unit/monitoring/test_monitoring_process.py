"""Every path of the monitoring state machine, and that a failure of one model does not stop the others."""

from typing import Any

import pytest

from tests.fakes.process import Ending, Failure, Process

MONITOR = Process(
    "monitor_models",
    {
        "ModelNames": "['macro', 'housing', 'cloudspend', 'sentiment']",
        "AlarmsTopicArn": "alarms",
        "TrainModelStateMachineArn": "train",
    },
)
QUIET: dict[str, Any] = {
    "measured": True,
    "found": False,
    "trigger": None,
    "decision": {"decision_id": "d"},
    "report_key": "r",
    "page_key": "p",
    "subject_line": "s",
    "message": "m",
}
DRIFTED = QUIET | {"found": True, "trigger": "drift"}


def run(answers: dict[str, Any], given: dict[str, Any] | None = None) -> Ending:
    return MONITOR.run({"models": ["housing"]} if given is None else given, answers)


def test_every_model_is_monitored_at_unless_somebody_names_some() -> None:
    ending = run({"Measure Drift": QUIET}, {})
    assert (ending.status, ending.state) == ("SUCCEEDED", "Models Monitored")
    assert [each["model"] for each in ending.given["Collect Actuals"]] == [
        "macro",
        "housing",
        "cloudspend",
        "sentiment",
    ]
    assert [each["model"] for each in ending.output["results"]] == ["macro", "housing", "cloudspend", "sentiment"]
    assert run({"Measure Drift": QUIET}).given["Measure Drift"] == [{"model": "housing", "request_id": "run-1"}]


def test_a_quiet_look_is_recorded_and_nobody_is_told() -> None:
    ending = run({"Measure Drift": QUIET})
    assert ending.given["Record Findings"] == [{"decision": {"decision_id": "d"}}]
    assert "Send Findings" not in ending.path
    assert ending.output["results"] == [
        {
            "model": "housing",
            "measured": True,
            "found": False,
            "trigger": None,
            "report_key": "r",
            "page_key": "p",
            "message": "m",
        }
    ]


def test_a_model_that_does_not_serve_leaves_no_decision() -> None:
    unmeasured = {"measured": False, "found": False, "trigger": None, "report_key": "", "page_key": "", "message": "no"}
    ending = run({"Measure Drift": unmeasured})
    assert (ending.status, "Record Findings" in ending.path) == ("SUCCEEDED", False)


@pytest.mark.parametrize("trigger", ["drift", "accuracy"])
def test_findings_are_told_and_a_training_is_asked_for(trigger: str) -> None:
    ending = run({"Measure Drift": DRIFTED | {"trigger": trigger}})
    assert ending.given["Send Findings"] == [{"TopicArn": "alarms", "Subject": "s", "Message": "m"}]
    assert ending.given["Start Training"] == [
        {
            "StateMachineArn": "train",
            "Name": f"housing-{trigger}-run-1",
            "Input": {"model": "housing", "trigger": trigger, "requested_by": "bellwether:monitor_models"},
        }
    ]
    assert ending.status == "SUCCEEDED"


def test_findings_of_a_model_that_is_not_trained_here_are_only_told() -> None:
    ending = run({"Measure Drift": DRIFTED | {"trigger": None}})
    assert ("Send Findings" in ending.path, "Start Training" in ending.path) == (True, False)


def test_a_training_that_was_asked_for_already_is_no_failure() -> None:
    again = Failure("StepFunctions.ExecutionAlreadyExistsException")
    ending = run({"Measure Drift": DRIFTED, "Start Training": again})
    assert (ending.status, ending.path[-2:]) == ("SUCCEEDED", ["Did Every Model Succeed", "Models Monitored"])


@pytest.mark.parametrize(
    "state", ["Collect Actuals", "Measure Drift", "Record Findings", "Send Findings", "Start Training"]
)
def test_one_model_s_failure_leaves_the_others_alone_and_fails_the_run_in_the_end(state: str) -> None:
    # Given four models, the first of which fails in this state
    times = iter(range(4))

    def once(_arguments: Any) -> Any:
        return Failure("InvalidInputError", "line 3 of a capture") if next(times) == 0 else answers[state]

    answers: dict[str, Any] = {"Collect Actuals": {}, "Measure Drift": DRIFTED, "Record Findings": {}}
    answers |= {"Send Findings": {}, "Start Training": {}}
    ending = run({**answers, state: once}, {})
    # Then all four were begun, three came to their end, and the run says what failed
    assert len(ending.given["Collect Actuals"]) == 4
    assert ending.path.count("Return Findings") == 3
    assert (ending.status, ending.error) == ("FAILED", "MonitoringFailed")
    assert ending.cause == "macro: InvalidInputError: line 3 of a capture"


def test_several_failures_are_all_named() -> None:
    ending = run({"Collect Actuals": Failure("UpstreamError", "denied")}, {"models": ["macro", "housing"]})
    assert ending.cause == "macro: UpstreamError: denied; housing: UpstreamError: denied"
