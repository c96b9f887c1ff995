"""Bars, market calendar, signals, backtest, dispatch with risk gates."""
