"""`python -m bench.measured`: measure the word list on the unseen halves, and keep the figures that ship with it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from bench.labelled import SETS, VARIABLE, shared_data
from bench.sentiment import lexicon
from jobs.sentiment.evaluation import SetEvaluation, evaluate
from jobs.sentiment.pack import MEASURED, lexicon_sha256

NAMES = {"SEntFiN": "sentfin", "Twitter": "twitter", "FiQA": "fiqa", "PhraseBank": "phrasebank"}


def measure(folder: Path) -> list[SetEvaluation]:
    """The word list on the half of each set that nobody looked at; fractions of sets are left out."""
    model = lexicon()
    return [evaluate(NAMES[each.name], each.half(folder, "unseen"), model) for each in SETS if each.name in NAMES]


def main() -> int:
    """Write measured.json."""
    folder = shared_data()
    if folder is None:
        print(f"no labelled data: set {VARIABLE} to the shared data folder", file=sys.stderr)
        return 1
    content = {"lexicon_sha256": lexicon_sha256(), "sets": [asdict(each) for each in measure(folder)]}
    MEASURED.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
