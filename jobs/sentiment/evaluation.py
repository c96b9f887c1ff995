"""How well a classifier agrees with people: accuracy and macro-F1, beside a model that always says neutral."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .classifying.results import LABELS, Classifier


@dataclass(frozen=True)
class Labelled:
    """A text and the label that people gave it."""

    text: str
    label: str


@dataclass(frozen=True)
class Agreement:
    """Shares between 0 and 1. `macro_f1` is the plain mean of the three labels' F1."""

    n: int
    accuracy: float
    macro_f1: float
    precision: Mapping[str, float]
    recall: Mapping[str, float]


@dataclass(frozen=True)
class SetEvaluation:
    """A classifier on one set, beside the baseline."""

    name: str
    model: Agreement
    all_neutral: Agreement


def evaluate(name: str, rows: Sequence[Labelled], classifier: Classifier) -> SetEvaluation:
    """Classify a labelled set. Raises ValueError for an empty one."""
    truth = [row.label for row in rows]
    found = [each.label for each in classifier.classify([row.text for row in rows])]
    return SetEvaluation(name, agreement(truth, found), agreement(truth, ["neutral"] * len(truth)))


def agreement(truth: Sequence[str], found: Sequence[str]) -> Agreement:
    """Compare labels. Raises ValueError when there are none, or not as many on both sides."""
    if not truth or len(truth) != len(found):
        raise ValueError(f"{len(found)} labels for {len(truth)} texts")
    hits = {label: sum(t == f == label for t, f in zip(truth, found, strict=True)) for label in LABELS}
    precision = {label: _share(hits[label], list(found).count(label)) for label in LABELS}
    recall = {label: _share(hits[label], list(truth).count(label)) for label in LABELS}
    f1 = [_share(2 * hits[label], list(found).count(label) + list(truth).count(label)) for label in LABELS]
    return Agreement(
        n=len(truth),
        accuracy=round(sum(hits.values()) / len(truth), 4),
        macro_f1=round(sum(f1) / len(LABELS), 4),
        precision={label: round(value, 4) for label, value in precision.items()},
        recall={label: round(value, 4) for label, value in recall.items()},
    )


def report(bundle_sha256: str, engine: str, sets: Sequence[SetEvaluation]) -> dict[str, Any]:
    """The content of `evaluation.json`."""
    return {
        "schema_version": 1,
        "model": "sentiment",
        "target": "tone",
        "unit": "label",
        "engine": engine,
        "bundle_sha256": bundle_sha256,
        "labels": list(LABELS),
        "sets": [asdict(each) for each in sets],
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
