"""Texts to token ids, and to batches of texts of like length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import BertWordPieceTokenizer

VOCABULARY_FILE = "vocab.txt"
LONGEST_TEXT = 20_000  # characters given to the tokenizer: far beyond 512 tokens of any headline


@dataclass(frozen=True)
class Encoded:
    """One text's token ids, [CLS] and [SEP] included."""

    ids: Sequence[int]
    truncated: bool


class Encoder:
    """WordPiece as FinBERT was trained: lower case, accents stripped."""

    def __init__(self, folder: Path, limit_tokens: int) -> None:
        self._tokenizer = BertWordPieceTokenizer(str(folder / VOCABULARY_FILE), lowercase=True)
        self._limit_tokens = limit_tokens

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Ids of each text, cut to the model's limit and closed by [SEP]."""
        found = self._tokenizer.encode_batch([text[:LONGEST_TEXT] for text in texts])
        return [self._within(item.ids, cut=len(text) > LONGEST_TEXT) for item, text in zip(found, texts, strict=True)]

    def _within(self, ids: Sequence[int], *, cut: bool) -> Encoded:
        if len(ids) <= self._limit_tokens:
            return Encoded(ids, truncated=cut)
        return Encoded([*ids[: self._limit_tokens - 1], ids[-1]], truncated=True)


def batches(lengths: Sequence[int], most_texts: int, most_tokens: int) -> Iterator[list[int]]:
    """Indexes by length, the longest first; a batch holds `most_texts`, and `most_tokens` with its padding.

    A text longer than `most_tokens` gets a batch of its own.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        if batch and (len(batch) == most_texts or lengths[batch[0]] * (len(batch) + 1) > most_tokens):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def padded(rows: Sequence[Sequence[int]]) -> tuple[list[list[int]], list[list[int]]]:
    """Ids filled with [PAD] (0) to the longest row's length, and the mask of what is real."""
    width = max(len(row) for row in rows)
    ids = [[*row, *[0] * (width - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
    return ids, mask
