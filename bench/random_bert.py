"""Random weights of FinBERT's architecture, for speed and for tests: nothing is downloaded.

Needs torch and transformers.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from transformers import BertConfig, BertForSequenceClassification, set_seed

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,%$()-"
CLASSES = {0: "positive", 1: "negative", 2: "neutral"}  # FinBERT's own order
BASE_VOCABULARY = 30_522


@dataclass(frozen=True)
class Size:
    """A network's shape."""

    layers: int
    width: int
    heads: int
    limit_tokens: int = 512
    vocabulary: int = 0  # filled up to so many words


TINY = Size(layers=2, width=128, heads=2, vocabulary=BASE_VOCABULARY)
BASE = Size(layers=12, width=768, heads=12, vocabulary=BASE_VOCABULARY)


def make(folder: Path, size: Size, words: Iterable[str]) -> Path:
    """Write config.json, vocab.txt and model.safetensors; returns the folder."""
    vocabulary = list(dict.fromkeys([*SPECIAL, *words, *LETTERS, *(f"##{letter}" for letter in LETTERS)]))
    vocabulary += [f"unused{number}" for number in range(size.vocabulary - len(vocabulary))]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    set_seed(7)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=4 * size.width,
        max_position_embeddings=size.limit_tokens,
        id2label=CLASSES,
        label2id={name: index for index, name in CLASSES.items()},
        initializer_range=0.5 if size.width < 100 else 0.02,  # the smallest would have no opinion otherwise
    )
    BertForSequenceClassification(config).eval().save_pretrained(folder)
    if json.loads((folder / "config.json").read_bytes())["architectures"] != ["BertForSequenceClassification"]:
        raise RuntimeError("transformers wrote another architecture")
    return folder
