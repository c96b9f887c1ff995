"""FinBERT's sentences per second beside a plain transformers pipeline, one thread, on the same random weights.

Runs under a Python that has torch, transformers, onnxruntime and onnx: `python -m bench.finbert_speed [--base]`.
Weights are random, so speed can be measured here and accuracy can't; of int8 the distance to full precision is told.
"""

import argparse
import json
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from bench.random_bert import BASE, TINY, Size, make
from jobs.sentiment.classifying.finbert.encoding import Encoder
from jobs.sentiment.classifying.finbert.exporting import export
from jobs.sentiment.classifying.finbert.model import FinBert
from jobs.sentiment.classifying.finbert.onnx_engine import OnnxEngine
from jobs.sentiment.classifying.finbert.torch_engine import TorchEngine
from jobs.sentiment.classifying.results import LABELS, Classification

CLASSES = ("positive", "negative", "neutral")
MEAN_WORDS = 17


@dataclass(frozen=True)
class Speed:
    """Sentences per second of one way, and how many times the plain pipeline that is."""

    network: str
    way: str
    sentences: int
    per_second: float
    times_plain: float
    mean_score_distance: float | None = None  # from full precision
    same_label: float | None = None


def headlines(number: int) -> tuple[list[str], list[str]]:
    """Made-up headlines of 5 to 60 words, most of them short, and the words in them."""
    chance = random.Random(7)  # noqa: S311 - no secret
    words = [f"{a}{b}{c}" for a in "bcdfglmnprst" for b in "aeiou" for c in ("nk", "rt", "st", "ll", "mp", "nd", "x")]
    lengths = [min(60, max(5, round(chance.lognormvariate(2.75, 0.4)))) for _ in range(number)]
    return [" ".join(chance.choices(words, k=length)) for length in lengths], words


def measure(name: str, size: Size, number: int) -> list[Speed]:
    """Every way over the same headlines."""
    texts, words = headlines(number)
    with tempfile.TemporaryDirectory() as scratch:
        weights = make(Path(scratch) / "weights", size, words)
        encoder = Encoder(weights, size.limit_tokens)
        plain = _pipeline(weights, size)
        few = texts[: max(16, number // 4)]  # the slow ways get fewer, of the same lengths
        found = [
            _timed(name, "transformers pipeline, one by one", few, lambda given: [plain(text) for text in given]),
            _timed(name, "transformers pipeline, batches of 32", texts, lambda given: plain(given, batch_size=32)),
        ]
        exact = FinBert(encoder, TorchEngine(weights), CLASSES)
        found.append(_timed(name, "ours, torch fp32", texts, exact.classify))
        truth = exact.classify(texts)
        for way, int8 in (("ours, ONNX Runtime fp32", False), ("ours, ONNX Runtime int8", True)):
            target = Path(scratch) / way.replace(" ", "-")
            target.mkdir()
            export(weights, target, int8=int8)
            model = FinBert(encoder, OnnxEngine(target, threads=1), CLASSES)
            speed = _timed(name, way, texts, model.classify)
            found.append(_beside(speed, truth, model.classify(texts)))
    return [_relative(each, found[0].per_second) for each in found]


def _pipeline(weights: Path, size: Size) -> Callable[..., Any]:
    tokenizer = transformers.BertTokenizer(str(weights / "vocab.txt"), model_max_length=size.limit_tokens)
    network = transformers.BertForSequenceClassification.from_pretrained(weights).eval()
    made: Callable[..., Any] = transformers.pipeline("text-classification", model=network, tokenizer=tokenizer)
    return made


def _timed(network: str, way: str, texts: Sequence[str], run: Callable[[list[str]], Any]) -> Speed:
    run(list(texts[:8]))  # warm
    begun = time.perf_counter()
    run(list(texts))
    seconds = time.perf_counter() - begun
    return Speed(network, way, len(texts), len(texts) / seconds, 0.0)


def _beside(speed: Speed, truth: Sequence[Classification], found: Sequence[Classification]) -> Speed:
    pairs = list(zip(truth, found, strict=True))
    apart = [abs(getattr(one.scores, x) - getattr(two.scores, x)) for one, two in pairs for x in LABELS]
    return Speed(
        speed.network,
        speed.way,
        speed.sentences,
        speed.per_second,
        0.0,
        mean_score_distance=round(sum(apart) / len(apart), 6),
        same_label=sum(one.label == two.label for one, two in pairs) / len(pairs),
    )


def _relative(speed: Speed, plain: float) -> Speed:
    return Speed(
        **{**asdict(speed), "per_second": round(speed.per_second, 1), "times_plain": round(speed.per_second / plain, 2)}
    )


def main() -> int:
    """Print JSON: one entry a network and way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", action="store_true", help="also FinBERT's own size (some minutes)")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    found = measure("tiny", TINY, 2000)
    if given.base:
        found += measure("base", BASE, 240)
    print(json.dumps([asdict(each) for each in found]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
