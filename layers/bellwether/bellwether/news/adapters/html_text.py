"""Extract the visible text from HTML in one pass, in linear time."""

import re
import unicodedata
from collections.abc import Iterator
from html import unescape


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BLOCKS = _set("""
    address article aside blockquote br dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li main nav ol
    p pre section table tbody td tfoot th thead tr ul
""")
_NON_TEXT = _set("""
    applet audio canvas head iframe math noembed noscript object script style svg template video
""")
_TAG = re.compile(r"</?([a-zA-Z][^\s<>/\"']*)(?:[^<>\"']|\"[^\"]*+\"|'[^']*+')*+>")
_TAG_CHARACTERS = 2000
"""A longer tag (a picture inside its address) ends at the next `>`, whatever stands in quotes."""
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff"  # control characters, halves of pairs
    "\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]"  # no width, other direction
)


def text_of_html(markup: str, *, characters: int) -> str:
    """Visible text of HTML in one line, at most `characters` long, without scripts and styles."""
    text = "".join(_pieces(markup)) if "<" in markup else markup
    return plain_text(unescape(text) if "&" in text else text, characters=characters)


def plain_text(text: str, *, characters: int) -> str:
    """Text in one line, normalised (NFC), without invisible and control characters."""
    text = " ".join(text.split())
    if not text.isprintable():
        text = " ".join(_UNWANTED.sub("", text).split())
    return (text if text.isascii() else unicodedata.normalize("NFC", text))[:characters].rstrip()


def _pieces(markup: str) -> Iterator[str]:
    """Text between tags, with a space at the boundaries of blocks."""
    position = 0
    while (at := markup.find("<", position)) >= 0:
        yield markup[position:at]
        position, piece = _skip_tag(markup, at)
        yield piece
    yield markup[position:]


def _skip_tag(markup: str, at: int) -> tuple[int, str]:
    """Position after the markup that starts with `<` at `at`, and its replacement text."""
    following = markup[at + 1 : at + 2]
    if following in ("!", "?"):
        ending = "-->" if markup.startswith("<!--", at) else "]]>" if markup.startswith("<![CDATA[", at) else ">"
        return _end(markup, ending, at), ""
    if not (following.isascii() and following.isalpha()) and following != "/":
        return at + 1, "<"
    tag = _TAG.match(markup, at, at + _TAG_CHARACTERS)
    if tag is None:
        return _end(markup, ">", at), ""
    name = tag[1].lower()
    if name in _NON_TEXT and following != "/" and not tag[0].endswith("/>"):
        last = re.compile(rf"</{name}(?=[\s/>])", re.I).search(markup, tag.end())
        return (_end(markup, ">", last.start()) if last else len(markup)), ""
    return tag.end(), " " if name in _BLOCKS else ""


def _end(markup: str, ending: str, start: int) -> int:
    """Position after the next `ending`, or the end of the markup."""
    found = markup.find(ending, start)
    return found + len(ending) if found >= 0 else len(markup)
