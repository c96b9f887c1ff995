"""The list of companies that ships with the code, in the form of news/domain/tickers.py."""

from functools import cache
from importlib.resources import files


@cache
def packaged_listings() -> str:
    """Its CSV (see samples/tickers/SOURCES.md)."""
    return (files("bellwether.news") / "data" / "us_symbols.csv").read_text("utf-8")
