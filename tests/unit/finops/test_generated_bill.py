"""The generated bill through our queries: FOCUS, CUR and the answer sheet agree, and planted truths are found."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bellwether.finops.domain.charges import Charge, ChargeCategory
from samples.billing.organisation import Calendar
from samples.make_bill_sample import write_deliveries
from tests.fakes.charges import InMemoryCharges
from tests.fakes.cost_exports import BUCKET, CostWorld

pytestmark = pytest.mark.slow

MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)
CENT = Decimal("0.01")
LATER = datetime(2026, 12, 1, tzinfo=UTC)
SPELLINGS = ("CostCenter", "costcenter", "user:CostCenter")


class Bill:
    """The bill as one export shows it, every delivery loaded in its order."""

    def __init__(self, folder: Path, export: str) -> None:
        self.world = CostWorld(InMemoryCharges(), SPELLINGS)
        self.stored = []
        for day in sorted(path for path in folder.iterdir() if path.is_dir()):
            files = [path for path in (day / export).rglob("*") if path.is_file()]
            for path in sorted(files, key=lambda path: path.suffix == ".json"):
                self.world.objects.put(f"cost-data/exports/{path.relative_to(day).as_posix()}", path.read_bytes())
            known_at = datetime.fromisoformat(f"{day.name}T07:00:00+00:00")
            self.stored += self.world.refresh(known_at)
            self.world.objects.tick(3600)

    def charges(self, known_at: datetime = LATER) -> list[Charge]:
        """May and what was billed for it."""
        return list(self.world.charges.as_known_at(known_at, MAY, JUNE - timedelta(days=1)))

    def usage(self, known_at: datetime = LATER) -> Decimal:
        """Effective cost of May's usage, corrections left out."""
        return sum(
            (
                each.effective
                for each in self.charges(known_at)
                if each.key.category is ChargeCategory.USAGE and not each.key.correction
            ),
            Decimal(0),
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bill")
    write_deliveries(made, Calendar(date(2026, 4, 1), MAY), seed=11, bucket=f"{BUCKET}/cost-data/exports")
    return made


@pytest.fixture(scope="module")
def answers(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "answers.json").read_text())
    return found


@pytest.fixture(scope="module")
def focus(folder: Path) -> Bill:
    return Bill(folder, "focus")


@pytest.fixture(scope="module")
def cur(folder: Path) -> Bill:
    return Bill(folder, "cur")


def near(amount: Decimal, expected: str) -> bool:
    return abs(amount - Decimal(expected)) <= CENT


def test_focus_and_cur_have_the_same_charges(focus: Bill, cur: Bill) -> None:
    def by_day_and_center(bill: Bill) -> dict[tuple[date, str, bool], tuple[Decimal, Decimal]]:
        sums: dict[tuple[date, str, bool], tuple[Decimal, Decimal]] = {}
        for each in bill.charges():
            key = (each.key.day, each.key.cost_center, each.key.correction)
            billed, effective = sums.get(key, (Decimal(0), Decimal(0)))
            sums[key] = (billed + each.billed, effective + each.effective)
        return sums

    assert by_day_and_center(focus) == by_day_and_center(cur)


def test_every_delivery_is_loaded_and_agrees_with_its_files(focus: Bill, cur: Bill) -> None:
    for bill in (focus, cur):
        assert [each.outcome for each in bill.stored] == ["loaded"] * 10
        assert all(line.agrees for each in bill.stored for line in each.reconciliations)
        assert sum(each.rejections for each in bill.stored) == 0


def test_usage_and_untagged_spend_are_those_of_the_answer_sheet(focus: Bill, answers: dict[str, Any]) -> None:
    usage = answers["months"]["2026-05-01"]["usage_effective"]
    assert near(focus.usage(), usage)
    plan = ("ComputeSavingsPlans", "")  # the unused part of the commitment has no tag of its own
    untagged = sum(
        (
            each.effective
            for each in focus.charges()
            if each.key.category is ChargeCategory.USAGE
            and not each.key.correction
            and not each.key.cost_center
            and (each.key.service, "") != plan
        ),
        Decimal(0),
    )
    assert near(untagged, answers["untagged"]["amount"])


def test_the_returned_plan_leaves_the_amortised_month_alone(focus: Bill, answers: dict[str, Any]) -> None:
    returned = [each for each in focus.charges() if each.key.account == "234567890123" and abs(each.billed) == 9000]
    assert sum(each.billed for each in returned) == Decimal(answers["returned_plan"]["billed"])
    assert sum(each.effective for each in returned) == Decimal(answers["returned_plan"]["effective"])
    assert len(returned) == 2


def test_the_correction_belongs_to_the_month_before(focus: Bill, answers: dict[str, Any]) -> None:
    planted = answers["correction"]
    found = focus.world.charges.as_known_at(LATER, date(2026, 4, 1), date(2026, 4, 30))
    (correction,) = [each for each in found if each.key.correction]
    assert (str(correction.key.day), correction.effective) == (planted["day"], Decimal(planted["amount"]))


def test_late_days_are_missing_when_they_are_known_to_be(focus: Bill, answers: dict[str, Any]) -> None:
    # Given the two newest days as known on the tenth, and as they were in the end
    tenth = datetime(2026, 5, 10, 8, tzinfo=UTC)

    def newest(known_at: datetime) -> Decimal:
        return sum(
            (
                each.effective
                for each in focus.charges(known_at)
                if each.key.category is ChargeCategory.USAGE and each.key.day in (date(2026, 5, 8), date(2026, 5, 9))
            ),
            Decimal(0),
        )

    # Then the difference is what was late
    assert near(newest(LATER) - newest(tenth), answers["late_days"]["day10"])
