"""What the use cases need from the outside, one Protocol each; adapters furnish them, fakes stand for them in tests.

One module for each matter: a function loads those that it needs, and no other context's domain with them.
"""
