"""What looks after models by itself: who may train again, what is archived and comes back, who hears of a failure."""

import json
import time
from typing import Any

import psycopg
import pytest

from cli import deployments, executions, registry
from cli.problems import CommandError
from localcloud.control import Cloud
from tests.e2e.flow import MODEL, WAIT_SECONDS, Flow
from tests.waiting import wait_for

pytestmark = pytest.mark.aws


def decided(cloud: Cloud, kind: str) -> list[tuple[str, str, str | None]]:
    """Subject, verdict and outcome of the decisions of a kind, oldest first."""
    endpoints = cloud.endpoints()
    assert endpoints is not None
    with psycopg.connect(endpoints.postgres.dsn) as connection:
        rows = connection.execute(
            "SELECT d.subject, d.verdict, o.status FROM decisions d LEFT JOIN decision_outcomes o USING (decision_id) "
            "WHERE d.kind = %s ORDER BY d.made_at",
            (kind,),
        )
        return [(subject, verdict, status) for subject, verdict, status in rows]


def ask_to_train(flow: Flow, trigger: str) -> dict[str, Any]:
    request = {
        "model": MODEL,
        "trigger": trigger,
        "requested_by": f"e2e {trigger}",
        "hyperparameters": {"trials": "2"},  # the flow's own: the same recipe
    }
    return flow.await_execution(executions.start(flow.target, flow.target.output("TrainModelStateMachineArn"), request))


def archive(flow: Flow, **request: Any) -> dict[str, Any]:
    arn = executions.start(flow.target, flow.target.output("ArchiveVersionsStateMachineArn"), request)
    return executions.follow(flow.target, arn, timeout_seconds=WAIT_SECONDS)


# --- training by itself ----------------------------------------------------------------------------------------------


def test_a_schedule_without_newer_data_trains_nothing_and_bothers_nobody(flow: Flow, cloud: Cloud) -> None:
    # Given a model whose newest training is of these data; When the schedule asks for another one
    flow.train()
    flow.mails()
    output = ask_to_train(flow, "schedule")
    # Then none begins, the ledger has the refusal, and nobody gets a mail
    assert output["outcome"] == "not_retrained"
    assert decided(cloud, "retrain_model")[-1][:2] == (MODEL, "refused")
    assert not any("not retrained" in mail for mail in flow.mails())


def test_drift_that_may_not_train_is_told(flow: Flow) -> None:
    flow.mails()
    # Given a model whose training on the same data has been confirmed once; When drift asks again
    output = ask_to_train(flow, "drift")
    if output["outcome"] != "not_retrained":
        output = ask_to_train(flow, "drift")
    # Then it is told that this helps nobody
    assert "only new data change the model" in output["message"]
    assert any("not retrained" in mail for mail in flow.mails())


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_process_that_fails_is_told_to_who_looks_after_alarms(flow: Flow) -> None:
    # Given somebody who listens to the alarms
    sqs, sns = flow.target.client("sqs"), flow.target.client("sns")
    url = sqs.create_queue(QueueName="e2e-alarms")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=flow.target.output("AlarmsTopicArn"), Protocol="sqs", Endpoint=arn)
    # When a training fails
    with pytest.raises(CommandError, match="FAILED"):
        flow.train(horizons="0")

    # Then the machine, the status and the runbook's entry are in the mail
    def mail() -> str | None:
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages", [])
        texts = [json.loads(message["Body"])["Message"] for message in messages]
        return next((text for text in texts if "TrainModel" in text), None)

    text = wait_for(mail, "the alarm's mail")
    assert "FAILED" in text
    assert "RUNBOOK, A process failed" in text


# --- archive and rollback --------------------------------------------------------------------------------------------


def test_a_version_goes_to_the_archive_and_comes_back(flow: Flow, cloud: Cloud) -> None:
    # Given a version that served, two that served after it, and newer ones that nobody wanted
    old = flow.serving()
    files = flow.read_bundle(old)
    for _ in range(2):
        assert flow.deploy(flow.register_copy(old, files))["outcome"] == "deployed"
    for _ in range(2):
        unwanted = registry.pending_version(flow.target, MODEL, flow.register_copy(old, files))
        known = deployments.started(flow.target)
        registry.reject(flow.target, unwanted, "not this one")
        flow.await_execution(deployments.await_start(flow.target, known))
    # When the archive is asked what it would do, it touches nothing
    shown = archive(flow, dry_run=True)
    assert f"{MODEL} version {old}" in [act["decision"]["subject"] for act in shown["acts"]]
    assert not any(row.archived for row in flow.target.models.versions(MODEL))
    # And when it runs, the old version leaves the front row, and nothing is deployed by its mark
    known = deployments.started(flow.target)
    assert archive(flow)["outcome"] == "archived"
    assert (f"{MODEL} version {old}", "accepted", "archived") in decided(cloud, "archive_version")
    rows = {row.number: row for row in flow.target.models.versions(MODEL)}
    assert rows[old].archived
    assert not any(row.archived for row in rows.values() if row.role)
    time.sleep(3)
    assert deployments.started(flow.target) == known
    # When it is rolled back to all the same, then it serves
    version = registry.rollback_version(flow.target, MODEL, old)
    output = flow.await_execution(deployments.start_rollback(flow.target, MODEL, version))
    assert output["outcome"] == "rolled_back"
    assert flow.serving() == old
    # And the next run takes it back into the front row
    archive(flow)
    assert not {row.number: row for row in flow.target.models.versions(MODEL)}[old].archived
