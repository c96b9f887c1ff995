"""Train the spend model on simulated bills, and fail when its RMSE or MAPE exceeds a baseline's by the policy.

Continuous integration runs it: a change to recipe, backtest or job that makes forecasts worse than a rule of thumb does
not get in. Run: python -m bench.model_fidelity [--folder FOLDER]
"""

import argparse
import csv
import hashlib
import io
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from bellwether.finops.domain.charges import ChargeCategory
from bellwether.models.domain.specs import SpendGatePolicy
from bellwether.models.domain.spend_evaluation import SpendReport
from bellwether.models.domain.spend_gate import fidelity
from jobs.training.learning.cloudspend import training
from samples.billing.spend import simulate_spend

SEED, ACCOUNTS, SERVICES, FIRST, DAYS = 4, 24, 3, date(2026, 1, 1), 212


def write_channel(folder: Path, seed: int = SEED, accounts: int = ACCOUNTS, services: int = SERVICES) -> None:
    """Write simulated usage as the training channel's `spend.csv` and `manifest.json`."""
    amounts: dict[tuple[date, str, str, str], float] = defaultdict(float)
    for charge in simulate_spend(seed, accounts, services, FIRST, DAYS):
        key = charge.key
        if key.category is ChargeCategory.USAGE:
            amounts[key.day, key.account, key.service, key.cost_center] += float(charge.effective)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["day", "account", "service", "cost_center", "amount"])
    writer.writerows((day, *rest, f"{amount:.4f}") for (day, *rest), amount in sorted(amounts.items()))
    content = text.getvalue().encode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spend.csv").write_bytes(content)
    manifest = {
        "schema_version": 1,
        "dataset": "cost",
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": len(amounts),
        "first_day": str(FIRST),
        "last_day": str(FIRST + timedelta(days=DAYS - 1)),
        "metric": "effective",
        "currency": "USD",
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def check(report: SpendReport, policy: SpendGatePolicy) -> list[str]:
    """Print each figure beside its baseline's, and return what is not kept."""
    for measure in ("rmse", "mape"):
        shown = " ".join(f"{who}={getattr(errors, measure):.6g}" for who, errors in report.errors.items())
        print(f"{measure}: {shown}")
    gates = fidelity(report, policy)
    for gate in gates:
        print(f"{gate.name}: {gate.observed:.3f}, at most {gate.limit}: {'kept' if gate.passed else 'NOT KEPT'}")
    return [gate.reason for gate in gates if not gate.passed]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train in a folder, and return 1 when the policy is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        write_channel(folder / "train")
        training.run({"model": "cloudspend", "trials": "1"}, folder / "train", folder / "model", folder / "output")
        content = (folder / "output" / training.EVALUATION_FILE).read_bytes()
    broken = check(SpendReport.model_validate_json(content), SpendGatePolicy())
    for reason in broken:
        print(f"model fidelity: {reason}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
