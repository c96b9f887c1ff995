"""Labelled headlines under the shared data folder, in two halves: one to develop with, one that nobody looked at.

The folder is no part of this repository: BELLWETHER_SHARED_DATA names it, else `../shared/data` is tried.
"""

import csv
import gzip
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from jobs.sentiment.evaluation import Labelled

Half = Literal["development", "unseen"]
Part = Literal["development", "test"]
VARIABLE = "BELLWETHER_SHARED_DATA"
FIQA_NEUTRAL = 0.15  # scores up to here, from -1 to 1, are neutral


def shared_data() -> Path | None:
    """The folder, or None where there is none."""
    folder = Path(os.environ.get(VARIABLE) or Path(__file__).parents[2] / "shared" / "data")
    return folder if (folder / "sentiment").is_dir() else None


@dataclass(frozen=True)
class LabelledSet:
    """One set. `looked_at` says what the word list's author saw of the development half."""

    name: str
    read: Callable[[Path], list[Labelled]]
    looked_at: str

    def half(self, folder: Path, half: Half) -> list[Labelled]:
        """The rows of one half."""
        return [row for row in self.read(folder) if half_of(row.text) == half]


def half_of(text: str) -> Half:
    """By a hash of the letters and digits, so that copies of a text are in the same half."""
    letters = "".join(re.findall(r"[a-z0-9]+", text.lower()))
    return "unseen" if sha256(letters.encode()).digest()[0] & 1 else "development"


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a gzipped CSV file."""
    with gzip.open(path) as file:
        yield from csv.DictReader(io.TextIOWrapper(file, "utf-8", newline=""))


def _sentfin(folder: Path) -> list[Labelled]:
    """Headlines whose entities all have one label."""
    found = []
    for row in rows_of(folder / "sentiment" / "sentfin_entity_headlines.csv.gz"):
        labels = set(json.loads(row["Decisions"]).values())
        if len(labels) == 1:
            found.append(Labelled(row["Title"], labels.pop()))
    return found


@dataclass(frozen=True)
class CompanyHeadline:
    """A headline with the label that people gave it for each company."""

    text: str
    labels: Mapping[str, str]
    kind: str = ""
    symbols: frozenset[str] = frozenset()


def sentfin_companies(folder: Path, part: Part) -> list[CompanyHeadline]:
    """SEntFiN by a hash of the letters modulo 10: 0 to 7 to develop with, 8 and 9 to test. Repeats are left out."""
    found: dict[str, CompanyHeadline] = {}
    for row in rows_of(folder / "sentiment" / "sentfin_entity_headlines.csv.gz"):
        lowered = row["Title"].lower()
        letters = "".join(re.findall(r"[a-z]", lowered))
        tested = int(sha256(letters.encode()).hexdigest()[:8], 16) % 10 > 7
        if tested == (part == "test"):
            found.setdefault(lowered, CompanyHeadline(row["Title"], json.loads(row["Decisions"])))
    return list(found.values())


def own_tones(half: Half) -> list[CompanyHeadline]:
    """This project's own headlines; a row for each company."""
    rows: dict[str, tuple[str, dict[str, str]]] = {}
    with (Path(__file__).parent / "headlines" / "tones.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["text"], (row["kind"], {}))[1][row["company"]] = row["label"]
    return [CompanyHeadline(text, labels, kind) for text, (kind, labels) in rows.items() if half_of(text) == half]


def later_headlines(part: str) -> list[CompanyHeadline]:
    """Headlines written after the rules: the first part before errors of it were read, the second after mending."""
    found: dict[str, CompanyHeadline] = {}
    with (Path(__file__).parent / "headlines" / "later.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["part"] == part:
                known = found.get(row["text"], CompanyHeadline(row["text"], {}, row["kind"]))
                labels = {**known.labels, **({row["company"]: row["label"]} if row["company"] else {})}
                symbols = known.symbols | ({row["symbol"]} if row["symbol"] else frozenset())
                found[row["text"]] = CompanyHeadline(row["text"], labels, row["kind"], symbols)
    return list(found.values())


def _twitter(folder: Path) -> list[Labelled]:
    rows = rows_of(folder / "sentiment" / "twitter_financial_news.csv.gz")
    return [Labelled(row["text"], row["label"]) for row in rows]


def _phrasebank(folder: Path, least_agreement: int) -> list[Labelled]:
    rows = rows_of(folder / "sentiment" / "financial_phrasebank.csv.gz")
    return [Labelled(row["sentence"], row["label"]) for row in rows if int(row["agreement_pct"]) >= least_agreement]


def _fiqa(folder: Path) -> list[Labelled]:
    rows = rows_of(folder / "sentiment" / "fiqa_task1.csv.gz")
    return [Labelled(row["sentence"], _fiqa_label(float(row["score"]))) for row in rows]


def _fiqa_label(score: float) -> str:
    if abs(score) <= FIQA_NEUTRAL:
        return "neutral"
    return "positive" if score > 0 else "negative"


SETS = (
    LabelledSet("SEntFiN", _sentfin, "errors read"),
    LabelledSet("Twitter", _twitter, "errors read"),
    LabelledSet("FiQA", _fiqa, "errors read"),
    LabelledSet("PhraseBank", lambda folder: _phrasebank(folder, 50), "score only"),
    LabelledSet("PhraseBank, all agree", lambda folder: _phrasebank(folder, 100), "score only"),
)
