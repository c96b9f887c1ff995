"""Limits of an entry's fields, and the links that are kept."""

import re

TITLE_CHARACTERS = 500
SUMMARY_CHARACTERS = 4000
MARKUP_CHARACTERS = 100_000
"""So much of an entry's HTML is looked at for its text."""

_WEB = re.compile(r"https?://\S+\Z", re.I)


def web_address(link: str) -> str:
    """A link that can be stored and followed, or nothing."""
    link = link.strip()
    return link if len(link) <= 2000 and _WEB.match(link) and link.isprintable() else ""
