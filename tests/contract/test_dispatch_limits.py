"""A limit of dispatch is declared once, in DispatchPolicy: settings, gates, templates and the README follow from it."""

from decimal import Decimal
from typing import Annotated

import pytest
from pydantic import Field

from bellwether.shared.domain.decisions import Gate
from bellwether.shared.settings import FunctionSettings, load
from bellwether.trading.domain.gate_evaluation import evaluate
from bellwether.trading.domain.risk_gates import GATES, DispatchPolicy, ProposedTrade, RiskGate
from docs.reference import gate_table
from functions.trading.claim_recommendations import app
from stacks.generate import ROOT_TEMPLATE, with_models
from stacks.limits import Limit, limits
from tests.contract.stacks import functions, root, stack
from tests.fakes.dispatch import NOW, a_recommendation
from tests.unit.trading.test_gates import a_book


def test_generated_lines_of_the_root_template_are_current() -> None:
    assert with_models(ROOT_TEMPLATE.read_text()) == ROOT_TEMPLATE.read_text(), "run 'make templates'"


def test_templates_and_settings_have_each_limit_with_its_default() -> None:
    (function,) = [each for each in functions() if each.place == "trading/claim_recommendations"]
    for limit in limits(DispatchPolicy):
        declared = root().body["Parameters"][limit.parameter]
        assert declared["Description"] == limit.info.description
        assert str(declared["Default"]) == limit.default
        assert limit.parameter in stack("news").body["Parameters"]
        assert limit.variable in function.variables
        assert limit.field in app.Settings.model_fields


def test_each_limit_has_a_gate() -> None:
    assert {name for gate in GATES for name in gate.limits} == {limit.field for limit in limits(DispatchPolicy)}


def test_a_gate_reports_under_its_own_name() -> None:
    evaluation = evaluate(a_recommendation(), a_book(), DispatchPolicy(), now=NOW, actor="test")
    assert [gate.name for gate in evaluation.decision.gates] == [gate.name for gate in GATES]


# --- a new gate with a limit: nothing but the following is written by hand -------------------------------------------


class PolicyWithMinimumPrice(DispatchPolicy):
    min_price_usd: Annotated[Decimal, Field(ge=0, le=1_000, description="Minimum price of a share, in USD")] = Decimal(
        5
    )


def price_usd(trade: ProposedTrade) -> Gate:
    assert isinstance(trade.policy, PolicyWithMinimumPrice)
    price, limit = trade.price, trade.policy.min_price_usd
    return Gate(name="price_usd", observed=str(price), limit=str(limit), passed=price is not None and price >= limit)


MINIMUM_PRICE = RiskGate(price_usd, "the price of a share is at least the limit", ("min_price_usd",))


class SettingsWithMinimumPrice(PolicyWithMinimumPrice, FunctionSettings):
    pass


def test_settings_read_the_limit_of_a_new_gate_and_evaluation_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given the limit in the environment, under the name that follows from its field
    monkeypatch.setenv("MIN_PRICE_USD", "500")
    policy = load(SettingsWithMinimumPrice)
    # When a share costs 200 USD
    evaluation = evaluate(a_recommendation(), a_book(), policy, now=NOW, actor="test", gates=(*GATES, MINIMUM_PRICE))
    # Then the new gate refuses, with its limit in the ledger
    assert evaluation.reason == "price_usd: 200.50 (limit 500)"


def test_templates_and_readme_get_the_limit_of_a_new_gate() -> None:
    # Given a template with a repetition over limits
    template = "Parameters:\n  # each limit: <parameter>: <definition>\n  # end\n"
    generated = with_models(template, policy=PolicyWithMinimumPrice)
    # Then it declares the parameter
    assert (
        '  MinPriceUsd: { Description: "Minimum price of a share, in USD", Type: Number, MinValue: 0, MaxValue: 1000, '
        "Default: 5 }\n"
    ) in generated
    # And the table of gates has the gate
    assert "| `price_usd` | the price of a share is at least the limit | `MinPriceUsd` (5) |" in gate_table(
        (*GATES, MINIMUM_PRICE), PolicyWithMinimumPrice
    )


def test_only_described_fields_are_parameters() -> None:
    assert "spread_bps" not in {limit.field for limit in limits(DispatchPolicy)}
    assert Limit("max_open", DispatchPolicy.model_fields["max_failures"]).parameter == "MaxOpen"
