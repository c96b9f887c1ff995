"""The monitor's functions whole, from their sample events on: S3, SSM and the registry as moto has them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bellwether.monitoring.adapters.captures_s3 import S3Actuals, S3CaptureStore
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from tests.builders import BUCKET, DATASET, GROUP, Bundle, bundle, capture
from tests.fakes.aws import Aws
from tests.fakes.lambda_context import InvocationContext
from tests.places import handler_of, sample_event

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
REFERENCE = {
    "features": {"UNRATE": {"kind": "numeric", "edges": [4.0, 5.0, 6.0], "counts": [2500] * 4}},
    "prediction": {"h1": {"kind": "numeric", "edges": [4.0, 5.0, 6.0], "counts": [2500] * 4}},
    "rows": 10_000,
}


def invoke(function: str, event: dict[str, Any]) -> dict[str, Any]:
    """Call a handler as Lambda does; the answer has to survive JSON."""
    handler = handler_of(function)
    answer: dict[str, Any] = json.loads(json.dumps(handler(event, InvocationContext())))
    return answer


def metrics_in(output: str) -> list[dict[str, Any]]:
    """What was told to CloudWatch."""
    return [each for line in output.splitlines() if (each := json.loads(line)) and "_aws" in each]


def deployed(aws: Aws) -> Bundle:
    """A version of macro in service."""
    whole = bundle(drift_reference=REFERENCE, metrics={"1": {"rmse": {"model": 0.1, "random_walk": 0.15}}})
    served = whole.served()
    aws.put(served.key, served.archive)
    arn = aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus="Approved",
        InferenceSpecification=served.specification,
    )["ModelPackageArn"]
    pointer = {
        "version": 1,
        "endpoint_config_name": "macro-v1",
        "model_package_arn": arn,
        "bundle_sha256": whole.sha256,
        "promoted_at": "2026-03-01T12:00:00Z",
    }
    aws.client("ssm").put_parameter(Name="/bellwether/dev/macro/current", Value=json.dumps(pointer), Type="String")
    return whole


def asked(whole: Bundle, figures: list[float]) -> None:
    """Forecasts of the last hours, each on other figures."""
    now = datetime.now(UTC)
    S3CaptureStore(BUCKET).put(
        capture(
            f"r-{at}",
            model_version=whole.version,
            received_at=now - timedelta(minutes=at + 1),
            input={"UNRATE": figure},
            output={"predictions": [{"horizon_months": 1, "prediction": figure}]},
            points=[{"join_key": "UNRATE:2019-12", "prediction": figure}],
        )
        for at, figure in enumerate(figures)
    )


def spread(rows: int) -> list[float]:
    """Figures of all four bins, in no order."""
    return [3.5 + (at * 7 % 16) / 4 for at in range(rows)]


def test_a_model_in_service_is_looked_at(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    asked(deployed(aws), spread(200))
    result = invoke("measure_drift", sample_event("measure_drift/deployed"))
    assert (result["measured"], result["found"], result["trigger"]) == (True, False, None)
    assert result["decision"]["verdict"] == "accepted"
    report = json.loads(aws.get(result["report_key"]))
    assert [each["state"] for each in report["drift"]["columns"]] == ["stable", "stable"]
    assert aws.get(result["page_key"]).startswith(b"<!doctype html>")
    # And what was measured is told by model, what was not is not
    (told,) = metrics_in(capsys.readouterr().out)
    assert (told["model"], told["PredictionsMonitored"], told["DriftedFeatures"]) == ("macro", [200.0], [0.0])
    assert "RmseRatio" not in told


def test_drift_is_found_counted_and_asks_for_a_training(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    asked(deployed(aws), [each + 2 for each in spread(200)])
    result = invoke("measure_drift", sample_event("measure_drift/deployed"))
    assert (result["found"], result["trigger"]) == (True, "drift")
    everybody, own = metrics_in(capsys.readouterr().out)
    assert (everybody["ModelFindings"], "model" in everybody) == ([2.0], False)
    assert (own["model"], own["DriftedFeatures"]) == ("macro", [2.0])


def test_a_model_that_does_not_serve_is_no_failure(aws: Aws) -> None:
    result = invoke("measure_drift", sample_event("measure_drift/never_deployed"))
    assert (result["measured"], result["decision"], result["page_key"]) == (False, None, "")
    with pytest.raises(NotFoundError):
        invoke("measure_drift", sample_event("measure_drift/unknown_model"))


def test_truths_come_from_the_dataset_and_meet_their_predictions(aws: Aws) -> None:
    # Given two months of figures, and forecasts of the second
    aws.put("fred-data/train/fred_merged_data.csv", DATASET)
    assert invoke("collect_actuals", sample_event("collect_actuals/forecasts"))["actuals"] == 2
    assert invoke("collect_actuals", sample_event("collect_actuals/forecasts"))["actuals"] == 0
    asked(deployed(aws), spread(60))
    result = invoke("measure_drift", sample_event("measure_drift/deployed"))
    (accuracy,) = json.loads(aws.get(result["report_key"]))["accuracy"]
    assert (accuracy["kind"], accuracy["actuals"], accuracy["state"]) == ("h1", 1, "not_enough_data")
    with pytest.raises(NotFoundError):
        invoke("collect_actuals", sample_event("collect_actuals/unknown_model"))


def test_a_dropped_file_is_collected(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    event = sample_event("collect_actuals/file_dropped")
    aws.put(event["detail"]["object"]["key"], b"join_key,value\nh-1,350000\nh-2,much\n")
    answer = invoke("collect_actuals", event)
    assert (answer["files"], answer["actuals"], answer["rejections"], answer["failed"]) == (1, 1, 1, [])
    assert S3Actuals(BUCKET).read("housing", since=BEGINNING)["h-1"].value == 350_000
    assert aws.list_keys("actuals/inbox/") == []
    (told,) = metrics_in(capsys.readouterr().out)
    assert (told["ActualsCollected"], told["RowsQuarantined"]) == ([1.0], [1.0])


def test_a_file_that_is_not_ours_is_refused(aws: Aws) -> None:
    event = sample_event("collect_actuals/file_dropped")
    event["detail"]["object"]["key"] = "fred-data/inbox/UNRATE.csv"
    with pytest.raises(InvalidInputError, match="is not under"):
        invoke("collect_actuals", event)
    event["detail"]["bucket"]["name"] = "elsewhere"
    with pytest.raises(InvalidInputError, match="is not the data bucket"):
        invoke("collect_actuals", event)
