"""FinBERT (`ProsusAI/finbert`): a BERT with three classes, run by transformers on torch or by ONNX Runtime."""
