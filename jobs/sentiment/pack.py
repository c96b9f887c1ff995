"""Write a bundle: `python -m jobs.sentiment.pack lexicon OUT`, `… finbert WEIGHTS OUT --engine torch|onnx|onnx-int8`.

OUT becomes a folder with `model.tar.gz` and `evaluation.json`. The word list's bundle is the same bytes each time;
without labelled texts it comes with what was measured of it when it was made (measured.json).
"""

import argparse
import csv
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from .classifying import loading, requests
from .classifying.bundles import file_sha256, pack, write_manifest
from .classifying.errors import UnusableModelError
from .classifying.lexicon.model import LIMIT_CHARACTERS, WORD_LIST_FILE
from .classifying.results import LABELS, Classifier
from .evaluation import Agreement, Labelled, SetEvaluation, evaluate, report

SOURCE = Path(__file__).parent
GOLDEN = SOURCE / "golden.json"
MEASURED = SOURCE / "measured.json"
MODEL = "sentiment"
ARCHIVE_FILE, EVALUATION_FILE = "model.tar.gz", "evaluation.json"
WEIGHT_FILES = ("config.json", "vocab.txt", "model.safetensors")
REQUIREMENTS = {
    "torch": "torch>=2.6\ntransformers>=5\ntokenizers>=0.22\n",
    "onnx": "onnxruntime>=1.22\ntokenizers>=0.22\nnumpy>=2\n",
}


@dataclass(frozen=True)
class Packed:
    """Where the bundle and its report lie, and the SHA-256 by which the bundle is known."""

    archive: Path
    evaluation: Path
    bundle_sha256: str


def pack_lexicon(target: Path, sets: Mapping[str, Sequence[Labelled]] | None = None) -> Packed:
    """Bundle the word list. Without `sets`: with the figures of measured.json, as long as they are this word list's."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _copy_code(folder)
        shutil.copyfile(SOURCE / "classifying" / "lexicon" / WORD_LIST_FILE, folder / WORD_LIST_FILE)
        facts = {
            "engine": loading.LEXICON,
            "limits": {"characters": LIMIT_CHARACTERS},
            "source": {"name": "word list of this project", "licence": "Apache-2.0"},
            "dataset_sha256": file_sha256(folder / WORD_LIST_FILE),
        }
        return _finish(folder, target, facts, sets or {}, [] if sets else measured())


def pack_finbert(
    weights: Path,
    target: Path,
    engine: str,
    source: Mapping[str, Any] | None = None,
    sets: Mapping[str, Sequence[Labelled]] | None = None,
) -> Packed:
    """Bundle FinBERT's weights for an engine: `torch`, `onnx` or `onnx-int8`. Raises UnusableModelError."""
    runtime, _, precision = engine.partition("-")
    if missing := [name for name in WEIGHT_FILES if not (weights / name).is_file()]:
        raise UnusableModelError(f"{', '.join(missing)} not found in {weights}")
    config = json.loads((weights / "config.json").read_bytes())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _copy_code(folder)
        (folder / "code" / "requirements.txt").write_text(REQUIREMENTS[runtime], encoding="utf-8")
        for name in WEIGHT_FILES if runtime == "torch" else WEIGHT_FILES[:2]:
            shutil.copyfile(weights / name, folder / name)
        if runtime == "onnx":
            from .classifying.finbert.exporting import export

            export(weights, folder, int8=precision == "int8")
        facts = {
            "engine": f"finbert-{runtime}",
            "precision": precision or "fp32",
            "limits": {"tokens": config["max_position_embeddings"]},
            "source": dict(source or {}),
            "dataset_sha256": file_sha256(weights / "model.safetensors"),
        }
        return _finish(folder, target, facts, sets or {}, [])


def measured() -> list[SetEvaluation]:
    """What was measured of the word list on sets that don't ship with it; nothing when it has changed since."""
    content = json.loads(MEASURED.read_bytes())
    if content["lexicon_sha256"] != lexicon_sha256():
        return []
    return [
        SetEvaluation(each["name"], Agreement(**each["model"]), Agreement(**each["all_neutral"]))
        for each in content["sets"]
    ]


def lexicon_sha256() -> str:
    """One hash of everything that decides the word list's labels."""
    folder = SOURCE / "classifying"
    files = sorted([*folder.glob("lexicon/*.py"), *folder.glob("lexicon/*.json"), folder / "results.py"])
    return sha256("".join(f"{path.name}:{file_sha256(path)}\n" for path in files).encode()).hexdigest()


def _copy_code(folder: Path) -> None:
    code = folder / "code"
    code.mkdir()
    shutil.copyfile(SOURCE / "inference.py", code / "inference.py")
    shutil.copytree(
        SOURCE / "classifying",
        code / "classifying",
        ignore=shutil.ignore_patterns("__pycache__", "exporting.py", WORD_LIST_FILE),
    )


def _finish(
    folder: Path,
    target: Path,
    facts: Mapping[str, Any],
    sets: Mapping[str, Sequence[Labelled]],
    known: Sequence[SetEvaluation],
) -> Packed:
    classifier = loading.classifier(folder, facts)
    evaluated = [*known, *(evaluate(name, rows, classifier) for name, rows in sorted(sets.items()))]
    digest = write_manifest(folder, _manifest(facts, classifier, evaluated))
    target.mkdir(parents=True, exist_ok=True)
    pack(folder, target / ARCHIVE_FILE)
    content = json.dumps(report(digest, facts["engine"], evaluated), indent=1, sort_keys=True)
    (target / EVALUATION_FILE).write_text(content + "\n", encoding="utf-8")
    return Packed(target / ARCHIVE_FILE, target / EVALUATION_FILE, digest)


def _manifest(facts: Mapping[str, Any], classifier: Classifier, evaluated: Sequence[SetEvaluation]) -> dict[str, Any]:
    """The fields that every bundle of this house has; a tone is a statement about now: horizon 0."""
    return {
        "schema_version": 1,
        "model": MODEL,
        "target": "tone",
        "unit": "label",
        "horizons_months": [0],
        "inputs": [{"name": "text", "unit": "text", "fill": "refuse", "minimum": None, "maximum": None}],
        "features": [],
        "training_window": {},
        "seed": 0,
        "labels": list(LABELS),
        "metrics": {
            each.name: {"accuracy": each.model.accuracy, "macro_f1": each.model.macro_f1} for each in evaluated
        },
        "drift_reference": {},
        "golden": _golden(classifier),
        **facts,
    }


def _figures(evaluated: SetEvaluation) -> dict[str, float]:
    return {"accuracy": evaluated.model.accuracy, "macro_f1": evaluated.model.macro_f1}


def _golden(classifier: Classifier) -> dict[str, Any]:
    texts = [entry["text"] for entry in json.loads(GOLDEN.read_bytes())]
    request = {"instances": [{"id": f"golden-{index}", "text": text} for index, text in enumerate(texts)]}
    parsed = requests.parse(json.dumps(request), requests.JSON)
    content, _ = requests.render(requests.answer(parsed, classifier, "unpublished"))
    response = json.loads(content)
    for one in (response, *response["predictions"]):
        del one["model_version"]  # a bundle can't contain its own hash
    return {"request": request, "response": response}


def read_labelled(path: Path) -> list[Labelled]:
    """A CSV file with the columns `text` and `label`."""
    with path.open(newline="", encoding="utf-8") as file:
        return [Labelled(row["text"], row["label"]) for row in csv.DictReader(file)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.sentiment.pack", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    lexicon = kinds.add_parser("lexicon")
    finbert = kinds.add_parser("finbert")
    finbert.add_argument("weights", type=Path)
    finbert.add_argument("--engine", choices=("torch", "onnx", "onnx-int8"), default="torch")
    finbert.add_argument("--source", type=json.loads, default={}, help="where the weights are from, as JSON")
    for each in (lexicon, finbert):
        each.add_argument("target", type=Path)
        each.add_argument("--labelled", type=Path, action="append", default=[], help="CSV with text,label")
    given = parser.parse_args(arguments)
    sets = {path.stem: read_labelled(path) for path in given.labelled}
    try:
        if given.kind == "lexicon":
            packed = pack_lexicon(given.target, sets)
        else:
            packed = pack_finbert(given.weights, given.target, given.engine, given.source, sets)
    except (UnusableModelError, ImportError) as error:
        print(f"the bundle can't be written: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"archive": str(packed.archive), "bundle_sha256": packed.bundle_sha256}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
