"""Cut a headline into the tokens that the rules look at."""

import re
import unicodedata
from dataclasses import dataclass

_PATTERN = re.compile(
    r"https?://\S+"  # an address says nothing
    r"|[#@][\w]+"
    r"|(?<![\w.])(?:eur|usd|gbp|sek|nok|dkk|chf|inr|rs)?(?P<number>[+-]?[$€£₹]?\d+(?:[.,]\d+)*)(?P<percent>\s?%|\s?percent\b|\s?per\scent\b|\s?pct\b|\s?pc\b|-percent\b)?"
    r"|(?P<cashtag>\$[a-z][a-z.:\-]{0,9}\b)"
    r"|(?P<word>[^\W\d_]+(?:(?:\.[^\W\d_]\b)+\.?)?(?:'[^\W\d_]+)?)"
    r"|(?P<stop>[;:!?()\[\]]|[.,](?=\s|$)|\s[-–—]{1,2}\s|[–—])"
)
_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "−": "-", "‐": "-", "‑": "-"})
_MARKS = frozenset("()?|")
_MULTIPLIERS = {
    "thousand": 1e3,
    "k": 1e3,
    "lakh": 1e5,
    "mn": 1e6,
    "m": 1e6,
    "mln": 1e6,
    "million": 1e6,
    "crore": 1e7,
    "cr": 1e7,
    "bn": 1e9,
    "b": 1e9,
    "bln": 1e9,
    "billion": 1e9,
    "trillion": 1e12,
}


@dataclass(frozen=True)
class Token:
    """A word in lower case, a number (`#` with its `value`; `signed` when written with + or -), or a mark.

    Marks end a clause: `(`, `)`, `?` and `|` for all others.
    """

    text: str
    value: float | None = None
    percent: bool = False
    signed: bool = False

    @property
    def ends_clause(self) -> bool:
        """Whether words on both sides belong to different statements."""
        return self.text in _MARKS


def tokenize(text: str) -> list[Token]:
    """Words, numbers with their unit applied (`2.4 mn` is 2 400 000), and ends of clauses; all else is dropped."""
    lowered = unicodedata.normalize("NFKC", text).translate(_QUOTES).lower()
    found: list[Token] = []
    for match in _PATTERN.finditer(lowered):
        if match["number"] is not None:
            found.append(_number(match["number"], match["percent"] is not None))
        elif match["word"] is not None:
            _add_word(found, match["word"])
        elif match["stop"] is not None:
            mark = match["stop"].strip()
            found.append(Token(mark if mark in _MARKS else "|"))
    return found


def _number(written: str, percent: bool) -> Token:
    signed = written[0] in "+-"
    digits = written.lstrip("+-$€£₹")
    whole, dot, rest = digits.replace(",", "").partition(".")
    value = float(f"{whole}.{rest.replace('.', '')}" if dot else whole)
    return Token("#", -value if written[0] == "-" else value, percent, signed)


def _add_word(found: list[Token], word: str) -> None:
    last = found[-1] if found else None
    if last is not None and last.value is not None and not last.percent and word in _MULTIPLIERS:
        found[-1] = Token("#", last.value * _MULTIPLIERS[word], False, last.signed)
        return
    if word.endswith("n't") or word == "cannot":
        found.append(Token("not"))
        return
    bare = word.partition("'")[0].replace(".", "")
    if bare:
        found.append(Token(bare))
