"""Feeds, stories, tickers, sentiment."""
