"""The page about costs adds up, counts what the template has, and stays under the limit."""

import re
from decimal import Decimal

from tests.contract.stacks import STACKS, stack
from tests.places import ROOT

LIMIT_USD = Decimal(25)
ALARM_USD, ALARMS_FREE = Decimal("0.10"), 10
HOURS = 730


def _rows() -> dict[str, list[str]]:
    """Rows of the table "At rest", by what they are about."""
    section = (ROOT / "docs" / "costs.md").read_text().partition("## At rest")[2].partition("## ")[0]
    rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in section.splitlines() if "|" in line]
    return {row[0]: row[1:] for row in rows[2:]}


def _of_type(resource_type: str) -> int:
    return sum(len(stack(name).of_type(resource_type)) for name in STACKS)


def test_sum_is_right_and_under_the_limit() -> None:
    rows = _rows()
    total = Decimal(rows.pop("sum without alarms")[2])
    assert sum(Decimal(row[2]) for row in rows.values()) == total
    # And with the alarms that the template has, so that a new one takes no change of the page
    alarms_usd = max(_of_type("AWS::CloudWatch::Alarm") - ALARMS_FREE, 0) * ALARM_USD
    assert total + alarms_usd < LIMIT_USD


def test_what_is_paid_by_the_hour_is_paid_all_month() -> None:
    hourly = [row for row in _rows().values() if re.fullmatch(r"[\d.]+ an hour", row[1]) and row[0] == "1"]
    assert len(hourly) == 2
    for count, price, month in hourly:
        assert Decimal(count) * Decimal(price.split()[0]) * HOURS == Decimal(month)


def test_page_counts_what_the_template_has() -> None:
    counts = {what.partition(",")[0]: row[0] for what, row in _rows().items()}
    assert counts["Secrets"] == str(_of_type("AWS::SecretsManager::Secret"))
    (database,) = stack("foundation").of_type("AWS::RDS::DBInstance").values()
    assert counts["RDS storage"] == database["AllocatedStorage"]
    assert (database["DBInstanceClass"], database["MultiAZ"]) == ("db.t4g.micro", False)


def test_network_holds_one_paid_endpoint_in_one_zone_and_no_gateway() -> None:
    endpoints = stack("foundation").of_type("AWS::EC2::VPCEndpoint").values()
    paid = [endpoint for endpoint in endpoints if endpoint["VpcEndpointType"] == "Interface"]
    assert [len(endpoint["SubnetIds"]) for endpoint in paid] == [1]
    assert _of_type("AWS::EC2::NatGateway") == 0
