"""FinBERT behind the models' common interface."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..companies.marking import Marked
from ..errors import UnusableModelError
from ..results import LABELS, Classification, Scores, softmax

ARCHITECTURE = "BertForSequenceClassification"


class Engine(Protocol):
    """Runs the network on one padded batch."""

    most_texts: int
    most_tokens: int

    def logits(self, ids: Sequence[Sequence[int]], mask: Sequence[Sequence[int]]) -> list[list[float]]:
        """One row of logits a text, in the order of the network's classes."""
        ...


class FinBert:
    """Batches of like length through an engine; answers come back in the order of the texts."""

    def __init__(self, encoder: Any, engine: Engine, classes: Sequence[str]) -> None:
        self._encoder = encoder
        self._engine = engine
        self._order = [classes.index(label) for label in LABELS]

    def classify(self, texts: Sequence[str]) -> list[Classification]:
        """One classification a text; `truncated` where it had more tokens than the network takes."""
        from .encoding import batches, padded

        encoded = self._encoder.encode(texts)
        found: dict[int, Classification] = {}
        lengths = [len(item.ids) for item in encoded]
        for batch in batches(lengths, self._engine.most_texts, self._engine.most_tokens):
            rows = self._engine.logits(*padded([encoded[index].ids for index in batch]))
            for index, row in zip(batch, rows, strict=True):
                scores = softmax(*(row[place] for place in self._order))
                found[index] = Classification(scores, encoded[index].truncated)
        return [found[index] for index in range(len(encoded))]

    def clause_scores(self, marked: Marked, headline: Classification) -> dict[str, Scores]:  # noqa: ARG002 - an interface
        """None: the network reads headlines only."""
        return {}


def load_finbert(folder: Path, onnx: bool, config: Mapping[str, Any]) -> FinBert:
    """Load network and tokenizer. Raises UnusableModelError, also when a library is missing."""
    classes = class_names(config)
    try:
        from .encoding import Encoder

        encoder = Encoder(folder, int(config["max_position_embeddings"]))
        engine: Engine
        if onnx:
            from .onnx_engine import OnnxEngine

            engine = OnnxEngine(folder)
        else:
            from .torch_engine import TorchEngine

            engine = TorchEngine(folder)
    except ImportError as error:
        raise UnusableModelError(f"FinBERT needs a library that is not installed here: {error.name}") from error
    return FinBert(encoder, engine, classes)


def class_names(config: Mapping[str, Any]) -> list[str]:
    """The network's classes in their order. Raises UnusableModelError for a network of another kind."""
    if config.get("architectures") != [ARCHITECTURE]:
        raise UnusableModelError(f"config.json describes {config.get('architectures')}, not {ARCHITECTURE}")
    names = config.get("id2label", {})
    classes = [str(names.get(str(index), "")).lower() for index in range(len(names))]
    if sorted(classes) != sorted(LABELS):
        raise UnusableModelError(f"config.json names the classes {classes}, expected {sorted(LABELS)}")
    return classes
