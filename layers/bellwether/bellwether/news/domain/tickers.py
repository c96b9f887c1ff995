"""Which companies a headline speaks of: cashtags, `(SYM)`, exchange prefixes, symbols in capitals, names.

What is certain counts anywhere: `$CAT`, `NYSE: CAT`, `(CAT)`, a full name. What is also a word counts in company
only: `CAT stock`, `Target's earnings`, `shares of Gap`. A name never counts where its listing says so: Apple, but no
apple pie.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from bellwether.shared.domain.errors import InvalidInputError

How = Literal["cashtag", "exchange", "parenthesis", "symbol", "name"]

COLUMNS = ("symbol", "bare", "aliases", "guarded", "unless")
LONGEST_TEXT = 20_000  # characters looked at
SHORTEST_BARE = 3  # letters of a symbol that counts in company of other words

_SYMBOL = re.compile(r"[A-Z][A-Z0-9]{0,5}(?:\.[A-Z])?")
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z]{1,5}(?:[.\-][A-Za-z])?)(?![\w$])")
_EXCHANGE = re.compile(
    r"\b(?P<exchange>[A-Za-z]{2,8}(?:\s(?:American|Arca|Global|Capital)(?:\sMarket)?)?)\s?:\s?"
    r"(?P<symbol>[A-Z]{1,5}(?:[.\-][A-Z])?)\b(?!\.?\w)"
)
_PARENTHESIS = re.compile(r"[(\[]\s?(?P<symbol>[A-Z]{1,5}(?:[.\-][A-Z])?)\s?[)\]]")
_ADDRESS = re.compile(r"\b(?:https?://|www\.)\S+", re.I)
_WORD = re.compile(r"[^\W_]+(?:[&.'’\-][^\W_]+)*|&")
_LIST = re.compile(r",\s?(?:and\s)?|\s(?:and|vs\.?|versus|&)\s")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_US_EXCHANGES = _set("""
    nyse nasdaq nasdaqgs nasdaqgm nasdaqcm amex nysemkt nyseamerican nysearca arca bats cboe otc otcqx otcqb nys nas
""")
_OTHER_EXCHANGES = _set("""
    tse tsx tsxv cve cse lse lon aim asx nse bse sgx hkg hkex hkse szse sse shse krx tyo fra etr xetra epa ams bit
    bme mil sto hel cph osl swx six vie wse jse kosdaq klse idx tadawul dfm adx nzx nze ise b3 bvmf sehk
""")
_AFTER_COMPANY = _set("""
    stock stocks share shares shareholder shareholders investor investors earnings results revenue profit inc corp
    corporation co ltd plc ceo cfo chief executive dividend options calls puts q1 q2 q3 q4 guidance outlook
    valuation analyst analysts price ipo layoffs lawsuit stores workers employees beats misses says said unveils
    announces reports posts raise raises cut cuts hires appoints names upgraded downgraded soars surge surges jump
    jumps rally rallies rise rises gains climb climbs drop drops fall falls slips slides slumps sinks tumbles
    plunges declines acquires buys sells expands completes launch launches schedules wins signs partners plans
    agrees hits opens closes files declares
""")
_AFTER_SYMBOL = frozenset({"stock", "options", "calls", "puts"})
_QUARTERS = frozenset({"q1", "q2", "q3", "q4"})
_BEFORE_COMPANY = _set("""
    ticker symbol nyse nasdaq bank retailer chipmaker drugmaker automaker carmaker airline insurer lender biotech
    startup giant
""")
_PLANNED = _set("report present announce acquire participate host release buy sell launch open close cut")
_OF = _set("shares stake stock shareholders investors units downgrade upgrade")
_BETWEEN = frozenset({"of", "in", "for", "on"})


@dataclass(frozen=True)
class Listing:
    """A listed company. `bare` says that the symbol's capitals alone mean it; `guarded` names need a context;
    a name inside one of the phrases in `unless` is none."""

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
class _Word:
    text: str
    key: str
    start: int
    end: int
    possessive: bool


@dataclass(frozen=True)
class _Alias:
    words: tuple[str, ...]
    symbol: str
    guarded: bool


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
                    self._add(_Alias(_keys(name), listing.symbol, guarded))
            for phrase in listing.unless:
                words = _keys(phrase)
                self._unless.setdefault(words[0], []).append(words)
        for found in self._aliases.values():
            found.sort(key=lambda alias: -len(alias.words))

    def _add(self, alias: _Alias) -> None:
        if alias.words:
            self._aliases.setdefault(alias.words[0], []).append(alias)

    def find(self, text: str) -> tuple[Mention, ...]:
        """First mention of each company, in the order of the text."""
        text = _ADDRESS.sub(lambda match: " " * len(match[0]), text[:LONGEST_TEXT])  # what it names is no statement
        taken: list[tuple[int, int]] = []
        found = [*self._cashtags(text, taken), *self._exchanges(text, taken)]
        words = _words(text)
        marked = {mention.symbol for mention in found}
        in_parentheses = list(self._parentheses(text, taken, words))
        found += in_parentheses
        marked |= {mention.symbol for mention in in_parentheses}
        found += self._names(text, words, taken, marked)
        found += self._bare_symbols(text, words, taken)
        first: dict[str, Mention] = {}
        for mention in sorted(found, key=lambda each: (each.start, each.symbol)):
            first.setdefault(mention.symbol, mention)
        return tuple(first.values())

    def symbols(self, text: str) -> tuple[str, ...]:
        """Symbols of the companies, in the order of the text."""
        return tuple(mention.symbol for mention in self.find(text))

    # --- marked symbols ----------------------------------------------------------------------------------------------

    def _cashtags(self, text: str, taken: list[tuple[int, int]]) -> Iterable[Mention]:
        for match in _CASHTAG.finditer(text):
            symbol = match[1].upper().replace("-", ".")
            taken.append(match.span())
            if symbol in self._symbols:
                yield Mention(symbol, *match.span(), "cashtag")

    def _exchanges(self, text: str, taken: list[tuple[int, int]]) -> Iterable[Mention]:
        for match in _EXCHANGE.finditer(text):
            exchange = match["exchange"].lower().split()[0]
            symbol = match["symbol"].replace("-", ".")
            if exchange in _OTHER_EXCHANGES:
                taken.append(match.span())  # another market's company, whatever is called so here
            elif exchange in _US_EXCHANGES:
                taken.append(match.span())
                if symbol in self._symbols:
                    yield Mention(symbol, *match.span("symbol"), "exchange")

    def _parentheses(self, text: str, taken: list[tuple[int, int]], words: list[_Word]) -> Iterable[Mention]:
        for match in _PARENTHESIS.finditer(text):
            symbol = match["symbol"].replace("-", ".")
            if symbol not in self._symbols or _overlaps(match.span(), taken):
                continue
            before = [word for word in words if word.end <= match.start()]
            known = self._symbols[symbol] or self._stands_beside_its_name(symbol, before)
            enumerates = len(symbol) == 1  # "(A) a merger, (B) a sale"
            if known or not (enumerates or _spells(symbol, before)):
                taken.append(match.span())
                yield Mention(symbol, *match.span("symbol"), "parenthesis")

    def _stands_beside_its_name(self, symbol: str, before: list[_Word]) -> bool:
        near = before[-6:]
        return any(
            alias.symbol == symbol and _matches(near, place, alias.words)
            for place, word in enumerate(near)
            for alias in self._aliases.get(word.key, ())
        )

    # --- names and bare symbols --------------------------------------------------------------------------------------

    def _names(
        self, text: str, words: list[_Word], taken: list[tuple[int, int]], marked: set[str]
    ) -> Iterable[Mention]:
        place = 0
        last_end: int | None = None
        while place < len(words):
            follows = last_end is not None and _LIST.fullmatch(text[last_end : words[place].start]) is not None
            alias = self._alias_at(words, place, taken, marked, follows)
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

    def _excluded(self, words: list[_Word], place: int) -> int:
        keys = self._unless.get(words[place].key, ())
        return max((len(each) for each in keys if _matches(words, place, each)), default=0)

    def _alias_at(
        self, words: list[_Word], place: int, taken: list[tuple[int, int]], marked: set[str], in_list: bool
    ) -> _Alias | None:
        word = words[place]
        if not (word.text[0].isupper() or word.text[0].isdigit() or any(letter.isupper() for letter in word.text)):
            return None
        for alias in self._aliases.get(word.key, ()):
            if not _matches(words, place, alias.words):
                continue
            if _overlaps((word.start, words[place + len(alias.words) - 1].end), taken):
                continue
            if not alias.guarded or in_list or alias.symbol in marked or _in_company(words, place, len(alias.words)):
                return alias
        return None

    def _bare_symbols(self, text: str, words: list[_Word], taken: list[tuple[int, int]]) -> Iterable[Mention]:
        shouting = _is_shouting(text)
        for place, word in enumerate(words):
            symbol = word.text.removesuffix("'s").removesuffix("’s")
            if symbol not in self._symbols or _overlaps((word.start, word.end), taken):
                continue
            if shouting:
                continue
            certain = self._symbols[symbol] or self._in_a_row(text, words, place)
            if certain or _in_company(words, place, 1, strict=True):
                yield Mention(symbol, word.start, word.start + len(symbol), "symbol")

    def _in_a_row(self, text: str, words: list[_Word], place: int) -> bool:
        """Whether a comma parts the word from a neighbour that is a certain symbol: `YUM, SG, CALM`."""
        pairs = [(place - 1, place), (place, place + 1)]
        return any(
            left >= 0
            and right < len(words)
            and "," in text[words[left].end : words[right].start]
            and self._symbols.get(words[left if right == place else right].text, False)
            for left, right in pairs
        )


# --- words -----------------------------------------------------------------------------------------------------------


def _words(text: str) -> list[_Word]:
    found = []
    for match in _WORD.finditer(text):
        key = match[0].replace("’", "'").casefold()
        possessive = key.endswith("'s") or text[match.end() : match.end() + 1] in {"'", "’"}
        found.append(_Word(match[0], _key(key), *match.span(), possessive))
    return found


def _key(word: str) -> str:
    word = word.removesuffix("'s").replace(".", "").replace("'", "")
    return "and" if word == "&" else word


def _keys(name: str) -> tuple[str, ...]:
    return tuple(word.key for word in _words(name))


def _matches(words: list[_Word], place: int, keys: tuple[str, ...]) -> bool:
    return len(keys) <= len(words) - place and all(words[place + offset].key == key for offset, key in enumerate(keys))


def _in_company(words: list[_Word], place: int, length: int, *, strict: bool = False) -> bool:
    """Whether the words around belong to a company: `X stock`, `X's earnings`, `shares of X`.

    `strict`, for symbols that are words: `IT shares`, `A stock` and `ALL stocks` are none, `CAT stock` and `DECK's
    sales` are. Of one or two letters only marked ones are believed: `A Stock to Buy`, `AI Stock Jumps`.
    """
    if strict and len(words[place].key) < SHORTEST_BARE:
        return False
    following = words[place + length].key if place + length < len(words) else ""
    before = words[place - 1].key if place else ""
    earlier = words[place - 2].key if place > 1 else ""
    if before in _BEFORE_COMPANY or (before in _BETWEEN and earlier in _OF):
        return True
    possessive = words[place + length - 1].possessive
    if strict:
        return possessive or following in _AFTER_SYMBOL or following in _QUARTERS
    if following == "to" and place + length + 1 < len(words):
        return words[place + length + 1].key in _PLANNED
    return possessive or following in _AFTER_COMPANY


def _overlaps(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in taken)


def _spells(symbol: str, before: list[_Word]) -> bool:
    """Whether the words just before are what the letters stand for: `Annual General Meeting (AGM)`."""
    if len(symbol) < 2 or len(before) < len(symbol):
        return False
    return [word.key[:1] for word in before[-len(symbol) :]] == list(symbol.lower())


def _is_shouting(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    return len(letters) > 12 and sum(letter.isupper() for letter in letters) > 0.7 * len(letters)
