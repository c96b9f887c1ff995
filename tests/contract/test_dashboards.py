"""Dashboards show only metrics that are emitted, for every model; their texts lead to entries of the runbook."""

import json
import re
from typing import Any, NamedTuple

import pytest

from bellwether.models.domain.catalogue import CATALOGUE
from tests.contract.metrics import AWS_METRICS, emitted
from tests.contract.stacks import STACKS, stack
from tests.places import ROOT

NAMES = ("models", "training", "inference", "features")
PER_MODEL = {"dataset", "model", "EndpointName"}  # dimensions that a dashboard searches over instead of listing values
SEARCH = re.compile(
    r"SEARCH\('\{(?P<schema>[\w/,]+)\} MetricName=\"(?P<metric>\w+)\"(?: EndpointName=(?P<token>\w+))?',"
    r" '(?P<statistic>\w+)', (?P<period>\d+)\)"
)


class Drawn(NamedTuple):
    """A row of a widget; dimensions that it searches over have no value."""

    namespace: str
    metric: str
    dimensions: dict[str, str | None]


def _dashboards() -> dict[str, dict[str, Any]]:
    return {
        str(properties["DashboardName"]["Fn::Sub"]).removeprefix("bellwether-${Environment}-"): properties
        for properties in stack("monitoring").of_type("AWS::CloudWatch::Dashboard").values()
    }


def _widgets(name: str) -> list[dict[str, Any]]:
    widgets: list[dict[str, Any]] = json.loads(_dashboards()[name]["DashboardBody"]["Fn::Sub"])["widgets"]
    return widgets


def _drawn(name: str) -> list[Drawn]:
    return [_row(row) for widget in _widgets(name) for row in widget["properties"].get("metrics", [])]


def _row(row: list[Any]) -> Drawn:
    if isinstance(row[0], str):
        cells = [cell for cell in row if isinstance(cell, str)]
        return Drawn(cells[0], cells[1], dict(zip(cells[2::2], cells[3::2], strict=True)))
    found = SEARCH.fullmatch(row[0]["expression"])
    assert found, row
    namespace, *dimensions = found["schema"].split(",")
    return Drawn(namespace, found["metric"], dict.fromkeys(dimensions))


every_row = pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(row, id=f"{name}-{row.metric}-{number}")
        for name in NAMES
        for number, row in enumerate(_drawn(name))
    ],
)


@every_row
def test_what_is_drawn_is_emitted(drawn: Drawn) -> None:
    if drawn.namespace == "Bellwether":
        # Given a metric of our own; Then some function emits it with exactly these dimensions
        assert frozenset(drawn.dimensions) in emitted()[drawn.metric]
        return
    # Given one of AWS's; Then it exists, and the resource that it is about is in the template
    known, names = AWS_METRICS[drawn.namespace]
    assert drawn.metric in known
    assert tuple(drawn.dimensions) == names
    match drawn.namespace:
        case "AWS/States":
            logical_id = str(drawn.dimensions["StateMachineArn"]).removeprefix("${").removesuffix("}")
            home = stack("monitoring")
            assert logical_id in home.body["Parameters"] or logical_id in home.of_type("AWS::Serverless::StateMachine")
        case "AWS/ApiGateway":
            apis = [api for each in STACKS for api in stack(each).of_type("AWS::Serverless::Api").values()]
            assert drawn.dimensions["ApiName"] in {api["Name"]["Fn::Sub"] for api in apis}
            assert {"Ref": str(drawn.dimensions["Stage"]).strip("${}")} in [api["StageName"] for api in apis]


@every_row
def test_no_row_names_a_model(drawn: Drawn) -> None:
    assert all(value is None for name, value in drawn.dimensions.items() if name in PER_MODEL)


@pytest.mark.parametrize("name", NAMES)
def test_a_search_takes_the_statistic_and_period_of_its_widget(name: str) -> None:
    for widget in _widgets(name):
        for row in widget["properties"].get("metrics", []):
            if found := SEARCH.fullmatch(row[0]["expression"]) if isinstance(row[0], dict) else None:
                shown = widget["properties"]
                assert (found["statistic"], int(found["period"])) == (shown["stat"], shown["period"])
                # And a search for endpoints finds those of the catalogue by a word of their names
                names = [n for spec in CATALOGUE.values() for n in (spec.endpoint_name, spec.challenger_endpoint_name)]
                assert found["token"] is None or all(found["token"] in each.split("-") for each in names)


def test_four_dashboards_three_of_them_by_default() -> None:
    assert tuple(_dashboards()) == NAMES
    conditions = {
        name: resource["Condition"]
        for name, resource in stack("monitoring").body["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Dashboard"
    }
    assert [name for name, condition in conditions.items() if condition == "AllDashboards"] == ["FeaturesDashboard"]


@pytest.mark.parametrize("name", NAMES)
def test_text_leads_to_entries_of_the_runbook(name: str) -> None:
    headings = {line.lstrip("# ") for line in (ROOT / "RUNBOOK.md").read_text().splitlines() if line.startswith("#")}
    (text,) = [widget["properties"]["markdown"] for widget in _widgets(name) if widget["type"] == "text"]
    assert "RUNBOOK" in text
    named = set(re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", text))
    assert named
    assert named <= headings


def test_logs_that_are_searched_are_logs_of_ours() -> None:
    groups = {
        group["LogGroupName"]["Fn::Sub"]
        for each in STACKS
        for group in stack(each).of_type("AWS::Logs::LogGroup").values()
        if isinstance(group["LogGroupName"], dict)
    }
    queries = [w["properties"]["query"] for name in NAMES for w in _widgets(name) if w["type"] == "log"]
    assert queries
    for query in queries:
        assert set(re.findall(r"SOURCE '([^']+)'", query)) <= groups
