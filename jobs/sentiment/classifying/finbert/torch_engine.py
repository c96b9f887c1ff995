"""FinBERT on torch, loaded by transformers from safetensors: no pickle is opened, nothing is downloaded."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import BertForSequenceClassification


class TorchEngine:
    """The network in evaluation mode."""

    most_texts = 32
    most_tokens = 2048

    def __init__(self, folder: Path) -> None:
        self._network = BertForSequenceClassification.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, attn_implementation="sdpa"
        ).eval()

    def logits(self, ids: Sequence[Sequence[int]], mask: Sequence[Sequence[int]]) -> list[list[float]]:
        """One row of logits a text."""
        with torch.inference_mode():
            answer = self._network(input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask))
        rows: list[list[float]] = answer.logits.float().tolist()
        return rows
