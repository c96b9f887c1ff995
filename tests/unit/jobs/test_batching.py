"""Batches of texts of like length. Needs the tokenizers package, which comes with transformers."""

import pytest

pytest.importorskip("tokenizers", reason="FinBERT's libraries are not part of the project's environment")

from jobs.sentiment.classifying.finbert.encoding import batches, padded


@pytest.mark.parametrize(
    ("lengths", "most_texts", "most_tokens", "expected"),
    [
        ([], 2, 100, []),
        ([5], 2, 100, [[0]]),
        ([5, 9, 7], 2, 100, [[1, 2], [0]]),
        ([4, 4, 4], 8, 8, [[0, 1], [2]]),
        ([600, 3], 8, 512, [[0], [1]]),
    ],
)
def test_batches(lengths: list[int], most_texts: int, most_tokens: int, expected: list[list[int]]) -> None:
    # Given lengths and limits, when batches are made, then the longest come first and no batch exceeds a limit
    assert list(batches(lengths, most_texts, most_tokens)) == expected


def test_padding_is_masked() -> None:
    # Given rows of two lengths, when they are padded, then the mask tells what is real
    assert padded([[1, 2, 3], [4]]) == ([[1, 2, 3], [4, 0, 0]], [[1, 1, 1], [1, 0, 0]])
