"""The housing model: what a house would sell for on a given day, from the sales before it."""
