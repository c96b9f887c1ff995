"""IngestSeriesFunction on S3 as moto plays it: every sample event, the sample packs, the metrics."""

import csv
import io
import json
from typing import Any

import boto3
import pytest
from pydantic import ValidationError

from bellwether.models.domain.manifests import DatasetManifest
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError, TransientUpstreamError
from bellwether.shared.observability import metrics
from functions.datasets.ingest_series import app
from tests.fakes.http_server import Answer, Request, http_server
from tests.fakes.lambda_context import InvocationContext
from tests.integration.datasets.fred_answers import api_answer
from tests.places import ROOT, sample_event

SAMPLES = ROOT / "samples" / "fred"
SECRET = "bellwether/fred"


@pytest.fixture
def settings(bucket: str, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The function's environment; returns the way to change it."""
    for name, value in {
        "DATA_BUCKET": bucket,
        "FRED_SOURCE": "pack",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(metrics.provider, "namespace", "Bellwether")  # read from the environment on import
    return monkeypatch


def invoke(content: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = app.handler(content, InvocationContext())
    json.dumps(result)  # what Lambda does with it
    return result


def object_created(**changes: Any) -> dict[str, Any]:
    """The sample event with changes in its detail."""
    event = sample_event("ingest_series/object_created")
    event["detail"] |= changes
    return event


def drop(bucket: str, file: str, content: bytes) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key=f"fred-data/inbox/{file}", Body=content)


def drop_pack(bucket: str, vintage: str) -> None:
    for path in sorted((SAMPLES / vintage).glob("*.csv")):
        drop(bucket, f"{vintage}/{path.name}", path.read_bytes())


def read(bucket: str, key: str) -> bytes:
    return boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def keys(bucket: str, prefix: str) -> list[str]:
    listing = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for item in listing.get("Contents", [])]


def emitted(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """Metrics of the last invocation, by name."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    names = [metric["Name"] for metric in lines[-1]["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    return {name: lines[-1][name][0] for name in names}


# --- packs ----------------------------------------------------------------------------------------------------------


def test_the_sample_packs_become_the_merged_data(
    settings: pytest.MonkeyPatch, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given the pack of June
    drop_pack(bucket, "2016-06-29")
    # When it is ingested
    june = invoke(sample_event("ingest_series/manual_pack"))
    # Then every series is there
    assert len(june["ingested"]) == 27
    assert june["quarantined"] == june["failed"] == june["dataset"]["findings"] == []
    assert (june["dataset"]["first_month"], june["dataset"]["last_month"]) == ("1985-01", "2016-05")
    # And when that of July follows, then revised and new figures are counted and win
    drop_pack(bucket, "2016-07-29")
    july = invoke(sample_event("ingest_series/manual_pack"))
    by_series = {each["series"]: each for each in july["ingested"]}
    assert (by_series["GDPC1"]["added"], by_series["GDPC1"]["revised"]) == (1, 13)
    assert by_series["DSPIC96"]["new"] is False
    assert july["dataset"]["last_month"] == "2016-06"
    rows = list(csv.DictReader(io.StringIO(read(bucket, "fred-data/train/fred_merged_data.csv").decode())))
    assert rows[-1]["month"] == "2016-06-30"
    assert (rows[-1]["UNRATE"], rows[-1]["GDPC1"], rows[-1]["DSPIC96"]) == ("4.9", "16575.1", "")
    assert [row["GDPC1"] for row in rows[-6:]] == ["", "", "16525", "", "", "16575.1"]
    # And the manifest belongs to it
    manifest = DatasetManifest.model_validate_json(read(bucket, "fred-data/train/manifest.json"))
    assert manifest.sha256 == july["dataset"]["sha256"]
    assert {entry.frequency for entry in manifest.series} == {"monthly", "quarterly"}
    # And what was done is measured
    measured = emitted(capsys)
    assert measured["SeriesIngested"] == sum(each["new"] for each in july["ingested"])
    assert measured["RowsIngested"] == sum(each["added"] + each["revised"] for each in july["ingested"])
    assert measured["RowsQuarantined"] == 0
    assert measured["DatasetAgeDays"] > 3000


def test_publication_lags_hold_in_the_sample_packs(settings: pytest.MonkeyPatch, bucket: str) -> None:
    """A figure that the catalogue calls known by the report on June (8 July 2016) is in the pack of 29 July."""
    drop_pack(bucket, "2016-07-29")
    invoke(sample_event("ingest_series/manual_pack"))
    manifest = DatasetManifest.model_validate_json(read(bucket, "fred-data/train/manifest.json"))
    june = 2016 * 12 + 5
    for entry in manifest.series:
        year, month = (int(part) for part in entry.last_month.split("-"))
        newest = june - entry.publication_lag_months
        if entry.frequency == "quarterly":
            newest -= (newest + 1) % 3
        assert year * 12 + month - 1 >= newest, entry.series


def test_data_as_of_between_the_packs_knows_the_first_only(settings: pytest.MonkeyPatch, bucket: str) -> None:
    drop_pack(bucket, "2016-06-29")
    june = invoke(sample_event("ingest_series/manual_pack"))
    drop_pack(bucket, "2016-07-29")
    july = invoke(sample_event("ingest_series/manual_pack"))
    then = invoke(sample_event("ingest_series/manual_as_of"))
    assert then["dataset"]["sha256"] == june["dataset"]["sha256"] != july["dataset"]["sha256"]
    assert then["dataset"]["key"] == "fred-data/as-of/20160701T000000Z/fred_merged_data.csv"


def test_a_dropped_object_is_ingested_by_its_event_and_again_by_the_same_event(
    settings: pytest.MonkeyPatch, bucket: str
) -> None:
    # Given two files in the inbox
    drop_pack(bucket, "2016-06-29")
    # When the event of one arrives
    first = invoke(sample_event("ingest_series/object_created"))
    # Then that one is ingested, the others wait for theirs
    assert [each["series"] for each in first["ingested"]] == ["UNRATE"]
    assert len(keys(bucket, "fred-data/inbox/")) == 26
    # And the same event again changes nothing
    again = invoke(sample_event("ingest_series/object_created"))
    assert again["ingested"] == []
    assert again["dataset"] == first["dataset"] | {"changed": False}


def test_the_schedule_takes_what_is_in_the_inbox(settings: pytest.MonkeyPatch, bucket: str) -> None:
    drop_pack(bucket, "2016-06-29")
    assert len(invoke(sample_event("ingest_series/schedule"))["ingested"]) == 27
    assert invoke(sample_event("ingest_series/manual_defaults"))["ingested"] == []


def test_nothing_at_all_is_no_dataset(settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(sample_event("ingest_series/manual_pack"))["dataset"] is None
    assert "DatasetAgeDays" not in emitted(capsys)


def test_broken_files_and_rows_are_told_and_the_rest_is_published(
    settings: pytest.MonkeyPatch, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(bucket, "broken.csv", b"\x89PNG\x00")
    drop(bucket, "UNRATE.csv", b"DATE,UNRATE\n2015-01-01,5.7\n2015-02-01,abc\n2015-03-01,5.4\n")
    result = invoke(sample_event("ingest_series/manual_accept_shrunken"))
    assert [(each["file"], each["line"]) for each in result["quarantined"]] == [("UNRATE.csv", 3), ("broken.csv", None)]
    assert result["dataset"]["rows"] == 3
    assert emitted(capsys)["RowsQuarantined"] == 2
    for part in result["quarantined"]:
        assert json.loads(read(bucket, f"{part['key']}.reason.json"))["reason"] == part["reason"]


# --- FRED -----------------------------------------------------------------------------------------------------------


def by_series(request: Request) -> Answer:
    figures = {"UNRATE": b"5.7", "PAYEMS": b"140000"}
    series = request.query["id"]
    if series not in figures:
        return Answer(status=404)
    return Answer(body=b"observation_date,%s\n2015-01-01,%s\n" % (series.encode(), figures[series]))


def test_series_are_fetched_from_fred(settings: pytest.MonkeyPatch, bucket: str) -> None:
    with http_server(by_series) as server:
        settings.setenv("FRED_CSV_URL", f"{server.url}/graph/fredgraph.csv")
        result = invoke(sample_event("ingest_series/manual_fred_csv"))
    assert [each["series"] for each in result["ingested"]] == ["UNRATE", "PAYEMS"]
    assert result["dataset"]["series"] == 2


def test_the_schedule_fetches_the_configured_series_and_one_that_fails_is_told(
    settings: pytest.MonkeyPatch, bucket: str
) -> None:
    settings.setenv("FRED_SOURCE", "fred_csv")
    settings.setenv("SERIES", "UNRATE, GONE")
    drop(bucket, "HOUST.csv", b"DATE,HOUST\n2015-01-01,1085\n")
    with http_server(by_series) as server:
        settings.setenv("FRED_CSV_URL", server.url)
        result = invoke(sample_event("ingest_series/schedule"))
    assert [each["series"] for each in result["ingested"]] == ["HOUST", "UNRATE"]
    assert [each["series"] for each in result["failed"]] == ["GONE"]


def test_vintages_are_fetched_with_the_key_from_the_secret(settings: pytest.MonkeyPatch, bucket: str) -> None:
    boto3.client("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps({"api_key": "k" * 32}))
    settings.setenv("FRED_API_KEY_SECRET_ID", SECRET)
    rows = [
        ("2020-01-10", "2020-02-06", "2019-12-01", "3.5"),
        ("2020-02-07", "9999-12-31", "2019-12-01", "3.6"),
    ]
    with http_server(lambda _: api_answer(rows)) as server:
        settings.setenv("FRED_API_URL", server.url)
        result = invoke(sample_event("ingest_series/manual_fred_api_vintages"))
    assert [each["vintage"][:8] for each in result["ingested"]] == ["20200110", "20200207"]
    assert server.requests[0].query["api_key"] == "k" * 32


@pytest.mark.parametrize("secret", [None, {"other": "x"}, {"api_key": ""}])
def test_without_a_key_it_says_so(settings: pytest.MonkeyPatch, bucket: str, secret: dict[str, str] | None) -> None:
    if secret is not None:
        boto3.client("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps(secret))
        settings.setenv("FRED_API_KEY_SECRET_ID", SECRET)
    with pytest.raises(InvalidInputError, match=r"source|api_key"):
        invoke({"source": "fred_api"})


def test_when_fred_is_away_the_event_may_be_tried_again(settings: pytest.MonkeyPatch) -> None:
    settings.setattr("bellwether.datasets.adapters.fred.ATTEMPTS", 1)
    with http_server(lambda _: Answer(status=503)) as server:
        settings.setenv("FRED_CSV_URL", server.url)
        with pytest.raises(TransientUpstreamError):
            invoke(sample_event("ingest_series/manual_fred_csv"))


def test_when_no_series_exists_trying_again_is_no_use(settings: pytest.MonkeyPatch) -> None:
    with http_server(lambda _: Answer(status=404)) as server:
        settings.setenv("FRED_CSV_URL", server.url)
        with pytest.raises(NotFoundError):
            invoke(sample_event("ingest_series/manual_fred_csv"))


# --- events and settings that are wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"source": "ftp"}, "source"),
        ({"sauce": "pack"}, "sauce"),
        ({"series": ["../x"]}, "series.0"),
        ({"as_of": "2016-07-01T00:00:00"}, "as_of"),
        ({"as_of": "1900-01-01T00:00:00Z"}, "series"),
        (object_created(bucket={}), "detail.bucket.name"),
        (object_created(bucket={"name": "other"}), "detail.bucket.name"),
        (object_created(object={"key": "models/x", "etag": "0"}), "detail.object.key"),
    ],
)
def test_a_wrong_event_names_the_field(settings: pytest.MonkeyPatch, content: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError, match=field):
        invoke(content)


def test_no_series_to_fetch_is_an_error(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("SERIES", "")
    with pytest.raises(InvalidInputError, match="SERIES"):
        invoke({"source": "fred_csv"})


@pytest.mark.parametrize(("name", "value"), [("DATA_BUCKET", ""), ("FRED_SOURCE", "ftp"), ("SERIES", "a b")])
def test_wrong_settings_are_loud(settings: pytest.MonkeyPatch, name: str, value: str) -> None:
    settings.setenv(name, value)
    with pytest.raises(ValidationError):
        invoke(sample_event("ingest_series/manual_pack"))
