"""The packaged list of companies, in the format of news/domain/tickers.py."""

from functools import cache
from importlib.resources import files


@cache
def packaged_listings() -> str:
    """Return it as CSV (sources: samples/tickers/SOURCES.md)."""
    return (files("bellwether.news") / "data" / "us_symbols.csv").read_text("utf-8")
