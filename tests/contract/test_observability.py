"""Every log group is kept for a set time; every alarm watches a metric that something really emits."""

import ast
from typing import Any

import pytest

from tests.contract.stacks import ROOT, STACKS, Function, Machine, Stack, functions, machines, referred, stack

AWS_METRICS = {  # namespace → (metrics, dimension, type of the resource that it names)
    "AWS/States": ({"ExecutionsFailed", "ExecutionsTimedOut"}, "StateMachineArn", "AWS::Serverless::StateMachine"),
    "AWS/Lambda": ({"Errors", "Invocations"}, "FunctionName", "AWS::Serverless::Function"),
    "AWS/SQS": ({"ApproximateNumberOfMessagesVisible"}, "QueueName", "AWS::SQS::Queue"),
    "AWS/RDS": ({"FreeStorageSpace"}, "DBInstanceIdentifier", "AWS::RDS::DBInstance"),
}


def _alarms() -> list[tuple[str, Stack, dict[str, Any]]]:
    return [
        (name, stack(each), alarm)
        for each in STACKS
        for name, alarm in stack(each).of_type("AWS::CloudWatch::Alarm").items()
    ]


every_alarm = pytest.mark.parametrize(
    ("home", "alarm"), [pytest.param(home, alarm, id=name) for name, home, alarm in _alarms()]
)


# --- alarms ----------------------------------------------------------------------------------------------------------


@every_alarm
def test_alarm_watches_what_is_emitted(home: Stack, alarm: dict[str, Any]) -> None:
    dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    match alarm["Namespace"]:
        case "Bellwether":
            # Given a metric of our own; Then a function of that service emits it, with no dimension but the service
            emitted = {name for function in home.functions for name in _emitted(function)}
            assert alarm["MetricName"] in emitted
            assert dimensions == {"service": home.body["Globals"]["Function"]["Environment"]["Variables"][SERVICE]}
        case "AWS/ApiGateway":
            (api,) = home.of_type("AWS::Serverless::Api").values()
            assert alarm["MetricName"] == "5XXError"
            assert dimensions == {"ApiName": api["Name"], "Stage": api["StageName"]}
        case namespace:
            metrics, dimension, resource_type = AWS_METRICS[namespace]
            assert alarm["MetricName"] in metrics
            assert list(dimensions) == [dimension]
            assert referred(dimensions[dimension]) in home.of_type(resource_type)


SERVICE = "POWERTOOLS_SERVICE_NAME"


@every_alarm
def test_alarm_reaches_somebody_and_says_where_to_look(home: Stack, alarm: dict[str, Any]) -> None:
    assert alarm["AlarmActions"]
    assert "RUNBOOK, " in alarm["AlarmDescription"]
    # And what no data means was thought about
    assert alarm["TreatMissingData"] in {"notBreaching", "breaching"}


@every_alarm
def test_runbook_has_an_entry_for_the_alarm(home: Stack, alarm: dict[str, Any]) -> None:
    heading = alarm["AlarmDescription"].partition("RUNBOOK, ")[2]
    headings = [line.lstrip("# ") for line in (ROOT / "RUNBOOK.md").read_text().splitlines() if line.startswith("#")]
    assert heading in headings


@pytest.mark.parametrize("machine", machines(), ids=str)
def test_each_state_machine_has_alarms(machine: Machine) -> None:
    watched = {
        alarm["MetricName"]
        for _, _, alarm in _alarms()
        if alarm["Namespace"] == "AWS/States" and referred(alarm["Dimensions"][0]["Value"]) == machine.logical_id
    }
    assert watched == {"ExecutionsFailed", "ExecutionsTimedOut"}


def test_events_that_fail_for_good_are_kept_and_told() -> None:
    # Given everything that EventBridge, Scheduler and Lambda call without waiting for an answer
    models = stack("models")
    (queue,) = models.of_type("AWS::SQS::Queue")
    for function in models.functions:
        asynchronous = {
            name: event["Properties"]
            for name, event in function.properties.get("Events", {}).items()
            if event["Type"] in {"EventBridgeRule", "ScheduleV2"}
        }
        for name, event in asynchronous.items():
            # Then what can't be delivered is kept, after a number of tries
            assert referred(event["DeadLetterConfig"]["Arn"]) == queue, name
            assert event["RetryPolicy"]["MaximumRetryAttempts"] > 0, name
        if asynchronous:
            # And what the function fails on as well
            on_failure = function.properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
            assert referred(on_failure["Destination"]) == queue
    # And somebody hears of it
    assert any(alarm["Namespace"] == "AWS/SQS" for _, _, alarm in _alarms())


# --- logs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", functions(), ids=str)
def test_function_logs_into_a_group_of_its_own(function: Function) -> None:
    group = referred(function.properties["LoggingConfig"]["LogGroup"])
    assert group == f"{function.name}LogGroup"
    assert group in function.stack.of_type("AWS::Logs::LogGroup")


@pytest.mark.parametrize("machine", machines(), ids=str)
def test_state_machine_logs_and_traces(machine: Machine) -> None:
    (destination,) = machine.properties["Logging"]["Destinations"]
    group = referred(destination["CloudWatchLogsLogGroup"]["LogGroupArn"])
    assert group in machine.stack.of_type("AWS::Logs::LogGroup")
    assert machine.properties["Tracing"] == {"Enabled": True}


@pytest.mark.parametrize("name", STACKS)
def test_logs_are_not_kept_for_ever(name: str) -> None:
    for group, properties in stack(name).of_type("AWS::Logs::LogGroup").items():
        assert properties["RetentionInDays"] == {"Ref": "LogRetentionDays"}, group


def _emitted(function: Function) -> set[str]:
    tree = ast.parse((function.folder / "app.py").read_text())
    return {
        str(node.args[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_metric"
        if isinstance(node.args[0], ast.Constant)
    }
