"""Mark companies in a headline, so that their names carry no tone of their own ("Best Buy", "Target")."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..lexicon.tokens import Token, tokenize

_MARK = "companymark"
_IN_PARENTHESES = re.compile(rf"\s?\((?:[A-Za-z]+\s?:)?\s*({_MARK}[a-z]+)\s*\)")  # "Micron (NASDAQ: MU)" is one name
_QUOTED = re.compile(
    rf"(?::|\bsays?)(?:[\s,]+[A-Z][\w.&'-]*|[\s,]+{_MARK}[a-z]+|[\s,]+(?:of|member|analyst)){{1,8}}\s*$"
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Marked:
    """The tokens of a headline. `companies` holds the place of each token that is a company, and which one it is.

    `sources`: companies that are only quoted: `Sensex to rise: Credit Suisse`.
    """

    tokens: Sequence[Token]
    companies: Mapping[int, str]
    sources: frozenset[str] = frozenset()

    def places(self) -> list[int]:
        """Places of the companies in order."""
        return sorted(self.companies)


def mark(text: str, names: Mapping[str, Sequence[str]]) -> Marked:
    """Tokens of a text in which each company's names count as one word. `names`: company → its names in the text."""
    owner = {name: company for company, found in names.items() for name in found if name.strip()}
    marks = {company: _MARK + _spelled(number) for number, company in enumerate(names)}
    if owner:
        longest_first = sorted(owner, key=lambda name: (-len(name), name))
        pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
        text = pattern.sub(lambda match: f" {marks[owner[match[0]]]}", text)
        text = _IN_PARENTHESES.sub(lambda match: "" if text.count(match[1]) > 1 else f" {match[1]} ", text)
    tokens = tokenize(text)
    of_mark = {found: company for company, found in marks.items()}
    return Marked(
        tokens,
        {at: of_mark[token.text] for at, token in enumerate(tokens) if token.text in of_mark},
        frozenset(of_mark[found] for found in _sources(text) if found in of_mark),
    )


def _sources(text: str) -> list[str]:
    """Marks behind the last colon or `says` of a text, where hardly more than names follows."""
    quoted = _QUOTED.search(text)
    return [] if quoted is None or _MARK not in text[: quoted.start()] else re.findall(rf"{_MARK}[a-z]+", quoted[0])


def _spelled(number: int) -> str:
    letters = ""
    while True:
        number, rest = divmod(number, len(_LETTERS))
        letters += _LETTERS[rest]
        if not number:
            return letters
