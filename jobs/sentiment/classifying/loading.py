"""From a bundle's folder to a model that answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bundles import read_registered
from .errors import UnusableModelError
from .lexicon.model import WORD_LIST_FILE, LexiconClassifier
from .lexicon.wordlist import WordList
from .requests import Answer, Request, answer
from .results import Classifier

LEXICON, TORCH, ONNX = "lexicon", "finbert-torch", "finbert-onnx"


@dataclass(frozen=True)
class Model:
    """A loaded bundle."""

    version: str
    classifier: Classifier

    def answer(self, request: Request) -> Answer:
        """Classify a request's texts."""
        return answer(request, self.classifier, self.version)


def load(folder: Path) -> Model:
    """Load a bundle. Raises BundleTamperedError and UnusableModelError."""
    manifest, digest = read_registered(folder)
    return Model(f"{manifest['model']}-{digest[:8]}", classifier(folder, manifest))


def classifier(folder: Path, manifest: Mapping[str, Any]) -> Classifier:
    """The engine that the manifest names; torch, transformers or ONNX Runtime are imported only where it needs them."""
    engine = manifest["engine"]
    if engine == LEXICON:
        return LexiconClassifier(WordList.parse((folder / WORD_LIST_FILE).read_bytes()))
    if engine in {TORCH, ONNX}:
        from .finbert.model import load_finbert

        return load_finbert(folder, engine == ONNX, json.loads((folder / "config.json").read_bytes()))
    raise UnusableModelError(f"this code knows no engine '{engine}'")
