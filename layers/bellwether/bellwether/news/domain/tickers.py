"""Which companies a headline speaks of: cashtags, `(SYM)`, exchange prefixes, symbols in capitals, names.

What is certain counts anywhere: `$CAT`, `NYSE: CAT`, `(CAT)`, `BRK.B`, a full name. What is also a word counts with
evidence only: `CAT stock`, `Target's earnings`, `Ford recalls` (company_context.py). A name never counts where its
listing says so: Apple, but no apple pie. Symbols of crypto coins beside a coin's name are none (coins.py).
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from bellwether.news.domain.coins import means_coin
from bellwether.news.domain.company_context import Word, acts_as_company, in_company, keys_of, words_of
from bellwether.shared.domain.errors import InvalidInputError

How = Literal["cashtag", "exchange", "parenthesis", "symbol", "name"]

COLUMNS = ("symbol", "bare", "aliases", "guarded", "unless")
LONGEST_TEXT = 20_000  # characters looked at

_SYMBOL = re.compile(r"[A-Z][A-Z0-9]{0,5}(?:\.[A-Z])?")
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z]{1,5}(?:[.\-/][A-Za-z])?)(?![\w$])")
_EXCHANGE = re.compile(
    r"\b(?P<exchange>[A-Za-z]{2,8}(?:\s(?:American|Arca|Global|Capital)(?:\sMarket)?)?)\s?:\s?"
    r"(?P<symbol>[A-Z]{1,5}(?:[.\-/][A-Z])?)\b(?!\.?\w)"
)
_PARENTHESIS = re.compile(r"[(\[]\s?(?P<symbol>[A-Z]{1,5}(?:[.\-/][A-Z])?)\s?[)\]]")
_ADDRESS = re.compile(r"\b(?:https?://|www\.)\S+", re.I)
_CLASS = re.compile(r"(?<![\w$./\-])(?P<symbol>[A-Z]{1,4}[./\-][AB])(?![\w.\-]*\w)")
_LIST = re.compile(r",\s?(?:and\s)?|\s(?:and|or|vs\.?|versus|&)\s")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_US_EXCHANGES = _set("""
    nyse nasdaq nasdaqgs nasdaqgm nasdaqcm amex nysemkt nyseamerican nysearca arca bats cboe otc otcqx otcqb nys nas
""")
_OTHER_EXCHANGES = _set("""
    tse tsx tsxv cve cse lse lon aim asx nse bse sgx hkg hkex hkse szse sse shse krx tyo fra etr xetra epa ams bit
    bme mil sto hel cph osl swx six vie wse jse kosdaq klse idx tadawul dfm adx nzx nze ise b3 bvmf sehk
""")


@dataclass(frozen=True)
class Listing:
    """A listed company. `bare` says that the symbol's capitals alone mean it; `guarded` names need a context, less of
    it when written with a capital (brands); a name inside one of the phrases in `unless` is none."""

    symbol: str
    bare: bool = False
    aliases: tuple[str, ...] = ()
    guarded: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mention:
    """A company in a text, the place of its first mention, and how it was recognised."""

    symbol: str
    start: int
    end: int
    how: How


@dataclass(frozen=True)
class _Alias:
    words: tuple[str, ...]
    symbol: str
    guarded: bool
    brand: bool = False


def parse_listings(content: str) -> tuple[Listing, ...]:
    """Read the list's CSV with the columns COLUMNS. Raises InvalidInputError that names the line."""
    reader = csv.DictReader(io.StringIO(content))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise InvalidInputError(f"the columns have to be {','.join(COLUMNS)}", field="ticker list:1")
    return tuple(_listing(row, number) for number, row in enumerate(reader, start=2))


def _listing(row: Mapping[str, str | None], number: int) -> Listing:
    symbol = row["symbol"] or ""
    if not _SYMBOL.fullmatch(symbol) or None in row or None in row.values():
        raise InvalidInputError(f"no listing: {symbol[:20]}", field=f"ticker list:{number}")
    return Listing(
        symbol=symbol,
        bare=bool(row["bare"]),
        aliases=_parts(row["aliases"]),
        guarded=_parts(row["guarded"]),
        unless=_parts(row["unless"]),
    )


def _parts(cell: str | None) -> tuple[str, ...]:
    return tuple(part for part in (cell or "").split(";") if part)


class TickerFinder:
    """Finds the companies of a list in texts. Built once (some 10 000 names), then asked for each headline."""

    def __init__(self, listings: Iterable[Listing]) -> None:
        self._symbols: dict[str, bool] = {}
        self._aliases: dict[str, list[_Alias]] = {}
        self._unless: dict[str, list[tuple[str, ...]]] = {}
        for listing in listings:
            self._symbols[listing.symbol] = listing.bare
            for names, guarded in ((listing.aliases, False), (listing.guarded, True)):
                for name in names:
                    self._add(_Alias(keys_of(name), listing.symbol, guarded, guarded and name[:1].isupper()))
            for phrase in listing.unless:
                words = keys_of(phrase)
                self._unless.setdefault(words[0], []).append(words)
        for found in self._aliases.values():
            found.sort(key=lambda alias: -len(alias.words))

    def _add(self, alias: _Alias) -> None:
        if alias.words:
            self._aliases.setdefault(alias.words[0], []).append(alias)

    def find(self, text: str) -> tuple[Mention, ...]:
        """First mention of each company, in the order of the text."""
        first: dict[str, Mention] = {}
        for mention in self._mentions(text):
            first.setdefault(mention.symbol, mention)
        return tuple(first.values())

    def _mentions(self, text: str) -> list[Mention]:
        text = _ADDRESS.sub(lambda match: " " * len(match[0]), text[:LONGEST_TEXT])  # what it names is no statement
        taken: list[tuple[int, int]] = []
        words = words_of(text)
        keys = frozenset(word.key for word in words)
        found = [
            *self._cashtags(text, taken, keys),
            *self._exchanges(text, taken),
            *self._share_classes(text, taken),
        ]
        marked = {mention.symbol for mention in found}
        in_parentheses = list(self._parentheses(text, taken, words, keys))
        found += in_parentheses
        marked |= {mention.symbol for mention in in_parentheses}
        found += self._names(text, words, taken, marked)
        found += self._bare_symbols(text, words, taken)
        return sorted(found, key=lambda each: (each.start, each.symbol))

    def names(self, text: str) -> dict[str, tuple[str, ...]]:
        """Each company with the names by which the text calls it, in the order of the text."""
        names: dict[str, list[str]] = {}
        for mention in self._mentions(text):
            name = text[mention.start : mention.end].removesuffix("'s").removesuffix("’s")
            of_company = names.setdefault(mention.symbol, [])
            if name not in of_company:
                of_company.append(name)
        return {symbol: tuple(found) for symbol, found in names.items()}

    def symbols(self, text: str) -> tuple[str, ...]:
        """Symbols of the companies, in the order of the text."""
        return tuple(mention.symbol for mention in self.find(text))

    # --- marked symbols ----------------------------------------------------------------------------------------------

    def _cashtags(self, text: str, taken: list[tuple[int, int]], keys: frozenset[str]) -> Iterable[Mention]:
        for match in _CASHTAG.finditer(text):
            symbol = _dotted(match[1].upper())
            taken.append(match.span())
            if symbol in self._symbols and not means_coin(symbol, (), keys):
                yield Mention(symbol, *match.span(), "cashtag")

    def _exchanges(self, text: str, taken: list[tuple[int, int]]) -> Iterable[Mention]:
        for match in _EXCHANGE.finditer(text):
            exchange = match["exchange"].lower().split()[0]
            symbol = _dotted(match["symbol"])
            if exchange in _OTHER_EXCHANGES:
                taken.append(match.span())  # another market's company, whatever is called so here
            elif exchange in _US_EXCHANGES:
                taken.append(match.span())
                if symbol in self._symbols:
                    yield Mention(symbol, *match.span("symbol"), "exchange")

    def _share_classes(self, text: str, taken: list[tuple[int, int]]) -> Iterable[Mention]:
        """`BRK.B`, `BRK-B` and `BRK/B` mean nothing else; one that is not on the list is left alone."""
        for match in _CLASS.finditer(text):
            symbol = _dotted(match["symbol"])
            if symbol in self._symbols and not _overlaps(match.span(), taken):
                taken.append(match.span())
                yield Mention(symbol, *match.span(), "symbol")

    def _parentheses(
        self, text: str, taken: list[tuple[int, int]], words: list[Word], keys: frozenset[str]
    ) -> Iterable[Mention]:
        for match in _PARENTHESIS.finditer(text):
            symbol = _dotted(match["symbol"])
            if symbol not in self._symbols or _overlaps(match.span(), taken):
                continue
            before = [word for word in words if word.end <= match.start()]
            if means_coin(symbol, {word.key for word in before[-2:]}, keys) and not (
                self._stands_beside_its_name(symbol, before)
            ):
                taken.append(match.span())
                continue
            known = self._symbols[symbol] or self._stands_beside_its_name(symbol, before)
            enumerates = len(symbol) == 1  # "(A) a merger, (B) a sale"
            if known or not (enumerates or _spells(symbol, before)):
                taken.append(match.span())
                yield Mention(symbol, *match.span("symbol"), "parenthesis")

    def _stands_beside_its_name(self, symbol: str, before: list[Word]) -> bool:
        near = before[-6:]
        return any(
            alias.symbol == symbol and _matches(near, place, alias.words)
            for place, word in enumerate(near)
            for alias in self._aliases.get(word.key, ())
        )

    # --- names and bare symbols --------------------------------------------------------------------------------------

    def _names(self, text: str, words: list[Word], taken: list[tuple[int, int]], marked: set[str]) -> Iterable[Mention]:
        place = 0
        last_end: int | None = None
        while place < len(words):
            follows = last_end is not None and _LIST.fullmatch(text[last_end : words[place].start]) is not None
            alias = self._alias_at(text, words, place, taken, marked, follows)
            length = self._excluded(words, place)
            if length > (len(alias.words) if alias else 0):  # no GE in "GE Vernova", but GE Vernova
                taken.append((words[place].start, words[place + length - 1].end))
                place += length
                continue
            if alias is None:
                place += 1
                continue
            last = words[place + len(alias.words) - 1]
            taken.append((words[place].start, last.end))
            last_end = last.end
            yield Mention(alias.symbol, words[place].start, last.end, "name")
            place += len(alias.words)

    def _excluded(self, words: list[Word], place: int) -> int:
        keys = self._unless.get(words[place].key, ())
        return max((len(each) for each in keys if _matches(words, place, each)), default=0)

    def _alias_at(
        self,
        text: str,
        words: list[Word],
        place: int,
        taken: list[tuple[int, int]],
        marked: set[str],
        in_list: bool,
        *,
        looks_ahead: bool = True,
    ) -> _Alias | None:
        word = words[place]
        if not (word.text[0].isupper() or word.text[0].isdigit() or any(letter.isupper() for letter in word.text)):
            return None
        for alias in self._aliases.get(word.key, ()):
            if not _matches(words, place, alias.words):
                continue
            if _overlaps((word.start, words[place + len(alias.words) - 1].end), taken):
                continue
            length = len(alias.words)
            if (
                not alias.guarded
                or in_list
                or alias.symbol in marked
                or in_company(words, place, length)
                or acts_as_company(text, words, place, length, brand=alias.brand)
                or (looks_ahead and self._starts_a_list(text, words, place + length, taken, marked))
            ):
                return alias
        return None

    def _starts_a_list(
        self, text: str, words: list[Word], place: int, taken: list[tuple[int, int]], marked: set[str]
    ) -> bool:
        """Whether another company follows after a comma or `and`: `Snap, Pinterest fall`."""
        end = words[place - 1].end
        for at in (place, place + 1):  # "and" is a word of its own
            if at < len(words) and _LIST.fullmatch(text[end : words[at].start]):
                return self._symbols.get(words[at].text, False) or (
                    self._alias_at(text, words, at, taken, marked, False, looks_ahead=False) is not None
                )
        return False

    def _bare_symbols(self, text: str, words: list[Word], taken: list[tuple[int, int]]) -> Iterable[Mention]:
        shouting = _is_shouting(text)
        keys = {word.key for word in words}
        for place, word in enumerate(words):
            symbol = word.text.removesuffix("'s").removesuffix("’s")
            if symbol not in self._symbols or _overlaps((word.start, word.end), taken):
                continue
            if shouting or means_coin(symbol, (), keys):
                continue
            certain = self._symbols[symbol] or self._in_a_row(text, words, place)
            if certain or in_company(words, place, 1, strict=True):
                yield Mention(symbol, word.start, word.start + len(symbol), "symbol")

    def _in_a_row(self, text: str, words: list[Word], place: int) -> bool:
        """Whether it is one of a row of symbols parted by commas, of which one is certain: `YUM, SG, CALM`."""
        for step in (-1, 1):
            at = place
            while 0 <= at + step < len(words):
                left, right = words[min(at, at + step)], words[max(at, at + step)]
                certain = self._symbols.get(words[at + step].text)
                if certain is None or text[left.end : right.start].strip() != ",":
                    break
                if certain:
                    return True
                at += step
        return False


def _matches(words: list[Word], place: int, keys: tuple[str, ...]) -> bool:
    return len(keys) <= len(words) - place and all(words[place + offset].key == key for offset, key in enumerate(keys))


def _dotted(symbol: str) -> str:
    return symbol.replace("-", ".").replace("/", ".")


def _overlaps(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in taken)


def _spells(symbol: str, before: list[Word]) -> bool:
    """Whether the words just before are what the letters stand for: `Annual General Meeting (AGM)`."""
    if len(symbol) < 2 or len(before) < len(symbol):
        return False
    return [word.key[:1] for word in before[-len(symbol) :]] == list(symbol.lower())


def _is_shouting(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    return len(letters) > 12 and sum(letter.isupper() for letter in letters) > 0.7 * len(letters)
