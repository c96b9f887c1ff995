"""Cost data through the real state machine: exports in the bucket become charges in Postgres, by Athena."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli import executions
from cli.problems import CommandError
from cli.target import Target
from samples.billing.organisation import Calendar
from samples.make_bill_sample import write_deliveries
from tests.waiting import wait_for

pytestmark = pytest.mark.aws

MONTH = Calendar(date(2026, 4, 1), date(2026, 5, 1))
CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def bill(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated bill in its deliveries, as if it were exported into the stack's bucket."""
    folder = tmp_path_factory.mktemp("bill")
    write_deliveries(folder, MONTH, seed=11, bucket=f"{target.output('DataBucketName')}/cost-data/exports")
    return folder


def deliver(target: Target, folder: Path, *exports: str) -> None:
    """Put a day's delivery into the bucket, the manifests last."""
    files = [path for each in exports for path in (folder / each).rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: path.suffix == ".json"):
        target.objects.put(f"cost-data/exports/{path.relative_to(folder).as_posix()}", path.read_bytes())


def refresh(target: Target, **request: Any) -> list[dict[str, Any]]:
    arn = target.output("RefreshCostsStateMachineArn")
    refreshed: list[dict[str, Any]] = executions.run(target, arn, request, timeout_seconds=120)["refreshed"]
    return refreshed


def test_deliveries_of_a_month_are_loaded_restated_and_reconciled(target: Target, bill: Path) -> None:
    answers = json.loads((bill / "answers.json").read_text())["months"]["2026-05-01"]
    # Given May as it was on the tenth; When it is refreshed, twice
    deliver(target, bill / "2026-05-10", "focus")
    (early,) = refresh(target, known_at="2026-05-10T07:00:00Z")
    assert refresh(target) == []
    # Then it is loaded once
    assert (early["outcome"], early["period"]) == ("loaded", "2026-05")
    assert early["reconciliations"][0]["agrees"]
    # And the final delivery with its invoice restates it, to the cent
    deliver(target, bill / "2026-06-14", "focus")
    (final,) = refresh(
        target,
        known_at="2026-06-14T07:00:00Z",
        invoice_totals={"2026-05": {"USD": answers["invoice"]}},
    )
    (line,) = final["reconciliations"]
    assert line["agrees"]
    assert abs(Decimal(line["billed"]) - Decimal(answers["invoice"])) <= CENT
    assert final["new"] > 0
    assert final["changed"] > 0  # late days are complete now
    assert final["findings"]["other_tag_keys"].keys() == {"costcenter", "user:CostCenter"}


def test_a_second_export_is_not_added_to_the_first(target: Target, bill: Path) -> None:
    deliver(target, bill / "2026-06-14", "cur")
    with pytest.raises(CommandError, match="several exports, cur, focus: set CostExport"):
        refresh(target)
    # And the same month by CUR has the same total
    (same,) = refresh(target, export="cur", known_at="2026-06-15T07:00:00Z")
    answers = json.loads((bill / "answers.json").read_text())["months"]["2026-05-01"]
    assert abs(Decimal(same["reconciliations"][0]["billed"]) - Decimal(answers["invoice"])) <= CENT


def test_a_manifest_that_names_a_missing_file_is_refused_by_its_name(target: Target, bill: Path) -> None:
    # Given a manifest whose file did not arrive
    (manifest,) = (bill / "2026-05-03" / "focus").rglob("*-Manifest.json")
    key = manifest.relative_to(bill / "2026-05-03").as_posix().replace("2026-05", "2026-07")
    target.objects.put(f"cost-data/exports/{key}", manifest.read_bytes().replace(b"2026-05", b"2026-07"))
    # When it is refreshed; Then the machine fails and says so, once
    with pytest.raises(CommandError, match=r"DeliveryRefused: 2026-07: .*does not exist"):
        refresh(target, export="focus")
    assert [each["outcome"] for each in refresh(target, export="focus")] == ["unchanged"]


def test_a_forecast_checks_budgets_and_sends_each_alert_once(target: Target, bill: Path) -> None:
    # Given April and most of May, and a budget that May's run rate exceeds
    deliver(target, bill / "2026-05-14", "focus")
    refresh(target, export="focus", periods=["2026-04"], known_at="2026-05-14T07:00:00Z")
    control = {"control": "envelope", "cost_center": "retail", "amount": "2000.00", "requested_by": "test"}
    target.invoke(target.output("SetCostControlFunctionName"), {"request": control})
    # When costs are forecast twice
    arn = target.output("ForecastCostsStateMachineArn")
    first = executions.run(target, arn, {"known_at": "2026-05-20T08:00:00Z"}, timeout_seconds=120)
    second = executions.run(target, arn, {"known_at": "2026-05-20T09:00:00Z"}, timeout_seconds=120)
    # Then the budget's alert was sent by the first run, and all can be shown
    assert "Budget of retail is likely to be exceeded" in [alert["title"] for alert in first["alerts"]]
    assert second["alerts"] == []
    show = target.output("ShowOutlookFunctionName")
    months = target.invoke(show, {"subject": "forecast"})["months"]
    assert {line["first_day"] for line in months} == {"2026-05-01", "2026-06-01", "2026-07-01"}
    (budget,) = target.invoke(show, {"subject": "budgets"})["budgets"]
    assert budget["chance_of_exceeding"] > 0.8
    assert "anomalies" in target.invoke(show, {"subject": "anomalies"})
    assert "by_day" in target.invoke(show, {"subject": "score"})


def test_athena_says_what_it_read_and_why_it_failed(target: Target) -> None:
    # Given the last query of the refresh
    athena = target.client("athena")
    group = f"bellwether-{target.environment}-costs"
    queries = [
        athena.get_query_execution(QueryExecutionId=each)["QueryExecution"]
        for each in athena.list_query_executions(WorkGroup=group)["QueryExecutionIds"]
    ]
    # Then it read the files of its delivery, and its result is where it says
    assert all(each["Status"]["State"] == "SUCCEEDED" for each in queries)
    assert all(0 < each["Statistics"]["DataScannedInBytes"] < 100_000 for each in queries)
    key = queries[0]["ResultConfiguration"]["OutputLocation"].partition("://")[2].partition("/")[2]
    assert target.objects.get(key).content.startswith(b'"day","account"')
    # And one without a delivery is refused as in AWS
    query = queries[0]["Query"].replace("delivery = ", "delivery > ")
    started = athena.start_query_execution(QueryString=query, WorkGroup=group)["QueryExecutionId"]
    status = wait_for(lambda: _ended(athena, started), "the query to end")
    assert status["State"] == "FAILED"
    assert "CONSTRAINT_VIOLATION" in status["StateChangeReason"]


def _ended(athena: Any, query: str) -> dict[str, Any] | None:
    status: dict[str, Any] = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
    return status if status["State"] in ("FAILED", "SUCCEEDED") else None
