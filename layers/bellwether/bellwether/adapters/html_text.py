"""Text out of HTML: what a reader would read."""

import re
import unicodedata
from html import unescape
from html.parser import HTMLParser


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BLOCKS = _set("""
    address article aside blockquote br dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li main nav ol
    p pre section table tbody td tfoot th thead tr ul
""")
_SILENT = _set("""
    applet audio canvas embed head iframe math noembed noscript object script style svg template video
""")
_VOID = frozenset({"embed"})
_SPACE = re.compile(r"\s+")
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff"  # control characters, halves of pairs
    "\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]"  # no width, other direction
)


def text_of_html(markup: str, *, characters: int) -> str:
    """The text of a piece of HTML in one line, at most so many characters; scripts and styles say nothing."""
    if "<" not in markup:
        return plain_text(unescape(markup) if "&" in markup else markup, characters=characters)
    reader = _Reader(characters)
    reader.feed(markup)
    reader.close()
    return plain_text("".join(reader.parts), characters=characters)


def plain_text(text: str, *, characters: int) -> str:
    """Text in one line, composed (NFC), without what can't be seen or stored."""
    text = _SPACE.sub(" ", _UNWANTED.sub("", text)).strip()
    return unicodedata.normalize("NFC", text)[:characters].rstrip()


class _Reader(HTMLParser):
    def __init__(self, characters: int) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._left = 2 * characters  # spaces are folded afterwards
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's
        if tag in _SILENT and tag not in _VOID:
            self._silent.append(tag)
        if tag in _BLOCKS:
            self.parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's
        if tag in _BLOCKS:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            while self._silent.pop() != tag:
                pass
        if tag in _BLOCKS:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._silent and self._left > 0:
            self.parts.append(data[: self._left])
            self._left -= len(data)
