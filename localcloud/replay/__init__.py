"""Feeds and a market-data API that replay a sample week over loopback, in the protocols of the real ones."""
