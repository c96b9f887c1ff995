"""From weights to an ONNX network, at full precision or with int8 weights. Build time only."""

from pathlib import Path
from typing import Any

import torch
from transformers import BertForSequenceClassification

from .onnx_engine import NETWORK_FILE

OPSET = 17


class _Logits(torch.nn.Module):  # type: ignore[misc,unused-ignore]
    """The network with plain inputs and one plain output, as the exporter wants it."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        return self.network(input_ids=input_ids, attention_mask=attention_mask).logits


def export(weights: Path, target: Path, *, int8: bool) -> None:
    """Write `model.onnx` into `target`, with free batch size and length."""
    network = BertForSequenceClassification.from_pretrained(
        weights, local_files_only=True, use_safetensors=True, attn_implementation="eager"
    ).eval()
    example = torch.ones((2, 8), dtype=torch.long)
    free = {0: "texts", 1: "tokens"}
    written = target / ("full.onnx" if int8 else NETWORK_FILE)
    with torch.inference_mode():
        torch.onnx.export(
            _Logits(network),
            (example, example),
            str(written),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": free, "attention_mask": free, "logits": {0: "texts"}},
            opset_version=OPSET,
            dynamo=False,
        )
    if int8:
        _quantize(written, target / NETWORK_FILE)
        written.unlink()


def _quantize(source: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(source), str(target), weight_type=QuantType.QInt8, per_channel=True)
