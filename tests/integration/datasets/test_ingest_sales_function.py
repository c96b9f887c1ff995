"""IngestSalesFunction on S3 as moto plays it: every sample event, what came true, the metrics."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from bellwether.models.domain.manifests import SalesManifest
from bellwether.monitoring.adapters.captures_s3 import S3Actuals
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from bellwether.shared.observability import metrics
from functions.datasets.ingest_sales import app
from tests.fakes.lambda_context import InvocationContext
from tests.places import SAMPLES, SHARED, sample_event

SAMPLE = SAMPLES / "housing"
FOLDER = SHARED / "housing"
CANBERRA = b"datesold,postcode,price,propertyType,bedrooms\n2007-02-07,2607,525000,house,4\n"


@pytest.fixture
def inbox(bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bucket, with the function's environment about it."""
    monkeypatch.setenv("DATA_BUCKET", bucket)
    monkeypatch.setattr(metrics.provider, "namespace", "Bellwether")  # read from the environment on import
    return bucket


def invoke(content: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(json.dumps(app.handler(content, InvocationContext())))
    return result


def drop(bucket: str, content: bytes, file: str = "sales.csv") -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key=f"housing-data/inbox/{file}", Body=content)


def emitted(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


def test_a_dropped_object_is_ingested_by_its_event_and_again_by_the_same_event(
    inbox: str, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(inbox, CANBERRA + b"2007-02-08,2607,x,house,4\n")
    first = invoke(sample_event("ingest_sales/object_created"))
    assert (first["dataset"]["layout"], first["dataset"]["rows"], first["rejections"]) == ("canberra", 1, 1)
    content = boto3.client("s3").get_object(Bucket=inbox, Key="housing-data/train/manifest.json")["Body"].read()
    assert SalesManifest.model_validate_json(content).sha256 == first["dataset"]["sha256"]
    # And it is measured, the dataset's age apart from that of others
    age, counted = sorted(emitted(capsys), key=lambda each: "SalesIngested" in each)
    assert (counted["SalesIngested"], counted["SalesCorrected"], counted["RowsQuarantined"]) == ([1.0], [0.0], [1.0])
    assert age["dataset"] == "housing"
    assert age["DatasetAgeDays"][0] > 6000
    assert "dataset" not in counted
    # And the same event again changes nothing
    again = invoke(sample_event("ingest_sales/object_created"))
    assert (again["ingested"], again["dataset"]) == ([], first["dataset"])


def test_the_sample_becomes_the_dataset_with_what_came_true(inbox: str) -> None:
    for path in sorted(SAMPLE.glob("*.csv")):
        drop(inbox, path.read_bytes(), path.name)
    result = invoke(sample_event("ingest_sales/by_hand"))
    assert (result["dataset"]["rows"], result["dataset"]["layout"], result["dataset"]["files"]) == (2_930, "ames", 5)
    assert (result["actuals"], result["quarantined"]) == (2_930, [])
    actuals = S3Actuals(inbox).read("housing", since=datetime(2006, 1, 1, tzinfo=UTC))
    assert (len(actuals), actuals["ames-2319"].value) == (2_930, 250_000.0)


def test_by_hand_everything_in_the_inbox_is_ingested(inbox: str) -> None:
    for number in range(3):
        drop(inbox, CANBERRA.replace(b"525000", b"52%d000" % number), f"{number}.csv")
    result = invoke(sample_event("ingest_sales/by_hand"))
    assert ([each["added"] for each in result["ingested"]], result["dataset"]["files"]) == ([1, 1, 1], 3)


def test_starting_over_keeps_the_dataset_elsewhere(inbox: str) -> None:
    drop(inbox, CANBERRA)
    before = invoke(sample_event("ingest_sales/by_hand"))["dataset"]
    result = invoke(sample_event("ingest_sales/start_over"))
    assert (result["dataset"], result["ingested"]) == (None, [])
    assert result["earlier"] == f"housing-data/earlier/{before['sha256']}/"
    kept = boto3.client("s3").list_objects_v2(Bucket=inbox, Prefix=result["earlier"])["Contents"]
    assert [each["Key"].rsplit("/", 1)[-1] for each in kept] == ["manifest.json", "sales.csv"]


def test_sales_of_a_model_that_values_nothing_are_refused(inbox: str) -> None:
    with pytest.raises(NotFoundError, match="known: housing"):
        invoke(sample_event("ingest_sales/no_sales"))


@pytest.mark.parametrize(("place", "name"), [("bucket", "another-bucket"), ("object", "fred-data/inbox/UNRATE.csv")])
def test_an_event_about_something_else_is_refused(inbox: str, place: str, name: str) -> None:
    content = sample_event("ingest_sales/object_created")
    content["detail"][place] = {"name": name, "key": name}
    with pytest.raises(InvalidInputError, match="detail"):
        invoke(content)


def test_a_whole_county_is_ingested_with_what_came_true(inbox: str) -> None:
    file = FOLDER / "king_county_sales_2014_2015.csv.gz"
    if not file.exists():
        pytest.skip("the file is not here")
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    drop(inbox, b"".join(lines[:2_001]))
    first = invoke(sample_event("ingest_sales/by_hand"))
    drop(inbox, b"".join([lines[0], *lines[1_001:4_001]]))
    second = invoke(sample_event("ingest_sales/by_hand"))
    assert (first["actuals"], second["actuals"], second["dataset"]["rows"]) == (2_000, 2_000, 4_000)
    assert second["ingested"][0]["repeated"] == 1_000
    actuals = S3Actuals(inbox).read("housing", since=datetime(2014, 1, 1, tzinfo=UTC))
    assert actuals["7129300520"].value == 221900.0
