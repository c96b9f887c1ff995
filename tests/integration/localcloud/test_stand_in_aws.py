"""Every sample event, run as a plain `sam local invoke` runs it: stand-in variables, and AWS in the same process."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from bellwether.shared.domain.errors import BellwetherError
from bellwether.shared.observability import metrics
from localcloud.stand_in_layer.python import stand_in_aws
from stacks.local_invoke import TEMPLATE
from tests.contract.stacks import Function, functions
from tests.fakes.lambda_context import InvocationContext
from tests.places import EVENTS, handler_of

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
OUTSIDE = {"fetch_bars/two_tickers", "ingest_series/manual_fred_csv"}  # these wait for a service on the internet
PREDICTED = {"current_figures": 200, "many_rows": 200, "one_horizon": 200, "text": 200, "no_data": 400}


def _events() -> list[tuple[Function, Path]]:
    return [(function, path) for function in functions() for path in sorted((EVENTS / function.place).glob("*.json"))]


def _resources() -> dict[str, Any]:
    resources: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text())["Resources"]
    return resources


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> str:
    url = stand_in_aws.start()
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": url, "POWERTOOLS_TRACE_DISABLED": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", CREDENTIALS["AWS_REGION"])
    monkeypatch.setattr(metrics.provider, "namespace", "Bellwether")  # read from the environment on import
    monkeypatch.setattr(metrics.provider, "service", "models")
    return url


@pytest.mark.parametrize(("function", "event"), _events(), ids=lambda each: getattr(each, "stem", str(each)))
def test_each_sample_event_ends_in_a_result_or_in_an_error_of_ours(
    function: Function, event: Path, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verb_noun = function.place.split("/")[1]
    if f"{verb_noun}/{event.stem}" in OUTSIDE:
        pytest.skip("waits for a service on the internet")
    # Given the variables of the template, and nothing deployed
    for name, value in _resources()[f"{function.name}Function"]["Properties"]["Environment"]["Variables"].items():
        monkeypatch.setenv(name, value)
    # When the event is handled; Then the function runs to an end that it knows
    try:
        result = handler_of(verb_noun)(json.loads(event.read_text()), InvocationContext())
    except BellwetherError:
        assert verb_noun != "predict"
        return
    json.dumps(result)
    if verb_noun == "predict" and event.stem in PREDICTED:
        assert result["statusCode"] == PREDICTED[event.stem], result


def test_the_bucket_keeps_what_is_written(aws: str) -> None:
    s3 = boto3.client("s3")
    s3.put_object(Bucket="bucket", Key="a/b c.txt", Body=b"content")
    s3.put_object(Bucket="bucket", Key="other", Body=b"")
    assert s3.get_object(Bucket="bucket", Key="a/b c.txt")["Body"].read() == b"content"
    assert s3.list_objects_v2(Bucket="bucket", Prefix="other")["Contents"][0]["Size"] == 0
    s3.delete_object(Bucket="bucket", Key="other")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="bucket", Key="other")


def test_the_handler_calls_the_functions_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given a function's folder, When the stand-in handles an event; Then the function sees AWS on loopback
    (tmp_path / "app.py").write_text(
        "import os\ndef handler(event, context):\n    return event, os.environ['AWS_ENDPOINT_URL']\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://aws")
    event, url = stand_in_aws.handler({"a": 1}, None)
    assert event == {"a": 1}
    assert url.startswith("http://127.0.0.1:")
