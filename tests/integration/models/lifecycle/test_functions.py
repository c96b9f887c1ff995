"""The functions whole, from their sample events on, each fed with what the one before has answered."""

import io
import json
import tarfile
from typing import Any

import pytest

from bellwether.shared.domain.errors import BundleTamperedError, ConflictError, InvalidInputError, NotFoundError
from tests.builders import (
    BUCKET,
    DATASET,
    DATASET_SHA256,
    GOLDEN_RESPONSE,
    JOB_NAME,
    Bundle,
    bundle,
    dataset_manifest,
    evaluation,
    horizon,
    package_arn,
    tar_gz,
)
from tests.fakes.aws import DEPLOY_MACHINE, ENDPOINT_ROLE, Aws
from tests.fakes.lambda_context import InvocationContext
from tests.places import handler_of, sample_event

ENDPOINT = "Fred-Serverless-Endpoint"
OUTPUT = f"models/macro/jobs/{JOB_NAME}/output"


def invoke(function: str, event: dict[str, Any]) -> dict[str, Any]:
    """Call a handler as Lambda does; the answer has to survive JSON."""
    handler = handler_of(function)
    answer: dict[str, Any] = json.loads(json.dumps(handler(event, InvocationContext())))
    return answer


def finish_job(aws: Aws, candidate: Bundle | None = None, **report: Any) -> Bundle:
    """Leave behind what a training job leaves behind."""
    candidate = candidate or bundle()
    content = json.dumps(evaluation(candidate.sha256) | report).encode()
    aws.put(f"models/macro/datasets/{DATASET_SHA256}/manifest.json", json.dumps(dataset_manifest()).encode())
    aws.put(f"{OUTPUT}/model.tar.gz", candidate.tar())
    aws.put(f"{OUTPUT}/output.tar.gz", tar_gz({"evaluation.json": content, "mlruns/0/meta.yaml": b"x"}))
    return candidate


def register(aws: Aws) -> dict[str, Any]:
    finish_job(aws)
    return invoke("register_candidate", invoke("assess_candidate", sample_event("assess_candidate/finished_job")))


def deploy(aws: Aws, **request: Any) -> dict[str, Any]:
    """Register, approve, verify and stage; returns the plan."""
    registered = register(aws)
    aws.approve(registered["model_package_arn"])
    plan = verify(registered, **request)
    invoke("stage_endpoint", plan)
    return plan


def verify(registered: dict[str, Any], **request: Any) -> dict[str, Any]:
    names = ("model", "version", "model_package_arn")
    return invoke("verify_bundle", {name: registered[name] for name in names} | {"action": "deploy"} | request)


def test_a_training_is_prepared_once_and_named_the_same_again(aws: Aws) -> None:
    aws.put("fred-data/train/fred_merged_data.csv", DATASET)
    aws.put("fred-data/train/manifest.json", json.dumps(dataset_manifest()).encode())
    first = invoke("prepare_training", sample_event("prepare_training/by_hand"))
    assert aws.get(f"models/macro/datasets/{DATASET_SHA256}/fred_merged_data.csv") == DATASET
    assert first["already_running"] is False
    assert first == invoke("prepare_training", sample_event("prepare_training/by_hand"))

    submitted = first["hyperparameters"]["sagemaker_submit_directory"].partition(f"{first['dataset']['uri'][5:35]}")[2]
    with tarfile.open(fileobj=io.BytesIO(aws.get(submitted.lstrip("/")))) as code:
        assert "train.py" in code.getnames()
        assert {member.mtime for member in code} == {0}

    scheduled = invoke("prepare_training", sample_event("prepare_training/by_schedule"))
    assert scheduled["job_name"] != first["job_name"]  # other hyperparameters


def test_a_job_under_way_is_not_started_again(aws: Aws) -> None:
    aws.put("fred-data/train/fred_merged_data.csv", DATASET)
    aws.put("fred-data/train/manifest.json", json.dumps(dataset_manifest()).encode())
    order = invoke("prepare_training", sample_event("prepare_training/by_hand"))
    create_job(aws, order, status="InProgress")
    again = invoke("prepare_training", sample_event("prepare_training/by_hand"))
    assert (again["already_running"], again["job_name"]) == (True, order["job_name"])

    create_job(aws, order, status="Failed")
    retried = invoke("prepare_training", sample_event("prepare_training/by_hand"))
    assert (retried["already_running"], retried["job_name"]) == (False, order["job_name"][:-1] + "2")


@pytest.mark.parametrize("case", ["by_drift", "by_schedule", "by_alarm"])
def test_the_first_training_by_itself_may_begin(aws: Aws, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    aws.put("fred-data/train/manifest.json", json.dumps(dataset_manifest()).encode())
    answer = invoke("request_retraining", sample_event(f"request_retraining/{case}"))
    assert (answer["accepted"], answer["decision"]["kind"]) == (True, "retrain_model")
    assert '"RetrainingAccepted":[1.0]' in capsys.readouterr().out.replace(" ", "")


def test_a_training_by_itself_waits_for_the_one_under_way(aws: Aws) -> None:
    aws.put("fred-data/train/fred_merged_data.csv", DATASET)
    aws.put("fred-data/train/manifest.json", json.dumps(dataset_manifest()).encode())
    order = invoke("prepare_training", sample_event("prepare_training/by_hand"))
    create_job(aws, order, status="InProgress")
    answer = invoke("request_retraining", sample_event("request_retraining/by_drift"))
    assert (answer["accepted"], answer["tell"]) == (False, False)
    assert order["job_name"] in answer["message"]


def test_ages_of_what_was_ingested_are_measured(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.put("fred-data/train/manifest.json", json.dumps(dataset_manifest()).encode())
    (found,) = invoke("measure_freshness", sample_event("measure_freshness/daily"))["datasets"]
    assert (found["model"], found["dataset"], found["ends"]) == ("macro", "fred", "2019-12")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    told = [{key for key in line if key != "_aws"} for line in lines]
    assert {"DatasetAgeDays", "dataset"} <= told[0]
    assert {"FeatureAgeDays", "model"} <= told[1]
    assert {"StaleFeatures", "model"} <= told[2]


def create_job(aws: Aws, order: dict[str, Any], *, status: str) -> None:
    from moto.sagemaker.models import sagemaker_backends

    aws.client("sagemaker").create_training_job(
        TrainingJobName=order["job_name"],
        AlgorithmSpecification={"TrainingImage": "xgboost", "TrainingInputMode": "File"},
        RoleArn="arn:aws:iam::000000000000:role/training",
        HyperParameters=order["hyperparameters"],
        OutputDataConfig={"S3OutputPath": order["output_uri"]},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    for job in sagemaker_backends["000000000000"]["us-east-1"].training_jobs.values():
        job.training_job_status = status


def test_an_unknown_model_is_not_trained(aws: Aws) -> None:
    with pytest.raises(NotFoundError, match="weather"):
        invoke("prepare_training", sample_event("prepare_training/unknown_model"))


def test_a_candidate_is_assessed_registered_and_waits(aws: Aws) -> None:
    candidate = finish_job(aws)
    assessed = invoke("assess_candidate", sample_event("assess_candidate/finished_job"))
    assert assessed["accepted"] is True
    assert json.loads(aws.get(assessed["evidence_key"]))["bundle"]["sha256"] == candidate.sha256

    registered = invoke("register_candidate", assessed)
    found = aws.client("sagemaker").describe_model_package(ModelPackageName=registered["model_package_arn"])
    assert found["ModelApprovalStatus"] == "PendingManualApproval"
    assert found["CustomerMetadataProperties"]["bundle_sha256"] == candidate.sha256
    (container,) = found["InferenceSpecification"]["Containers"]
    served = candidate.served()
    assert (container["ModelDataUrl"], container["Environment"]) == (served.uri, served.environment)
    assert aws.get(served.key) == candidate.tar()
    assert found["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"].endswith(assessed["evidence_key"])


def test_the_same_candidate_registered_twice_is_one_version(aws: Aws) -> None:
    first = register(aws)
    second = register(aws)
    assert first["model_package_arn"] == second["model_package_arn"]


def test_a_refused_candidate_is_told_and_counted(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    finish_job(aws, horizons=[horizon(m, model=0.2) for m in (1, 3, 6, 12)])
    assessed = invoke("assess_candidate", sample_event("assess_candidate/finished_job"))
    assert assessed["accepted"] is False
    assert "Reasons:" in assessed["message"]
    registered = invoke("register_candidate", assessed)
    assert (registered["version"], registered["status"]) == (1, "Rejected")
    (measured,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CandidateAssessed" in line]
    assert (measured["model"], measured["verdict"], measured["service"]) == ("macro", "refused", "models")


def test_the_sample_assessment_can_be_registered(aws: Aws) -> None:
    finish_job(aws)
    assert invoke("register_candidate", sample_event("register_candidate/accepted"))["version"] == 1


def test_a_training_s_length_and_loss_are_measured(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    finish_job(aws)
    invoke("assess_candidate", sample_event("assess_candidate/finished_job"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    (measured,) = [line for line in lines if "TrainingSeconds" in line]
    assert (measured["TrainingSeconds"], measured["model"]) == ([412.0], "macro")
    assert measured["ValidationLoss"] == [0.12]
    assert "verdict" not in measured


def test_a_bundle_that_is_not_the_reported_one_stops_the_assessment(aws: Aws) -> None:
    finish_job(aws, bundle_sha256="0" * 64)
    with pytest.raises(BundleTamperedError):
        invoke("assess_candidate", sample_event("assess_candidate/finished_job"))


@pytest.mark.parametrize(("case", "action"), [("approved", "deploy"), ("rejected", "reject")])
def test_a_decision_starts_one_process_however_often_it_arrives(aws: Aws, case: str, action: str) -> None:
    first = invoke("deploy_model", sample_event(f"deploy_model/{case}"))
    assert first["started"] is True
    invoke("deploy_model", sample_event(f"deploy_model/{case}"))
    executions = aws.client("stepfunctions").list_executions(stateMachineArn=DEPLOY_MACHINE)["executions"]
    assert len(executions) == 1
    described = aws.client("stepfunctions").describe_execution(executionArn=first["execution_arn"])
    assert json.loads(described["input"])["action"] == action


def test_an_event_that_comes_again_after_all_is_done_starts_nothing(aws: Aws) -> None:
    first = invoke("deploy_model", sample_event("deploy_model/approved"))
    aws.client("stepfunctions").stop_execution(executionArn=first["execution_arn"])
    again = invoke("deploy_model", sample_event("deploy_model/approved"))
    assert (again["started"], again["execution_arn"]) == (False, None)


@pytest.mark.parametrize("case", ["pending", "foreign_group", "archived"])
def test_other_events_start_nothing(aws: Aws, case: str) -> None:
    assert invoke("deploy_model", sample_event(f"deploy_model/{case}"))["started"] is False


def test_an_approved_version_goes_into_service(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    plan = deploy(aws)
    assert (plan["deploy"], plan["previous_config_name"]) == (True, None)
    sagemaker = aws.client("sagemaker")
    found = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    assert found["EndpointConfigName"] == plan["endpoint_config_name"]
    model = sagemaker.describe_model(ModelName=plan["model_name"])
    assert model["Containers"] == [{"ModelPackageName": plan["model_package_arn"]}]
    assert model["ExecutionRoleArn"] == ENDPOINT_ROLE
    config = sagemaker.describe_endpoint_config(EndpointConfigName=plan["endpoint_config_name"])
    (variant,) = config["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    assert not config.get("DataCaptureConfig")
    tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=found["EndpointArn"])["Tags"]}
    assert tags == {"App": "bellwether", "Env": "dev", "CostCenter": "research"}

    aws.endpoint_says(json.dumps(GOLDEN_RESPONSE | {"model_version": bundle().version}))
    assert invoke("smoke_test_endpoint", plan)["passed"] is True
    promoted = invoke("promote_version", plan)
    assert (promoted["version"], promoted["previous_version"]) == (1, None)
    parameter = aws.client("ssm").get_parameter(Name="/bellwether/dev/macro/current")["Parameter"]["Value"]
    assert json.loads(parameter)["endpoint_config_name"] == plan["endpoint_config_name"]
    assert '"ModelDeployed":[1.0]' in capsys.readouterr().out.replace(" ", "")


def test_staging_the_same_plan_twice_changes_nothing(aws: Aws) -> None:
    plan = deploy(aws)
    before = aws.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)
    assert invoke("stage_endpoint", plan)["endpoint_config_name"] == plan["endpoint_config_name"]
    assert aws.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)["CreationTime"] == before["CreationTime"]


def test_a_current_version_approved_again_is_not_deployed(aws: Aws) -> None:
    registered = register(aws)
    aws.approve(registered["model_package_arn"])
    plan = verify(registered)
    invoke("stage_endpoint", plan)
    invoke("promote_version", plan)
    assert verify(registered)["deploy"] is False


def test_a_wrong_answer_fails_the_smoke_test(aws: Aws) -> None:
    plan = deploy(aws)
    aws.endpoint_says(json.dumps(GOLDEN_RESPONSE | {"model_version": bundle().version, "prediction": 9.9}))
    tested = invoke("smoke_test_endpoint", plan)
    assert (tested["passed"], tested["reason"]) == (False, "prediction is 9.9, expected 3.55")


def test_a_bundle_swapped_after_its_registration_is_not_deployed(aws: Aws) -> None:
    registered = register(aws)
    aws.approve(registered["model_package_arn"])
    forged = Bundle({**bundle().files, "code/inference.py": b"import socket"})
    # When the job's own output is replaced, the copy that was approved is deployed
    aws.put(f"{OUTPUT}/model.tar.gz", forged.tar())
    assert verify(registered)["deploy"]
    # When that copy is replaced, nothing is
    aws.put(bundle().served().key, forged.tar())
    with pytest.raises(BundleTamperedError):
        verify(registered)


def test_foreign_code_appended_to_a_registered_archive_is_not_deployed(aws: Aws) -> None:
    registered = register(aws)
    aws.approve(registered["model_package_arn"])
    foreign = tar_gz({"code/inference.py": b"raise SystemExit('foreign code')"})
    aws.put(bundle().served().key, bundle().tar() + foreign)
    with pytest.raises(BundleTamperedError, match="after its first gzip member"):
        verify(registered)


def test_a_version_that_nobody_approved_is_not_deployed(aws: Aws) -> None:
    with pytest.raises(InvalidInputError, match="PendingManualApproval"):
        verify(register(aws))


def test_a_version_that_is_not_there_is_not_found(aws: Aws) -> None:
    with pytest.raises(NotFoundError):
        invoke("verify_bundle", sample_event("verify_bundle/deploy"))


def test_after_a_failed_first_deployment_there_is_no_endpoint(aws: Aws) -> None:
    plan = deploy(aws)
    assert invoke("restore_endpoint", plan) == {"restored_to": None}
    assert aws.client("sagemaker").list_endpoints()["Endpoints"] == []
    assert invoke("restore_endpoint", sample_event("restore_endpoint/first_deployment")) == {"restored_to": None}


def test_after_a_failed_later_deployment_the_endpoint_serves_what_it_did(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    first = deploy(aws)
    invoke("promote_version", first)
    second = first | {
        "version": 2,
        "model_package_arn": package_arn(2),
        "model_name": "macro-v2-0badcafe",
        "endpoint_config_name": "macro-v2-0badcafe",
        "previous_config_name": first["endpoint_config_name"],
    }
    invoke("stage_endpoint", second)
    assert aws.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"] == "macro-v2-0badcafe"
    assert invoke("restore_endpoint", second) == {"restored_to": first["endpoint_config_name"]}
    found = aws.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)
    assert found["EndpointConfigName"] == first["endpoint_config_name"]
    assert '"DeploymentFailed":[1.0]' in capsys.readouterr().out.replace(" ", "")


def test_a_newer_version_promoted_meanwhile_is_not_overwritten(aws: Aws) -> None:
    invoke("promote_version", sample_event("promote_version/plan"))
    with pytest.raises(ConflictError):
        invoke("promote_version", sample_event("promote_version/plan") | {"version": 2})


def test_the_sample_plans_are_understood(aws: Aws) -> None:
    plan = sample_event("stage_endpoint/plan")
    before = plan["previous_config_name"]
    invoke("stage_endpoint", plan | {"model_name": before, "endpoint_config_name": before})
    invoke("stage_endpoint", plan)
    assert invoke("promote_version", sample_event("promote_version/plan"))["version"] == 3
    assert invoke("restore_endpoint", sample_event("restore_endpoint/plan")) == {"restored_to": before}


# --- the archive -----------------------------------------------------------------------------------------------------


def test_nothing_is_archived_where_nothing_is(aws: Aws) -> None:
    assert invoke("plan_archive", sample_event("plan_archive/daily")) == {"acts": [], "postponed": 0}


def test_an_old_version_goes_and_can_be_deployed_again(aws: Aws) -> None:
    # Given a version that once served, and three that came after it
    plan = deploy(aws)
    aws.client("sagemaker").delete_endpoint(EndpointName=ENDPOINT)
    for _ in range(3):
        register_again(aws, plan["model_package_arn"])
    # When the archive has run
    planned = invoke("plan_archive", sample_event("plan_archive/daily"))
    assert [act["decision"]["subject"] for act in planned["acts"]] == ["macro version 1"]
    assert invoke("archive_version", planned["acts"][0])["status"] == "archived"
    # Then its model and configuration are gone, its bundle is tagged, its version marked
    sagemaker, s3 = aws.client("sagemaker"), aws.client("s3")
    assert sagemaker.list_models()["Models"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    tags = s3.get_object_tagging(Bucket=BUCKET, Key=f"{OUTPUT}/model.tar.gz")["TagSet"]
    assert tags == []  # the three are made of the same bundle
    metadata = sagemaker.describe_model_package(ModelPackageName=plan["model_package_arn"])[
        "CustomerMetadataProperties"
    ]
    assert metadata["archived"] == "true"
    # And a rollback to it finds everything that it needs
    aws.client("sagemaker").update_model_package(
        ModelPackageArn=plan["model_package_arn"],
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties=metadata | bundle().served().metadata,  # which moto forgets
    )
    again = verify(plan, action="rollback")
    invoke("stage_endpoint", again)
    assert sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"] == plan["endpoint_config_name"]


def test_a_bundle_s_tag_follows_its_version_beside_other_tags(aws: Aws) -> None:
    finish_job(aws)
    register(aws)
    key, s3 = f"{OUTPUT}/model.tar.gz", aws.client("s3")
    mine = {"Key": "owner", "Value": "ada"}
    s3.put_object_tagging(Bucket=BUCKET, Key=key, Tagging={"TagSet": [mine]})
    invoke("archive_version", of_this_registry(aws, sample_event("archive_version/archive")))
    assert s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"] == [mine, {"Key": "archived", "Value": "true"}]
    restored = invoke("archive_version", of_this_registry(aws, sample_event("archive_version/restore")))
    assert restored["status"] == "restored"
    assert s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"] == [mine, {"Key": "archived", "Value": "false"}]


def test_an_endpoint_of_nobody_is_deleted_once(aws: Aws) -> None:
    event = sample_event("archive_version/delete_endpoint")
    plan = deploy(aws)
    aws.client("sagemaker").create_endpoint(
        EndpointName=event["endpoint_name"], EndpointConfigName=plan["endpoint_config_name"]
    )
    assert invoke("archive_version", event)["status"] == "deleted"
    names = [each["EndpointName"] for each in aws.client("sagemaker").list_endpoints()["Endpoints"]]
    assert names == [ENDPOINT]


def register_again(aws: Aws, arn: str) -> None:
    """A further version of the same bundle."""
    client = aws.client("sagemaker")
    found = client.describe_model_package(ModelPackageName=arn)
    client.create_model_package(
        ModelPackageGroupName=found["ModelPackageGroupName"],
        ModelApprovalStatus="Rejected",
        InferenceSpecification=found["InferenceSpecification"],
        CustomerMetadataProperties=found["CustomerMetadataProperties"],
    )


def of_this_registry(aws: Aws, event: dict[str, Any]) -> dict[str, Any]:
    """The sample act, about the version that is registered here."""
    (package,) = aws.client("sagemaker").list_model_packages(ModelPackageGroupName="FredRecessionModels")[
        "ModelPackageSummaryList"
    ]
    return event | {"model_package_arn": package["ModelPackageArn"]}
