"""Every log group is kept for a set time; every alarm watches a metric that something really emits."""

import re
from typing import Any

import pytest

from bellwether.models.domain.catalogue import CATALOGUE
from tests.contract.metrics import AWS_METRICS, emitted_by
from tests.contract.stacks import STACKS, Function, Machine, Stack, functions, get_att, machines, referred, root, stack
from tests.places import ROOT

WATCHED = {  # namespace → type of the resource that an alarm's dimension names
    "AWS/Lambda": "AWS::Serverless::Function",
    "AWS/RDS": "AWS::RDS::DBInstance",
    "AWS/SQS": "AWS::SQS::Queue",
    "AWS/States": "AWS::Serverless::StateMachine",
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
            # Given a metric of our own; Then a function of the stack emits it, for all models together or for one
            assert any(
                frozenset(dimensions) in emitted_by(each).get(alarm["MetricName"], ()) for each in home.functions
            )
            assert dimensions.pop("model", None) in {None, *CATALOGUE}
            assert dimensions == {"service": home.body["Globals"]["Function"]["Environment"]["Variables"][SERVICE]}
        case "AWS/ApiGateway":
            (api,) = home.of_type("AWS::Serverless::Api").values()
            assert alarm["MetricName"] in AWS_METRICS["AWS/ApiGateway"][0]
            assert dimensions == {"ApiName": api["Name"], "Stage": api["StageName"]}
        case namespace:
            metrics, names = AWS_METRICS[namespace]
            assert alarm["MetricName"] in metrics
            assert tuple(dimensions) == names
            assert referred(dimensions[names[0]]) in home.of_type(WATCHED[namespace])


SERVICE = "POWERTOOLS_SERVICE_NAME"


def test_no_file_but_its_stack_names_an_alarm() -> None:
    # Given that a new alarm takes its stack and an entry of the runbook, nothing else
    places = ("cli", "db", "docs", "functions", "layers", "localcloud", "tests", "template.yaml", "README.md")
    paths = [path for place in places for path in (ROOT / place, *(ROOT / place).rglob("*"))]
    texts = [path.read_text() for path in paths if path.suffix in {".md", ".py", ".yaml", ".yml"}]
    alarms = re.compile(rf"\b({'|'.join(name for name, _, _ in _alarms())})\b")
    assert [found[0] for text in texts if (found := alarms.search(text))] == []


@every_alarm
def test_alarm_reaches_somebody_and_says_where_to_look(home: Stack, alarm: dict[str, Any]) -> None:
    assert alarm["AlarmActions"]
    assert "RUNBOOK, " in alarm["AlarmDescription"]
    # And what no data means was thought about
    assert alarm["TreatMissingData"] in {"notBreaching", "breaching"}


@every_alarm
def test_runbook_has_an_entry_for_the_alarm(home: Stack, alarm: dict[str, Any]) -> None:
    assert alarm["AlarmDescription"].partition("RUNBOOK, ")[2] in _runbook_headings()


def _runbook_headings() -> set[str]:
    return {line.lstrip("# ") for line in (ROOT / "RUNBOOK.md").read_text().splitlines() if line.startswith("#")}


@pytest.mark.parametrize("machine", machines(), ids=str)
def test_each_machine_s_failure_is_told_to_somebody(machine: Machine) -> None:
    # Given a machine whose failures have alarms, as an Express one's need: only they say when it matters
    watched = {
        alarm["MetricName"]
        for _, _, alarm in _alarms()
        if alarm["Namespace"] == "AWS/States" and referred(alarm["Dimensions"][0]["Value"]) == machine.logical_id
    }
    if watched:
        assert watched == {"ExecutionsFailed", "ExecutionsTimedOut"}
        return
    # Or a Standard one, whose executions' ends are events; Then the rule about these names it
    assert machine.properties.get("Type", "STANDARD") == "STANDARD"
    assert machine.logical_id in _machines_of_the_rule()


def test_the_rule_tells_every_bad_end_and_the_runbook_what_to_do() -> None:
    rule = stack("monitoring").of_type("AWS::Events::Rule")["ProcessFailedRule"]
    assert set(rule["EventPattern"]["detail"]["status"]) == {"FAILED", "TIMED_OUT", "ABORTED"}
    (target,) = rule["Targets"]
    assert referred(target["Arn"]) == "AlarmsTopicArn"
    transformer = target["InputTransformer"]
    assert set(re.findall(r"<(\w+)>", transformer["InputTemplate"])) == set(transformer["InputPathsMap"])
    # And the entry that the mail names leads on to each machine's own
    assert "RUNBOOK, A process failed" in transformer["InputTemplate"]
    _, _, entry = (ROOT / "RUNBOOK.md").read_text().partition("## A process failed")
    rows = dict(re.findall(r'^\| `(\w+)` \| "([^"]+)" \|$', entry.partition("\n## ")[0], re.MULTILINE))
    assert set(rows) == _machines_of_the_rule()
    assert set(rows.values()) <= _runbook_headings()


def test_the_alarms_topic_takes_what_alarms_and_rules_send() -> None:
    (policy,) = stack("foundation").of_type("AWS::SNS::TopicPolicy").values()
    assert [referred(topic) for topic in policy["Topics"]] == ["AlarmsTopic"]
    senders = {each["Principal"]["Service"] for each in policy["PolicyDocument"]["Statement"]}
    assert senders == {"cloudwatch.amazonaws.com", "events.amazonaws.com"}


def _machines_of_the_rule() -> set[str]:
    """Logical ids of the machines whose bad ends are told, whichever stack they live in."""
    home = stack("monitoring")
    rule = home.of_type("AWS::Events::Rule")["ProcessFailedRule"]
    given = root().of_type("AWS::Serverless::Application")["Monitoring"]["Parameters"]
    found = set()
    for each in rule["EventPattern"]["detail"]["stateMachineArn"]:
        name = str(referred(each))
        if name in given:
            owner, _, output = get_att(given[name])[1].partition(".")
            assert owner == "Outputs"
            name = str(referred(stack(get_att(given[name])[0].lower()).body["Outputs"][output]["Value"]))
        found.add(name)
    return found


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
