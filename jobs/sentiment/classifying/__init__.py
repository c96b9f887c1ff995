"""From a headline to a label with scores. Imported as `classifying` in the container.

Two models answer behind one interface (`classifying.results.Classifier`): the embedded lexicon, which needs nothing but
Python, and FinBERT, which needs torch and transformers or ONNX Runtime.
"""
