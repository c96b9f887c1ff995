"""FRED files to a served prediction, on the embedded cloud, and everything that goes wrong on the way."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from cli import deployments, ingestion, predictions, registry
from cli.main import app
from cli.problems import CommandError
from cli.target import Target
from localcloud.control import Cloud
from tests.e2e.flow import MODEL, Flow

pytestmark = pytest.mark.aws


def decisions(cloud: Cloud, kind: str) -> list[tuple[str, str]]:
    """Subject and verdict of the decisions of a kind, oldest first."""
    endpoints = cloud.endpoints()
    assert endpoints is not None
    with psycopg.connect(endpoints.postgres.dsn) as connection:
        rows = connection.execute("SELECT subject, verdict FROM decisions WHERE kind = %s ORDER BY made_at", (kind,))
        return [(subject, verdict) for subject, verdict in rows]


# --- the way through -------------------------------------------------------------------------------------------------


def test_files_become_one_dataset_with_a_manifest(flow: Flow) -> None:
    # Given both sample packs ingested
    s3, bucket = flow.target.client("s3"), flow.target.output("DataBucketName")
    # When the merged file and its manifest are read
    merged = s3.get_object(Bucket=bucket, Key="fred-data/train/fred_merged_data.csv")["Body"].read().decode()
    manifest = json.loads(s3.get_object(Bucket=bucket, Key="fred-data/train/manifest.json")["Body"].read())
    # Then every series is there and the newer vintage has won
    assert merged.splitlines()[0].startswith("month,")
    assert {entry["series"] for entry in manifest["series"]} >= {"UNRATE", "PAYEMS", "GDPC1"}
    assert manifest["last_month"] == "2016-06"
    assert flow.ingested.dataset is not None
    assert flow.ingested.dataset["sha256"] == manifest["sha256"]
    assert flow.ingested.files == 27
    assert flow.ingested.findings == []


def test_a_broken_file_is_told_each_time_it_is_dropped(flow: Flow, tmp_path: Path) -> None:
    # Given a file with a web page in it instead of figures
    page = tmp_path / "PAYEMS.csv"
    page.write_text("<html><body>Not Found</body></html>")
    # When it is dropped twice
    first, second = (ingestion.ingest_pack(flow.target, [page]) for _ in range(2))
    # Then both times its reason is told, and the data are as they were
    assert [each["field"] for each in first.findings] == [each["field"] for each in second.findings] == ["file"]
    assert second.new_vintages == 0
    assert second.dataset is not None
    assert flow.ingested.dataset is not None
    assert second.dataset["sha256"] == flow.ingested.dataset["sha256"]


def test_first_version_is_served_with_its_interval(flow: Flow) -> None:
    # Given the first version in service; When the API is asked
    answer = predictions.predict(flow.target, MODEL, {"UNRATE": "4.9"}, horizon_months=3)
    # Then it answers with an interval around the prediction, in the unit of the target
    assert answer["horizon_months"] == 3
    assert answer["unit"] == "percent"
    assert answer["interval"]["lower"] < answer["prediction"] < answer["interval"]["upper"]
    assert 3.0 < answer["prediction"] < 7.0


def test_plain_invoke_endpoint_answers_the_same(flow: Flow) -> None:
    body = json.dumps({"data": {"UNRATE": 4.9}, "horizon_months": 3})
    # When the endpoint is asked without our function
    response = flow.target.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="Fred-Serverless-Endpoint", ContentType="application/json", Body=body
    )
    # Then the figures are the same
    direct = json.loads(response["Body"].read())
    assert (
        direct["prediction"]
        == predictions.predict(flow.target, MODEL, {"UNRATE": "4.9"}, horizon_months=3)["prediction"]
    )


@pytest.mark.parametrize(
    ("figures", "named"),
    [({"UNRATE": "banana"}, "UNRATE"), ({"UNRATE": "nan"}, "UNRATE"), ({"UNRATE": "400"}, "UNRATE")],
)
def test_nonsense_is_refused_with_its_field(flow: Flow, figures: dict[str, str], named: str) -> None:
    with pytest.raises(CommandError, match=f"400: .*{named}"):
        predictions.predict(flow.target, MODEL, figures)


def test_approvers_got_a_table_and_the_command(flow: Flow) -> None:
    mail = "\n".join(flow.mails())
    assert "random walk" in mail
    assert "bellwether approve macro --version" in mail
    assert "update-model-package" in mail


def test_the_ledger_holds_gate_and_deployment(flow: Flow, cloud: Cloud) -> None:
    assert ("accepted") in {verdict for _, verdict in decisions(cloud, "accept_candidate")}
    assert decisions(cloud, "deploy_model")


# --- everything arrives twice, late, or broken ------------------------------------------------------------------------


def test_started_twice_at_once_trains_once(flow: Flow) -> None:
    # Given two starts in the same instant
    jobs_before = _training_jobs(flow.target)
    with ThreadPoolExecutor() as pool:
        outputs = list(pool.map(lambda _: flow.train(seed="11"), range(2)))
    # Then one trained and the other says so
    assert sorted(output["outcome"] for output in outputs) == ["already_running", "registered"]
    assert len(_training_jobs(flow.target) - jobs_before) == 1


def test_failed_job_is_told_with_its_reason(flow: Flow) -> None:
    flow.mails()
    # Given a job that can't work
    with pytest.raises(CommandError, match="FAILED"):
        flow.train(horizons="0")
    # Then the execution failed and the approvers know why
    assert any("horizons" in mail for mail in flow.mails())


def test_refused_candidate_is_recorded_and_told(flow: Flow, cloud: Cloud) -> None:
    flow.mails()
    # Given a backtest too short for the gate
    output = flow.train(backtest_months="24")
    # Then it is registered as Rejected, the ledger has the refusal, and the mail its reasons
    assert output["outcome"] == "refused"
    assert registry.numbered_version(flow.target, "macro", output["version"]).status == "Rejected"
    assert "refused" in {verdict for _, verdict in decisions(cloud, "accept_candidate")}
    assert any("backtest" in mail for mail in flow.mails())


def test_a_refused_candidate_serves_when_a_person_overrides_the_gate_with_a_reason(
    flow: Flow, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a candidate that its gate refused, registered as Rejected with its evidence
    output = flow.train(backtest_months="24")
    number = output["version"]
    version = registry.numbered_version(flow.target, MODEL, number)
    assert (output["outcome"], version.status) == ("refused", "Rejected")
    assert "refused_reason_1" in version.metadata
    assert number != flow.serving()
    # When a person approves it without a reason, then nothing is deployed
    monkeypatch.setattr("cli.models.current_target", lambda: flow.target)
    arguments = ["approve", MODEL, "--version", str(number), "--yes"]
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 1
    assert "was refused by its gate" in " ".join(refused.output.split())
    assert number != flow.serving()
    # When it is approved with a reason
    approved = CliRunner().invoke(app, [*arguments, "--despite-gate", "the backtest is short on purpose"])
    assert approved.exit_code == 0, approved.output
    # Then it serves and answers
    assert flow.serving() == number
    assert predictions.predict(flow.target, MODEL, {"UNRATE": "4.9"})["prediction"] > 0
    # And the ledger has a decision with the person and the reason
    endpoints = cloud.endpoints()
    assert endpoints is not None
    with psycopg.connect(endpoints.postgres.dsn) as connection:
        row = connection.execute(
            "SELECT actor, gates FROM decisions WHERE kind = 'deploy_model' AND verdict = 'accepted' "
            "ORDER BY made_at DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    actor, gates = row
    assert flow.target.caller in actor
    (override,) = [each for each in gates if each["name"] == "quality_gate"]
    assert override["observed"] == "refused"
    assert override["reason"] == "approved despite the gate: the backtest is short on purpose"


def test_tampered_bundle_never_reaches_the_endpoint(flow: Flow) -> None:
    # Given a registered version whose model file was changed afterwards
    serving = flow.served_model()
    version = flow.candidate()
    files = flow.read_bundle(version)
    files["history.csv"] += b"\n"
    flow.write_bundle(version, files)
    # When it is approved
    with pytest.raises(CommandError, match="BundleTampered"):
        flow.deploy(version)
    # Then the old version serves on
    assert flow.served_model() == serving


def test_endpoint_that_fails_goes_back_to_the_version_before(flow: Flow) -> None:
    # Given an honest bundle whose code can't load
    serving, pointer = flow.served_model(), flow.serving()
    files = flow.read_bundle(pointer)
    files["code/inference.py"] = b"raise RuntimeError('this model does not load')\n"
    version = flow.register_copy(pointer, files)
    flow.mails()
    # When it is approved
    with pytest.raises(CommandError, match="FAILED"):
        flow.deploy(version)
    # Then the version before serves, the pointer is unmoved, and it was told
    assert flow.served_model() == serving
    assert flow.serving() == pointer
    assert flow.mails()


def test_same_event_twice_deploys_once(flow: Flow) -> None:
    # Given a new version and its approval event, delivered a second time
    version = flow.candidate()
    arn = flow.approve(version)
    output = flow.await_execution(arn)
    assert output["outcome"] == "deployed"
    known = deployments.started(flow.target)
    event = _approval_event(flow, version, event_id=json.loads(_input(flow.target, arn))["event_id"])
    # When the function gets it again
    answer = flow.target.invoke(flow.target.output("DeployModelFunctionName"), event)
    # Then nothing starts
    assert answer["started"] is False
    assert deployments.started(flow.target) == known


def test_older_version_approved_late_changes_nothing(flow: Flow) -> None:
    # Given two versions, the newer deployed first
    older = flow.candidate()
    newer = flow.candidate()
    flow.deploy(newer)
    # When the older is approved after it
    output = flow.deploy(older)
    # Then it is recorded as overtaken and the newer serves
    assert output["outcome"] == "superseded"
    assert flow.serving() == newer


def test_rejected_version_is_recorded(flow: Flow, cloud: Cloud) -> None:
    version = flow.candidate()
    known = deployments.started(flow.target)
    # When a person rejects it
    registry.reject(flow.target, registry.pending_version(flow.target, MODEL, version), "not this one")
    output = flow.await_execution(deployments.await_start(flow.target, known))
    # Then it is a decision and nothing else changed
    assert output["outcome"] == "rejected"
    assert any(verdict == "refused" for _, verdict in decisions(cloud, "deploy_model"))
    assert flow.serving() != version


def test_a_change_of_mind_deploys(flow: Flow) -> None:
    # Given the newest version, rejected
    newest = flow.target.models.versions(MODEL, limit=1)[0]
    registry.reject(flow.target, newest, "too early")
    # When it is approved in the same breath
    output = flow.deploy(newest.number)
    # Then the approval's deployment is the one that is followed, whichever event came first
    assert output["outcome"] == "deployed"
    assert flow.serving() == newest.number


def test_rollback_puts_the_version_before_back(flow: Flow) -> None:
    # Given a version that came after another
    serving = flow.serving()
    before = registry.rollback_version(flow.target, MODEL, None)
    # When it is rolled back
    output = flow.await_execution(deployments.start_rollback(flow.target, MODEL, before))
    # Then the earlier one serves
    assert output["outcome"] == "rolled_back"
    assert flow.serving() == before.number != serving


def test_state_survives_down_and_up(flow: Flow, cloud: Cloud) -> None:
    serving = flow.served_model()
    # When the cloud is stopped and started again
    cloud.down()
    cloud.up()
    # Then the same version answers
    assert flow.served_model() == serving


def _training_jobs(target: Target) -> set[str]:
    pages = target.client("sagemaker").get_paginator("list_training_jobs").paginate()
    return {job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]}


def _input(target: Target, execution_arn: str) -> str:
    return str(target.client("stepfunctions").describe_execution(executionArn=execution_arn)["input"])


def _approval_event(flow: Flow, version: int, *, event_id: str) -> dict[str, object]:
    arn = flow.package_arn(version)
    return {
        "version": "0",
        "id": event_id,
        "account": arn.split(":")[4],
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Package State Change",
        "time": "2026-01-01T00:00:00Z",
        "resources": [arn],
        "detail": {
            "ModelPackageGroupName": "FredRecessionModels",
            "ModelPackageArn": arn,
            "ModelPackageVersion": version,
            "ModelApprovalStatus": "Approved",
        },
    }
