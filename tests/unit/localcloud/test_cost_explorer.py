"""The replayed Cost Explorer: what it answers, and what it refuses as AWS does."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from localcloud.replay.cost_explorer import GROUPS_A_PAGE, TARGET, CostExplorer, CostTable

TODAY = date(2026, 5, 10)
MONTH = {
    "TimePeriod": {"Start": "2026-05-01", "End": "2026-06-01"},
    "Granularity": "MONTHLY",
    "Metrics": ["UnblendedCost"],
}


def charge(day: int, unblended: str = "1.10", **cells: str) -> dict[str, str]:
    known = {"day": f"2026-05-{day:02}", "service": "AmazonEC2", "account": "0012", "record_type": "Usage"}
    return known | {"UnblendedCost": unblended, "AmortizedCost": "1.00"} | cells


def ask(charges: list[dict[str, str]] | None, request: dict[str, Any] = MONTH, **changes: Any) -> Any:
    """The answer's content; a refusal is its `__type`."""
    explorer = CostExplorer()
    if charges is not None:
        explorer.enable(CostTable.of_json(json.dumps({"today": str(TODAY), "charges": charges}).encode()))
    answer = explorer.answer(TARGET, json.dumps(request | changes).encode())
    content = json.loads(answer.body)
    return content if answer.status == 200 else content["__type"]


def test_a_month_is_summed_and_an_open_one_is_an_estimate() -> None:
    (result,) = ask([charge(1), charge(2), charge(9, "0.30")])["ResultsByTime"]
    assert result["Total"] == {"UnblendedCost": {"Amount": "2.50", "Unit": "USD"}}
    assert result["Estimated"]


def test_the_newest_day_has_not_arrived() -> None:
    (result,) = ask([charge(9), charge(10)])["ResultsByTime"]
    assert result["Total"]["UnblendedCost"]["Amount"] == "1.10"


def test_groups_filters_and_metrics() -> None:
    charges = [
        charge(1),
        charge(1, "5.00", service="AmazonS3"),
        charge(1, "-2.00", record_type="Credit"),
        charge(2, account="0099"),
    ]
    without_credits = {"Not": {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit"]}}}
    groups = [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}]
    answer = ask(charges, Granularity="DAILY", Filter=without_credits, GroupBy=groups, Metrics=["AmortizedCost"])
    days = [each for each in answer["ResultsByTime"] if each["Groups"]]
    assert [(each["TimePeriod"]["Start"], [group["Keys"] for group in each["Groups"]]) for each in days] == [
        ("2026-05-01", [["AmazonEC2", "0012"], ["AmazonS3", "0012"]]),
        ("2026-05-02", [["AmazonEC2", "0099"]]),
    ]
    assert days[0]["Groups"][0]["Metrics"] == {"AmortizedCost": {"Amount": "1.00", "Unit": "USD"}}
    both = {"And": [without_credits, {"Dimensions": {"Key": "SERVICE", "Values": ["AmazonS3"]}}]}
    (result,) = ask(charges, Filter=both)["ResultsByTime"]
    assert result["Total"]["UnblendedCost"]["Amount"] == "5.00"


def test_pages_hold_every_result_once() -> None:
    charges = [charge(day, usage_type=f"{number}") for day in range(1, 9) for number in range(GROUPS_A_PAGE // 2)]
    request = MONTH | {"Granularity": "DAILY", "GroupBy": [{"Type": "DIMENSION", "Key": "USAGE_TYPE"}]}

    def pages() -> Iterator[Any]:
        token: dict[str, str] = {}
        while True:
            answer = ask(charges, request | token)
            yield answer
            if "NextPageToken" not in answer:
                return
            token = {"NextPageToken": answer["NextPageToken"]}

    found = list(pages())
    assert len(found) > 1
    days = [each["TimePeriod"]["Start"] for page in found for each in page["ResultsByTime"]]
    assert days == [str(date(2026, 5, 1) + timedelta(days=number)) for number in range(31)]
    assert sum(len(each["Groups"]) for page in found for each in page["ResultsByTime"]) == len(charges)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"TimePeriod": {"Start": "2026-05-01", "End": "2026-05-01"}}, "ValidationException"),
        ({"TimePeriod": {"Start": "2024-05-01", "End": "2026-05-01"}}, "ValidationException"),
        ({"Granularity": "HOURLY"}, "ValidationException"),
        ({"Metrics": []}, "ValidationException"),
        ({"GroupBy": [{"Type": "TAG", "Key": "CostCenter"}]}, "ValidationException"),
        ({"Filter": {"CostCategories": {"Key": "x", "Values": ["y"]}}}, "ValidationException"),
        ({"NextPageToken": "?"}, "InvalidNextTokenException"),
    ],
)
def test_what_aws_refuses_is_refused(changes: dict[str, Any], refusal: str) -> None:
    assert ask([charge(1)], **changes) == refusal


def test_cost_explorer_that_is_not_enabled_says_so() -> None:
    assert ask(None) == "DataUnavailableException"
    answer = CostExplorer().answer("AWSInsightsIndexService.GetAnomalies", b"{}")
    assert json.loads(answer.body)["__type"] == "UnknownOperationException"
