"""Captures, actuals, drift, accuracy, judgement of experiments, retraining."""
