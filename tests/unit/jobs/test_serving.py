"""The bundle's inference code, asked as the containers ask it."""

import importlib.util
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jobs.sentiment.classifying import requests
from jobs.sentiment.classifying.bundles import MANIFEST_FILE, read_registered, read_verified
from jobs.sentiment.classifying.errors import BundleTamperedError, RefusedInputError, UnusableModelError
from jobs.sentiment.classifying.loading import classifier
from jobs.sentiment.evaluation import Labelled
from jobs.sentiment.pack import GOLDEN, Packed, main, pack_finbert, pack_lexicon

JSON, LINES = "application/json", "application/jsonlines"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return pack_lexicon(tmp_path_factory.mktemp("packed"))


@pytest.fixture
def bundle(packed: Packed, tmp_path: Path) -> Path:
    return unpack(packed.archive, tmp_path / "model")


@pytest.fixture
def inference(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bundle's own copy of the code, loaded as a container loads it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in [name for name in sys.modules if name.partition(".")[0] == "classifying"]:
        monkeypatch.delitem(sys.modules, name)
    spec = importlib.util.spec_from_file_location("inference_under_test", bundle / "code" / "inference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unpack(archive: Path, target: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
    return target


def ask(inference: ModuleType, bundle: Path, body: str | bytes, content_type: str) -> tuple[Any, str]:
    model = inference.model_fn(str(bundle))
    content, answered = inference.output_fn(inference.predict_fn(inference.input_fn(body, content_type), model), "*/*")
    return content, answered


def test_json_lines_answer_line_by_line(inference: ModuleType, bundle: Path) -> None:
    # Given a batch of which some lines can't be used
    body = '{"id": "a", "text": "Profit soars"}\n\nno json\n{"id": "c"}\n{"id": "d", "text": "Shares plunge"}'
    # When it is asked as a batch transform asks
    content, content_type = ask(inference, bundle, body.encode(), LINES)
    # Then each line has its answer in its place, and a bad line is a finding
    answers = [json.loads(line) for line in content.splitlines()]
    assert content_type == LINES
    assert [each["id"] for each in answers] == ["a", None, "c", "d"]
    assert [each.get("label") for each in answers] == ["positive", None, None, "negative"]
    assert answers[1]["error"] == {"field": "line 3", "reason": "is not JSON"}
    assert answers[2]["error"] == {"field": "line 4: text", "reason": "is missing"}
    assert answers[0]["truncated"] is False
    assert set(answers[0]["scores"]) == {"positive", "neutral", "negative"}


def test_a_line_that_is_no_utf8_spoils_no_other(inference: ModuleType, bundle: Path) -> None:
    body = b'{"text": "Profit soars"}\n{"text": "\xff"}\n{"text": "Shares plunge"}\n'
    content, _ = ask(inference, bundle, body, LINES)
    answers = [json.loads(line) for line in content.splitlines()]
    assert [each.get("label") for each in answers] == ["positive", None, "negative"]
    assert answers[1]["error"] == {"field": "line 2", "reason": "is not UTF-8"}


def test_the_text_may_stand_where_every_model_s_columns_stand(inference: ModuleType, bundle: Path) -> None:
    content, _ = ask(inference, bundle, '{"data": {"text": "Profit soars"}}\n{"text": "Profit soars"}\n', LINES)
    first, second = content.splitlines()
    assert first == second


def test_the_endpoint_answers_its_golden_request(inference: ModuleType, bundle: Path, packed: Packed) -> None:
    # Given the golden request that travels in the bundle
    golden = json.loads((bundle / MANIFEST_FILE).read_bytes())["golden"]
    # When the endpoint is asked
    content, content_type = ask(inference, bundle, json.dumps(golden["request"]), JSON)
    # Then it answers as when it was packed, under the name of its bundle
    answer = json.loads(content)
    version = f"sentiment-{packed.bundle_sha256[:8]}"
    assert content_type == JSON
    assert answer.pop("model_version") == version
    assert {each.pop("model_version") for each in answer["predictions"]} == {version}
    assert answer == golden["response"]


def test_the_golden_answers_are_right(bundle: Path) -> None:
    # Given our own labelled sentences
    expected = [entry["label"] for entry in json.loads(GOLDEN.read_bytes())]
    # When the bundle's golden response is read
    response = json.loads((bundle / MANIFEST_FILE).read_bytes())["golden"]["response"]
    # Then the model labelled every one as we do
    assert [each["label"] for each in response["predictions"]] == expected


def test_batch_and_endpoint_agree(inference: ModuleType, bundle: Path) -> None:
    # Given the same texts
    texts = ["Profit soars", "Costs rise", "Board meets on Tuesday", "x" * 5000]
    items = [{"id": str(index), "text": text} for index, text in enumerate(texts)]
    # When both forms are asked
    lines, _ = ask(inference, bundle, "\n".join(json.dumps(item) for item in items), LINES)
    instances, _ = ask(inference, bundle, json.dumps({"instances": items}), JSON)
    single, _ = ask(inference, bundle, json.dumps(items[3]), JSON)
    # Then the answers are the same
    assert [json.loads(line) for line in lines.splitlines()] == json.loads(instances)["predictions"]
    assert json.loads(single) == json.loads(instances)["predictions"][3]
    assert json.loads(single)["truncated"] is True


@pytest.mark.parametrize(
    ("body", "content_type", "field"),
    [
        ("no json", JSON, "body"),
        ("[1]", JSON, "body"),
        ("[" * 100_000, JSON, "body"),
        (b"\xff\xfe\x00", JSON, "body"),
        ("{}", JSON, "text"),
        ('{"text": 7}', JSON, "text"),
        ('{"text": "  "}', JSON, "text"),
        ('{"id": 7, "text": "x"}', JSON, "id"),
        ('{"id": "", "text": "x"}', JSON, "id"),
        ('{"instances": []}', JSON, "instances"),
        ('{"instances": {}}', JSON, "instances"),
        ('{"instances": [{"text": "x"}, 3]}', JSON, "instances[1]"),
        ('{"instances": [{"text": "x"}, {"text": null}]}', JSON, "instances[1].text"),
        (json.dumps({"instances": [{"text": "x"}] * 10_001}), JSON, "instances"),
        ("x", "text/csv", "content_type"),
    ],
)
def test_bad_requests_name_the_field(body: str | bytes, content_type: str, field: str) -> None:
    # Given a request that can't be answered, when it is read, then the refusal names the place
    with pytest.raises(RefusedInputError) as refused:
        requests.parse(body, content_type)
    assert refused.value.field == field
    assert json.loads(str(refused.value))["field"] == field


def test_packing_twice_gives_the_same_bytes(packed: Packed, tmp_path: Path) -> None:
    # Given a bundle, when it is packed again elsewhere, then archive and report are the same to the bit
    again = pack_lexicon(tmp_path)
    assert again.archive.read_bytes() == packed.archive.read_bytes()
    assert again.evaluation.read_bytes() == packed.evaluation.read_bytes()


@pytest.mark.parametrize("change", ["edit", "remove", "add", "no manifest"])
def test_a_bundle_that_was_touched_is_refused(bundle: Path, change: str) -> None:
    # Given a bundle of which one part is not what was written
    if change == "edit":
        (bundle / "lexicon.json").write_text("{}")
    elif change == "remove":
        (bundle / "lexicon.json").unlink()
    elif change == "add":
        (bundle / "code" / "extra.py").write_text("")
    else:
        (bundle / MANIFEST_FILE).unlink()
    # When it is loaded, then it is refused
    with pytest.raises(BundleTamperedError):
        read_verified(bundle)


def test_a_whole_bundle_other_than_the_registered_one_is_not_loaded(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a container whose environment names a bundle
    monkeypatch.setenv("BELLWETHER_BUNDLE_SHA256", read_verified(bundle)[1])
    assert read_registered(bundle) == read_verified(bundle)
    # Then another one is refused, whole as it is
    monkeypatch.setenv("BELLWETHER_BUNDLE_SHA256", "0" * 64)
    with pytest.raises(BundleTamperedError, match="expected 0000"):
        read_registered(bundle)


def test_what_running_the_code_leaves_is_no_part(bundle: Path) -> None:
    # Given a cache that the interpreter left
    (bundle / "code" / "__pycache__").mkdir()
    (bundle / "code" / "__pycache__" / "inference.pyc").write_bytes(b"")
    # When the bundle is loaded, then it is still whole
    assert read_verified(bundle)[0]["model"] == "sentiment"


def test_the_evaluation_stands_beside_all_neutral(tmp_path: Path) -> None:
    # Given a small labelled set
    rows = [Labelled("Profit soars", "positive"), Labelled("Meeting today", "neutral"), Labelled("Hello", "negative")]
    # When a bundle is packed with it
    packed = pack_lexicon(tmp_path, {"small": rows})
    # Then the report has the model's agreement with people, and the baseline's
    (found,) = json.loads(packed.evaluation.read_bytes())["sets"]
    assert found["name"] == "small"
    assert found["model"]["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["all_neutral"]["accuracy"] == pytest.approx(1 / 3, abs=1e-4)
    assert json.loads(packed.evaluation.read_bytes())["bundle_sha256"] == packed.bundle_sha256


def test_the_command_line_packs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Given a labelled file
    (tmp_path / "own.csv").write_text("text,label\nProfit soars,positive\n")
    # When the command runs
    status = main(["lexicon", str(tmp_path / "out"), "--labelled", str(tmp_path / "own.csv")])
    # Then it tells where the bundle lies and what it is
    told = json.loads(capsys.readouterr().out)
    assert status == 0
    assert Path(told["archive"]).is_file()
    assert json.loads((tmp_path / "out" / "evaluation.json").read_bytes())["sets"][0]["name"] == "own"


def test_finbert_without_weights_is_refused(tmp_path: Path) -> None:
    # Given a folder without weights, when FinBERT is packed, then the missing files are named
    with pytest.raises(UnusableModelError, match=r"config\.json, vocab\.txt, model\.safetensors"):
        pack_finbert(tmp_path, tmp_path / "out", "torch")


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    # Given a bundle of the future, when it is loaded, then the engine is named
    with pytest.raises(UnusableModelError, match="engine 'quantum'"):
        classifier(tmp_path, {"engine": "quantum"})


def test_a_container_gets_a_refusal_as_status_400(
    inference: ModuleType, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given SageMaker's container, whose toolkit can be imported
    for name in ("sagemaker_containers", "sagemaker_containers.beta", "sagemaker_containers.beta.framework"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    worker = ModuleType("worker")
    worker.Response = lambda **given: given  # type: ignore[attr-defined]
    sys.modules["sagemaker_containers.beta.framework"].worker = worker  # type: ignore[attr-defined]
    # When a bad request comes
    response = inference.output_fn(
        inference.predict_fn(inference.input_fn("{}", JSON), inference.model_fn(str(bundle)))
    )
    # Then the answer is a 400 with the field
    assert response["status"] == 400
    assert json.loads(response["response"])["field"] == "text"


def test_the_code_runs_alone(bundle: Path) -> None:
    # Given nothing but the bundle and an interpreter without any package
    program = (
        "import inference; m = inference.model_fn('..');"
        'print(inference.output_fn(inference.predict_fn(inference.input_fn(\'{"text": "Profit soars"}\'), m))[0])'
    )
    # When its code answers
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", f"import sys; sys.path.insert(0, '.'); {program}"],
        cwd=bundle / "code",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    # Then it needed nothing else
    assert json.loads(answer.stdout)["label"] == "positive"
