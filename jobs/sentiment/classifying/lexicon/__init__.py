"""The embedded model: a word list, and rules for how financial words act on each other. Python's own library only."""
