"""`python -m bench.sentiment`: the embedded model on labelled headlines, FinBERT's speed, companies in headlines.

Every figure stands beside its peer of the same run: all-neutral, and a plain transformers pipeline. FinBERT's part runs
under the Python that BELLWETHER_FINBERT_PYTHON (or --interpreter) names, else it says why it is missing.
"""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bellwether.news.domain.tickers import Listing, TickerFinder, parse_listings
from bench.labelled import (
    SETS,
    VARIABLE,
    CompanyHeadline,
    Half,
    Part,
    half_of,
    later_headlines,
    own_tones,
    rows_of,
    sentfin_companies,
    shared_data,
)
from jobs.sentiment.classifying.companies.tones import company_scores
from jobs.sentiment.classifying.lexicon.model import WORD_LIST_FILE, LexiconClassifier
from jobs.sentiment.classifying.lexicon.wordlist import WordList
from jobs.sentiment.evaluation import Agreement, agreement, evaluate

ROOT = Path(__file__).parents[1]
LISTINGS = ROOT / "layers/bellwether/bellwether/news/data/us_symbols.csv"
OWN_HEADLINES = ROOT / "bench" / "headlines"
INTERPRETER_VARIABLE = "BELLWETHER_FINBERT_PYTHON"
_INDEX = re.compile(r"s&p 500")  # names no company, but begins like S&P Global
HALVES: tuple[Half, ...] = ("development", "unseen")
COMPANIES_LOOKED_AT: dict[Half, str] = {
    "development": "errors read",
    "unseen": "errors read once, at recall .938; names and rules changed since, the later ones for other cases",
}
SENTFIN_LOOKED_AT = "score; a few errors of roles, once"
LATER_LOOKED_AT = {
    "first": "scored once, then errors read and kinds mended",
    "second": "errors read at the first score; a name added since",
}
MISSING_DATA = f"no labelled data: set {VARIABLE} to the shared data folder"


@dataclass(frozen=True)
class Tone:
    """Agreement on one half of one set."""

    name: str
    half: Half
    looked_at: str
    model: Agreement
    all_neutral: Agreement


@dataclass(frozen=True)
class Companies:
    """Recall on headlines filed under a symbol. `recall_named`: only those whose title names the company at all.

    A publisher files a headline under a company that it does not name ("Coca-Cola" under National Beverage); such a
    title can't be resolved by reading it. `mentions_elsewhere` are companies found besides the filed one.
    """

    half: Half
    looked_at: str
    headlines: int
    recall: float
    named: int
    recall_named: float
    recall_marked_only: float
    mentions_elsewhere: int
    microseconds_a_headline: float


def lexicon() -> LexiconClassifier:
    """The embedded model as it ships."""
    path = ROOT / "jobs/sentiment/classifying/lexicon" / WORD_LIST_FILE
    return LexiconClassifier(WordList.parse(path.read_bytes()))


def tones(folder: Path) -> list[Tone]:
    """The embedded model on both halves of every set."""
    model = lexicon()
    found = []
    for labelled in SETS:
        for half in HALVES:
            evaluated = evaluate(labelled.name, labelled.half(folder, half), model)
            looked_at = labelled.looked_at if half == "development" else "nothing"
            found.append(Tone(labelled.name, half, looked_at, evaluated.model, evaluated.all_neutral))
    return found


def lexicon_speed() -> float:
    """Microseconds a headline."""
    model = lexicon()
    texts = [entry["text"] for entry in json.loads((ROOT / "jobs/sentiment/golden.json").read_bytes())] * 200
    begun = time.perf_counter()
    model.classify(texts)
    return round((time.perf_counter() - begun) / len(texts) * 1e6, 1)


# --- tone for each company -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CompanyTones:
    """Agreement for each company of a headline. `headline`: each company gets the headline's label, as before."""

    name: str
    part: str
    looked_at: str
    own: Agreement
    headline: Agreement
    all_neutral: Agreement


def company_tones(folder: Path | None) -> list[CompanyTones]:
    """SEntFiN's test part, where it is present, and both halves of this project's own headlines by kind."""
    found = []
    parts: tuple[tuple[Part, str], ...] = (("development", "errors read"), ("test", SENTFIN_LOOKED_AT))
    for part, looked_at in parts:
        rows = sentfin_companies(folder, part) if folder else []
        several = [row for row in rows if len(row.labels) > 1]
        differ = [row for row in several if len(set(row.labels.values())) > 1]
        groups = (
            ("SEntFiN, one company", [row for row in rows if len(row.labels) == 1]),
            ("SEntFiN, two and more", several),
            ("SEntFiN, labels differ", differ),
        )
        found += [_company_tones(name, part, looked_at, group) for name, group in groups if group]
    for half in HALVES:
        own = own_tones(half)
        looked_at = "errors read once" if half == "development" else "score only"
        for kind in ("plain", "negation", "roles"):
            found.append(_company_tones(f"own, {kind}", half, looked_at, [row for row in own if row.kind == kind]))
        found.append(_company_tones("own, all", half, looked_at, own))
    for later_part, looked_at in LATER_LOOKED_AT.items():
        rows = [row for row in later_headlines(later_part) if row.labels]
        found.append(_company_tones("written after the rules", later_part, looked_at, rows))
    return found


def _company_tones(name: str, part: str, looked_at: str, rows: Sequence[CompanyHeadline]) -> CompanyTones:
    model = lexicon()
    truth, own, shared = [], [], []
    for row, headline in zip(rows, model.classify([row.text for row in rows]), strict=True):
        scores = company_scores(row.text, {company: [company] for company in row.labels}, headline, model)
        for company, label in row.labels.items():
            truth.append(label)
            own.append(scores[company].label)
            shared.append(headline.label)
    neutral = agreement(truth, ["neutral"] * len(truth))
    return CompanyTones(name, part, looked_at, agreement(truth, own), agreement(truth, shared), neutral)


# --- companies -------------------------------------------------------------------------------------------------------


def companies(folder: Path) -> list[Companies]:
    """Both halves of the headlines that a publisher filed under a symbol."""
    listings = parse_listings(LISTINGS.read_text(encoding="utf-8"))
    finder = TickerFinder(listings)
    bare = TickerFinder(Listing(listing.symbol) for listing in listings)
    by_symbol = {listing.symbol: listing for listing in listings}
    rows = [(row["symbol"], row["title"]) for row in rows_of(folder / "news" / "ticker_headlines_2026.csv.gz")]
    return [
        _companies(half, [row for row in rows if half_of(row[1]) == half], finder, bare, by_symbol) for half in HALVES
    ]


def _companies(
    half: Half,
    rows: Sequence[tuple[str, str]],
    finder: TickerFinder,
    bare: TickerFinder,
    by_symbol: dict[str, Listing],
) -> Companies:
    begun = time.perf_counter()
    found = [finder.find(title) for _, title in rows]
    seconds = time.perf_counter() - begun
    hits = [symbol in {each.symbol for each in mentions} for (symbol, _), mentions in zip(rows, found, strict=True)]
    marked = [symbol in bare.symbols(title) for symbol, title in rows]
    named = [hit for hit, (symbol, title) in zip(hits, rows, strict=True) if _names(title, symbol, by_symbol)]
    return Companies(
        half=half,
        looked_at=COMPANIES_LOOKED_AT[half],
        headlines=len(rows),
        recall=_share(hits),
        named=len(named),
        recall_named=_share(named),
        recall_marked_only=_share(marked),
        mentions_elsewhere=sum(len(mentions) for mentions in found) - sum(hits),
        microseconds_a_headline=round(seconds / len(rows) * 1e6, 1),
    )


@dataclass(frozen=True)
class OwnCompanies:
    """Companies found in this project's own headlines, many of whose names are also words (headlines/companies.csv)."""

    half: str
    headlines: int
    companies: int
    recall: float
    precision: float


def own_companies() -> list[OwnCompanies]:
    """Both halves; the errors of the unseen half were never read."""
    finder = TickerFinder(parse_listings(LISTINGS.read_text(encoding="utf-8")))
    with (OWN_HEADLINES / "companies.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row["text"], {each for each in row["symbols"].split(";") if each}) for row in csv.DictReader(file)]
    halves = [_own_companies(half, [row for row in rows if half_of(row[0]) == half], finder) for half in HALVES]
    later = [
        _own_companies(f"later, {part}", [(row.text, set(row.symbols)) for row in later_headlines(part)], finder)
        for part in LATER_LOOKED_AT
    ]
    return halves + later


def _own_companies(half: str, rows: Sequence[tuple[str, set[str]]], finder: TickerFinder) -> OwnCompanies:
    found = [set(finder.symbols(text)) for text, _ in rows]
    right = sum(len(expected & given) for (_, expected), given in zip(rows, found, strict=True))
    named, given = sum(len(expected) for _, expected in rows), sum(map(len, found))
    return OwnCompanies(half, len(rows), named, round(right / named, 4), round(right / given, 4))


def _names(title: str, symbol: str, by_symbol: dict[str, Listing]) -> bool:
    """Whether the title has the symbol or the first word of one of the company's names: a test unlike the finder's."""
    listing = by_symbol.get(symbol)
    names = () if listing is None else (*listing.aliases, *listing.guarded)
    words = {symbol.lower(), *(re.split(r"[\s/]", name.lower())[0].removesuffix("'s") for name in names)}
    text = _INDEX.sub("", title.lower().replace("’", "'"))
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in words)


def _share(hits: Sequence[bool]) -> float:
    return round(sum(hits) / len(hits), 4) if hits else 0.0


# --- FinBERT ---------------------------------------------------------------------------------------------------------


def finbert_speeds(interpreter: str | None, base: bool) -> list[dict[str, Any]] | str:
    """The speeds that `bench.finbert_speed` measures, or why there are none."""
    python = interpreter or os.environ.get(INTERPRETER_VARIABLE)
    if not python:
        return (
            f"FinBERT not measured: {INTERPRETER_VARIABLE} names no Python with torch, transformers, onnxruntime, onnx"
        )
    command = [python, "-m", "bench.finbert_speed", *(["--base"] if base else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines() or ["no reason given"]
        return f"FinBERT not measured: {reason[-1]}"
    speeds: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return speeds


# --- output ----------------------------------------------------------------------------------------------------------


def report(interpreter: str | None, base: bool) -> dict[str, Any]:
    """Everything that can be measured here."""
    folder = shared_data()
    return {
        "lexicon_microseconds_a_headline": lexicon_speed(),
        "tone": [asdict(each) for each in tones(folder)] if folder else MISSING_DATA,
        "company_tone": [asdict(each) for each in company_tones(folder)],
        "companies": [asdict(each) for each in companies(folder)] if folder else MISSING_DATA,
        "own_companies": [asdict(each) for each in own_companies()],
        "finbert": finbert_speeds(interpreter, base),
    }


def show(found: dict[str, Any], console: Console) -> None:
    """As tables."""
    console.print(f"Embedded model: {found['lexicon_microseconds_a_headline']} µs a headline")
    _tone_table(found["tone"], console)
    _company_tone_table(found["company_tone"], console)
    _companies_table(found["companies"], console)
    _own_companies_table(found["own_companies"], console)
    _finbert_table(found["finbert"], console)


def _tone_table(found: list[dict[str, Any]] | str, console: Console) -> None:
    if isinstance(found, str):
        console.print(found)
        return
    table = Table("set", "half", "looked at", "n", "accuracy / macro-F1", "all neutral", title="Tone of headlines")
    for row in found:
        model, neutral = row["model"], row["all_neutral"]
        table.add_row(row["name"], row["half"], row["looked_at"], str(model["n"]), _pair(model), _pair(neutral))
    console.print(table)


def _company_tone_table(found: list[dict[str, Any]], console: Console) -> None:
    columns = ("set", "part", "looked at", "n", "accuracy / macro-F1", "headline's label", "all neutral")
    table = Table(*columns, title="Tone for each company")
    for row in found:
        pairs = (_pair(row["own"]), _pair(row["headline"]), _pair(row["all_neutral"]))
        table.add_row(row["name"], row["part"], row["looked_at"], str(row["own"]["n"]), *pairs)
    console.print(table)


def _pair(agreement: dict[str, float]) -> str:
    return f"{agreement['accuracy']:.3f} / {agreement['macro_f1']:.3f}"


def _companies_table(found: list[dict[str, Any]] | str, console: Console) -> None:
    if isinstance(found, str):
        return
    columns = ("half", "looked at", "n", "recall", "marked only", "named", "recall of those", "elsewhere", "µs")
    table = Table(*columns, title="Companies in headlines")
    for row in found:
        table.add_row(
            row["half"],
            row["looked_at"],
            str(row["headlines"]),
            f"{row['recall']:.3f}",
            f"{row['recall_marked_only']:.3f}",
            str(row["named"]),
            f"{row['recall_named']:.3f}",
            str(row["mentions_elsewhere"]),
            f"{row['microseconds_a_headline']:.0f}",
        )
    console.print(table)


def _own_companies_table(found: list[dict[str, Any]], console: Console) -> None:
    table = Table("half", "n", "companies", "recall", "precision", title="Companies in this project's own headlines")
    for row in found:
        shares = (f"{row['recall']:.3f}", f"{row['precision']:.3f}")
        table.add_row(row["half"], str(row["headlines"]), str(row["companies"]), *shares)
    console.print(table)


def _finbert_table(found: list[dict[str, Any]] | str, console: Console) -> None:
    if isinstance(found, str):
        console.print(found)
        return
    columns = ("network", "way", "sentences/s", "× plain", "mean score distance", "same label")
    table = Table(*columns, title="FinBERT's architecture, random weights, one thread")
    for row in found:
        distance, same = row["mean_score_distance"], row["same_label"]
        table.add_row(
            row["network"],
            row["way"],
            f"{row['per_second']:.1f}",
            f"{row['times_plain']:.2f}",
            "" if distance is None else f"{distance:.4f}",
            "" if same is None else f"{same:.3f}",
        )
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.sentiment", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--interpreter", help="a Python with FinBERT's libraries")
    parser.add_argument("--base", action="store_true", help="measure FinBERT's own size, too (some minutes)")
    given = parser.parse_args(arguments)
    found = report(given.interpreter, given.base)
    if given.json:
        print(json.dumps(found, indent=1))
    else:
        show(found, Console(highlight=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
