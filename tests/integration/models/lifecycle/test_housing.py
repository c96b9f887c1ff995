"""The housing model from a dropped file of sales to an endpoint, each function fed with what the one before said."""

import json

import pytest

from bellwether.models.domain.catalogue import HOUSING
from tests.builders import BUCKET, housing_bundle, tar_gz, training_job, valuation, valuation_metrics
from tests.fakes.aws import Aws
from tests.integration.models.lifecycle.test_functions import invoke
from tests.places import sample_event

SALES = b"""id,sold,paid,town,size
1,2014-10-13,221900,A,110
2,2014-10-14,180000,B,80
2,2014-10-14,oops,B,80
"""
SCHEMA = {
    "layout": "homes",
    "columns": [
        {"name": "id", "role": "id"},
        {"name": "sold", "role": "date"},
        {"name": "paid", "role": "price", "unit": "EUR"},
        {"name": "town", "role": "category"},
        {"name": "size", "role": "number", "unit": "square metres", "monotone": 1},
    ],
}


@pytest.fixture
def sales(aws: Aws) -> Aws:
    """An account that has the model's group, and a file of sales in the inbox."""
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=HOUSING.package_group)
    aws.put("housing-data/inbox/homes.schema.json", json.dumps(SCHEMA).encode())
    aws.put("housing-data/inbox/homes.csv", SALES)
    return aws


def test_from_a_csv_to_an_endpoint(sales: Aws) -> None:
    # Given sales that were dropped, one of them broken
    ingested = invoke("ingest_sales", {"model": "housing"})
    assert (ingested["dataset"]["rows"], ingested["rejections"], ingested["actuals"]) == (2, 1, 2)

    # When the model is trained on them
    order = invoke("prepare_training", {"model": "housing", "requested_by": "a person"})
    assert order["dataset"]["sha256"] == ingested["dataset"]["sha256"]
    assert order["dataset"]["ends"] == "2014-10-14"
    output = f"models/housing/jobs/{order['job_name']}/output"
    candidate = housing_bundle(dataset_sha256=order["dataset"]["sha256"])
    report = valuation(candidate.sha256, dataset_sha256=order["dataset"]["sha256"])
    sales.put(f"{output}/model.tar.gz", candidate.tar())
    sales.put(f"{output}/output.tar.gz", tar_gz({"evaluation.json": json.dumps(report).encode()}))

    # Then its candidate is judged by its own gate, and waits in its own group
    job = training_job(order["job_name"])
    request = {"model": "housing", "job_name": order["job_name"], "dataset": order["dataset"], "training_job": job}
    assessed = invoke("assess_candidate", request)
    assert assessed["accepted"] is True
    evidence = json.loads(sales.get(assessed["evidence_key"]))
    assert evidence["dataset"]["origins"] == dict.fromkeys(["id", "sold", "paid", "town", "size"], "homes")
    registered = invoke("register_candidate", assessed)
    found = sales.client("sagemaker").describe_model_package(ModelPackageName=registered["model_package_arn"])
    assert found["ModelPackageGroupName"] == HOUSING.package_group
    assert found["CustomerMetadataProperties"]["mape"] == "0.1150"

    # And approved, it goes onto its own endpoint
    sales.approve(registered["model_package_arn"])
    names = ("model", "version", "model_package_arn")
    plan = invoke("verify_bundle", {name: registered[name] for name in names} | {"action": "deploy"})
    assert plan["model_name"] == f"housing-v1-{candidate.sha256[:8]}"
    invoke("stage_endpoint", plan)
    endpoint = sales.client("sagemaker").describe_endpoint(EndpointName=HOUSING.endpoint_name)
    assert endpoint["EndpointConfigName"] == plan["endpoint_config_name"]


def test_a_candidate_that_is_no_better_than_the_median_stays_out(sales: Aws) -> None:
    invoke("ingest_sales", {"model": "housing"})
    order = invoke("prepare_training", {"model": "housing"})
    output = f"models/housing/jobs/{order['job_name']}/output"
    candidate = housing_bundle(dataset_sha256=order["dataset"]["sha256"])
    holdout = valuation_metrics(model=0.22)
    report = valuation(candidate.sha256, dataset_sha256=order["dataset"]["sha256"], holdout=holdout)
    sales.put(f"{output}/model.tar.gz", candidate.tar())
    sales.put(f"{output}/output.tar.gz", tar_gz({"evaluation.json": json.dumps(report).encode()}))
    job = training_job(order["job_name"])
    assessed = invoke(
        "assess_candidate",
        {"model": "housing", "job_name": order["job_name"], "dataset": order["dataset"], "training_job": job},
    )
    assert assessed["accepted"] is False
    assert "error is 0.965 of median by place's, has to be below 0.900" in assessed["message"]
    assert assessed["subject_line"] == "Bellwether: housing candidate refused: 1 of 6 checks failed"


def test_another_delivery_of_the_drop_s_event_changes_nothing(sales: Aws) -> None:
    event = sample_event("ingest_sales/object_created")
    event["detail"]["bucket"]["name"] = BUCKET
    event["detail"]["object"]["key"] = "housing-data/inbox/homes.csv"
    first, again = invoke("ingest_sales", event), invoke("ingest_sales", event)
    assert first["dataset"] == again["dataset"]
    assert again["ingested"] == []
