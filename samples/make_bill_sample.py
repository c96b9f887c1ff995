"""Make the bill of an invented organisation as AWS exports it: FOCUS 1.2 and CUR 2.0 in five deliveries a month.

No real figures. Writes `<folder>/<delivery date>/<export>/…`, which is what arrives in the bucket on that day, and
`<folder>/answers.json`, the planted truths.
Run: uv run python samples/make_bill_sample.py FOLDER [--first 2026-01] [--newest 2026-06] [--seed 11] [--bucket NAME]
"""

import argparse
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from samples.billing.answers import answers
from samples.billing.deliveries import all_deliveries, delivered
from samples.billing.exports import EXPORTS, write
from samples.billing.organisation import Calendar, bill


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the bill's deliveries and the answer sheet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", default="2026-01", help="the first month, YYYY-MM")
    parser.add_argument("--newest", default="2026-06", help="the newest month, YYYY-MM")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--bucket", default="cost-exports", help="the bucket that the manifests name")
    given = parser.parse_args(arguments)
    months = Calendar(date.fromisoformat(f"{given.first}-01"), date.fromisoformat(f"{given.newest}-01"))
    write_deliveries(given.folder, months, given.seed, given.bucket)


def write_deliveries(folder: Path, months: Calendar, seed: int, bucket: str) -> None:
    """Write every delivery of every month below `folder`, and answers.json."""
    lines = bill(months, seed)
    for delivery in all_deliveries(months):
        shown = delivered(lines, delivery)
        for export, rows in EXPORTS.items():
            write(folder / f"{delivery.on}", bucket, export, list(rows(shown, delivery)), delivery)
    (folder / "answers.json").write_text(json.dumps(answers(lines, months), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
