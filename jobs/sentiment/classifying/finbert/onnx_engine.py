"""FinBERT on ONNX Runtime, at full precision or with int8 weights.

With int8 the activations are scaled by what is in the batch: the same text may differ by some thousandths in other
company. With fp32 it does not, beyond rounding.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

NETWORK_FILE = "model.onnx"


class OnnxEngine:
    """A session on the CPU; `threads` 0 takes as many as there are cores."""

    most_texts = 8  # larger batches leave the cache: slower on every machine measured
    most_tokens = 1024

    def __init__(self, folder: Path, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(folder / NETWORK_FILE), options, providers=["CPUExecutionProvider"]
        )

    def logits(self, ids: Sequence[Sequence[int]], mask: Sequence[Sequence[int]]) -> list[list[float]]:
        """One row of logits a text."""
        feed = {"input_ids": np.asarray(ids, dtype=np.int64), "attention_mask": np.asarray(mask, dtype=np.int64)}
        rows: list[list[float]] = self._session.run(["logits"], feed)[0].tolist()
        return rows
