"""Errors that a person at the terminal can act upon."""


class CommandError(Exception):
    """Ends a command with exit status 1 and its message, without a traceback."""
