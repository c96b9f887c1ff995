"""Real and public cost exports are read whole: every row counts or is in quarantine, and totals are the files' own."""

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bellwether.finops.domain.charges import ChargeCategory
from bellwether.finops.usecases.store_charges import StoredCharges
from tests.fakes.charges import InMemoryCharges
from tests.fakes.cost_exports import CostWorld
from tests.places import SHARED

FOLDER = SHARED / "cloudcost"
SCENARIOS = FOLDER / "samples2" / "focus_spec_scenarios"
NOW = datetime(2026, 12, 1, 7, tzinfo=UTC)

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared data is not here"),
]


def read(path: Path) -> tuple[CostWorld, StoredCharges, list[dict[str, str]]]:
    """Deliver a file as it is and refresh."""
    content = path.read_bytes()
    text = gzip.decompress(content).decode() if path.suffix == ".gz" else content.decode()
    rows = list(csv.DictReader(text.splitlines()))
    world = CostWorld(InMemoryCharges(), ["CostCenter", "costcenter"])
    key = f"cost-data/exports/shared/data/BILLING_PERIOD=2026-05/{path.name}"
    world.objects.put(key, content)
    world.write_manifest([key], [{"name": name} for name in rows[0]], export="shared")
    (stored,) = world.refresh(NOW)
    assert stored.outcome == "loaded", stored.reason
    return world, stored, rows


def total(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def found(world: CostWorld) -> Iterator[tuple[ChargeCategory, Decimal, Decimal, int]]:
    for each in world.charges.as_known_at(NOW, date(2000, 1, 1), date(2100, 1, 1)):
        yield each.key.category, each.billed, each.effective, each.rows


def rejected_amount(world: CostWorld) -> Decimal:
    assert isinstance(world.charges, InMemoryCharges)
    return sum((each.amount for each in world.charges.rejected), Decimal(0))


@pytest.mark.parametrize("name", ["focus_1_0_sample.csv.gz", "focus_1_2_synthetic_aws.csv.gz"])
def test_focus_files_are_read_whole(name: str) -> None:
    world, stored, rows = read(FOLDER / name)
    amounts = list(found(world))
    assert sum(each[3] for each in amounts) + stored.rejections == len(rows)
    assert sum((each[1] for each in amounts), Decimal(0)) + rejected_amount(world) == total(rows, "BilledCost")
    assert stored.reconciliations[0].agrees


def test_negative_usage_of_the_real_sample_is_quarantined_with_its_lines() -> None:
    # The real sample writes NULL as text, calls a column Id, and has negative usage of another provider
    world, stored, rows = read(FOLDER / "focus_1_0_sample.csv.gz")
    assert isinstance(world.charges, InMemoryCharges)
    lines = {each.line for each in world.charges.rejected}
    assert stored.rejections == len(lines) == 12
    assert all(rows[line - 2]["ProviderName"] == "Microsoft" for line in lines if line is not None)
    assert {each.reason for each in world.charges.rejected} == {"negative usage"}


@pytest.mark.parametrize("name", ["cur_synthetic_2026-01.csv.gz", "samples2/aws_cur_anonymous_sample.csv.gz"])
def test_legacy_cur_files_are_read_whole(name: str) -> None:
    world, stored, rows = read(FOLDER / name)
    assert sum(each[3] for each in found(world)) == len(rows)
    assert stored.rejections == 0
    exported = total(rows, "lineItem/UnblendedCost")
    (line,) = stored.reconciliations
    assert abs(line.exported - exported) < Decimal("0.000001")  # the generator writes floats
    # The generated file has covered usage without its negation: more than is billed, and the line says so
    covered = [row for row in rows if row["lineItem/LineItemType"] == "SavingsPlanCoveredUsage"]
    assert line.agrees == (not covered)


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.csv")), ids=lambda path: path.stem)
def test_examples_of_the_focus_specification(path: Path) -> None:
    world, stored, rows = read(path)
    amounts = list(found(world))
    assert stored.rejections == 0
    billed, effective = (sum((each[at] for each in amounts), Decimal(0)) for at in (1, 2))
    assert (billed, effective) == (total(rows, "BilledCost"), total(rows, "EffectiveCost"))
    # And where an example tells a commitment's whole story, billed and amortised cost are the same
    if "utilization" in path.stem:
        assert billed == effective
