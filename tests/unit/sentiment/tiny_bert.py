"""A random BERT of FinBERT's architecture, small enough to be made in a test; no weights are downloaded.

Only for tests that have torch and transformers: import it after `pytest.importorskip`.
"""

import json
from pathlib import Path

from transformers import BertConfig, BertForSequenceClassification, set_seed

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_TEXT = (
    "profit loss costs sales shares rise rises fall falls cut raises board meets on the of to a company quarterly net "
    "strong weak results record order bank oil gold market stocks"
)
WORDS = _TEXT.split()
LABELS = {0: "positive", 1: "negative", 2: "neutral"}  # FinBERT's own order


def make(folder: Path, *, layers: int = 2, width: int = 32, heads: int = 2, limit_tokens: int = 64) -> Path:
    """Write config.json, vocab.txt and model.safetensors."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)] + list("0123456789.,%$()-")
    vocabulary = [*SPECIAL, *WORDS, *letters, *(f"##{letter}" for letter in letters)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    set_seed(7)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=limit_tokens,
        id2label=LABELS,
        label2id={name: index for index, name in LABELS.items()},
        initializer_range=0.5,  # random, and yet with opinions
    )
    BertForSequenceClassification(config).eval().save_pretrained(folder)
    written = json.loads((folder / "config.json").read_text())
    assert written["architectures"] == ["BertForSequenceClassification"]
    return folder
