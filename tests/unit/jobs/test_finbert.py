"""FinBERT's loading, batching and export, on a tiny random network of its architecture.

Needs torch, transformers, onnxruntime and onnx.
"""

import json
import tarfile
from pathlib import Path

import pytest

REASON = "FinBERT's libraries are not part of the project's environment"
torch = pytest.importorskip("torch", reason=REASON)
transformers = pytest.importorskip("transformers", reason=REASON)
pytest.importorskip("onnxruntime", reason=REASON)
pytest.importorskip("onnx", reason=REASON)

from bench.random_bert import Size, make  # noqa: E402
from jobs.sentiment.classifying import loading, requests  # noqa: E402
from jobs.sentiment.classifying.errors import UnusableModelError  # noqa: E402
from jobs.sentiment.classifying.finbert.model import FinBert, class_names, load_finbert  # noqa: E402
from jobs.sentiment.classifying.results import LABELS  # noqa: E402
from jobs.sentiment.pack import pack_finbert  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # the exporters' own, of other people's packages

WORDS = (
    "profit loss costs sales shares rise rises fall falls cut raises board meets on the of to a company quarterly net "
    "strong weak results record order bank oil gold market stocks word"
)
TEXTS = [
    "Quarterly net profit rises",
    "Costs",
    "The company cut the results of the board on a weak market, and the bank falls; stocks fall " * 3,
    "Shares",
    "🚀 Ünïcode Kurse",
    "word " * 300,
    "Gold, oil and 12.5% of sales",
    "\x00\x07",
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("weights"), Size(layers=2, width=32, heads=2, limit_tokens=64), WORDS.split())


def config(weights: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((weights / "config.json").read_bytes())
    return found


@pytest.fixture(scope="module")
def classifier(weights: Path) -> FinBert:
    return load_finbert(weights, False, config(weights))


def reference(weights: Path, text: str) -> list[float]:
    """The same text through transformers' own tokenizer and pipeline, one by one; in the order of LABELS."""
    tokenizer = transformers.BertTokenizer(str(weights / "vocab.txt"), model_max_length=64)
    network = transformers.BertForSequenceClassification.from_pretrained(weights).eval()
    pipeline = transformers.pipeline("text-classification", model=network, tokenizer=tokenizer, top_k=None)
    scores = {each["label"]: each["score"] for each in pipeline([text], truncation=True)[0]}
    return [scores[label] for label in LABELS]


def test_scores_are_those_of_the_plain_pipeline(weights: Path, classifier: FinBert) -> None:
    # Given texts of all lengths, when they are classified in sorted batches
    found = classifier.classify(TEXTS)
    # Then each has the scores of transformers' own pipeline, in the texts' order
    for text, each in zip(TEXTS, found, strict=True):
        scores = [getattr(each.scores, label) for label in LABELS]
        assert scores == pytest.approx(reference(weights, text), abs=1e-5), text


def test_truncation_is_told(classifier: FinBert) -> None:
    # Given a text longer than the network's 64 tokens, and short ones, when they are classified, then it is marked
    assert [each.truncated for each in classifier.classify(["word " * 300, "Costs", "oil " * 62, "oil " * 63])] == [
        True,
        False,
        False,
        True,
    ]


def test_batches_do_not_change_an_answer(classifier: FinBert) -> None:
    # Given the texts together and alone, when both are classified, then the scores agree
    together = classifier.classify(TEXTS)
    alone = [classifier.classify([text])[0] for text in TEXTS]
    for one, other in zip(together, alone, strict=True):
        assert [getattr(one.scores, x) for x in LABELS] == pytest.approx(
            [getattr(other.scores, x) for x in LABELS], abs=1e-5
        )


@pytest.mark.parametrize(("engine", "tolerance"), [("torch", 1e-6), ("onnx", 1e-4), ("onnx-int8", 0.2)])
def test_a_bundle_answers_as_the_weights_do(
    weights: Path, classifier: FinBert, tmp_path: Path, engine: str, tolerance: float
) -> None:
    # Given a bundle for an engine
    packed = pack_finbert(weights, tmp_path / "out", engine, {"repository": "test"})
    with tarfile.open(packed.archive) as tar:
        tar.extractall(tmp_path / "model", filter="data")
    # When it is loaded and asked for its golden request
    model = loading.load(tmp_path / "model")
    manifest = json.loads((tmp_path / "model" / "bundle.json").read_bytes())
    request = requests.parse(json.dumps(manifest["golden"]["request"]), "application/json")
    answered = json.loads(requests.render(model.answer(request))[0])
    # Then it answers as when it was packed, and as the network itself within the engine's precision
    expected = classifier.classify([item.text for item in request.items])
    for one, golden, direct in zip(
        answered["predictions"], manifest["golden"]["response"]["predictions"], expected, strict=True
    ):
        assert one["scores"] == pytest.approx(golden["scores"], abs=1e-3)
        assert one["scores"] == pytest.approx(direct.scores.as_dict(), abs=tolerance + 1e-4)
    assert model.version == f"sentiment-{packed.bundle_sha256[:8]}"
    assert manifest["engine"] == ("finbert-torch" if engine == "torch" else "finbert-onnx")
    assert ("model.safetensors" in manifest["parts"]) == (engine == "torch")
    assert not any(name.endswith((".bin", ".pkl", ".pt")) for name in manifest["parts"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"architectures": ["RobertaForSequenceClassification"]}, "not BertForSequenceClassification"),
        ({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}, "names the classes"),
    ],
)
def test_a_network_of_another_kind_is_refused(weights: Path, change: dict[str, object], told: str) -> None:
    # Given a configuration that is not FinBERT's, when its classes are read, then the difference is told
    with pytest.raises(UnusableModelError, match=told):
        class_names(config(weights) | change)
