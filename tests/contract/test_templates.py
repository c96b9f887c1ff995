"""Root template, nested templates, samconfig and repository agree with each other."""

import re
import tomllib
from typing import Any

import pytest
from cfnlint.api import lint_file  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.orders import TradingMode
from bellwether.trading.domain.risk_gates import DispatchPolicy
from docs.image_registry import FRAMEWORK, STACK, VERSION, registry_accounts, with_registry
from tests.contract.stacks import STACKS, Stack, functions, get_att, root, stack, walk
from tests.places import ROOT

ENVIRONMENTS = {"local": "local", "default": "dev", "prod": "prod"}  # by samconfig's name
TAGS = {"App", "Env", "CostCenter"}
READERS = (
    "cli",
    "localcloud",
    "tests/e2e",
    "tests/integration",
    "tests/containers",
    "RUNBOOK.md",
    "README.md",
    ".github",
)

nested = pytest.mark.parametrize("name", STACKS)


def _nested(name: str) -> dict[str, Any]:
    properties: dict[str, Any] = root().of_type("AWS::Serverless::Application")[name.capitalize()]
    return properties


@pytest.mark.slow
@pytest.mark.parametrize("each", [root(), *map(stack, STACKS)], ids=lambda each: each.name)
def test_cfn_lint_has_nothing_to_say(each: Stack) -> None:
    # Given its hints as well: they hold a policy's resources against its actions
    regions = ["us-east-1", "eu-central-1"]
    config = ManualArgs(regions=regions, include_checks=["I"], ignore_checks=["I3011"])  # see the next test
    assert [str(match) for match in lint_file(each.path, config=config)] == []


def test_data_outlives_its_stack() -> None:
    # Given everything that can't be made again; logs, secrets and parked events go with their stack
    kept = {
        ("foundation", "DataBucket"): "RetainExceptOnCreate",
        ("foundation", "Database"): "Snapshot",
        ("models", "ModelPackageGroup"): "RetainExceptOnCreate",
    }
    for (name, resource), policy in kept.items():
        assert stack(name).body["Resources"][resource]["DeletionPolicy"] == policy
        assert stack(name).body["Resources"][resource]["UpdateReplacePolicy"] in {"Retain", "Snapshot"}


# --- parameters and outputs ------------------------------------------------------------------------------------------


def test_root_holds_every_stack() -> None:
    locations = [each["Location"] for each in root().of_type("AWS::Serverless::Application").values()]
    assert locations == [f"stacks/{name}.yaml" for name in STACKS]
    assert {path.stem for path in (ROOT / "stacks").glob("*.yaml")} == set(STACKS)


@nested
def test_nested_stack_gets_exactly_its_parameters(name: str) -> None:
    assert set(_nested(name)["Parameters"]) == set(stack(name).body["Parameters"])


@pytest.mark.parametrize("each", [root(), *map(stack, STACKS)], ids=lambda each: each.name)
def test_parameters_are_described_and_used(each: Stack) -> None:
    body = {key: value for key, value in each.body.items() if key not in ("Parameters", "Metadata")}
    text = repr(body)
    for name, parameter in each.body["Parameters"].items():
        assert len(parameter["Description"]) > 15, name
        assert f"'Ref': '{name}'" in text or "${%s}" % name in text, f"{name} is not used"  # noqa: UP031


@nested
def test_parameters_passed_through_are_described_alike(name: str) -> None:
    for parameter, value in _nested(name)["Parameters"].items():
        if value == {"Ref": parameter}:
            described = {each.body["Parameters"][parameter]["Description"] for each in (root(), stack(name))}
            assert len(described) == 1, parameter


def test_root_parameters_are_constrained_and_grouped() -> None:
    parameters = root().body["Parameters"]
    limits = ("AllowedValues", "AllowedPattern", "MinValue")
    free = {name for name, each in parameters.items() if not any(limit in each for limit in limits)}
    assert free == {"TrainingImage"}  # any registry's
    groups = root().body["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(parameters)


@pytest.mark.parametrize("mode", list(TradingMode))
@pytest.mark.parametrize("hours", list(MarketHours))
@pytest.mark.parametrize("secret", ["", "arn:aws:secretsmanager:us-east-1:000000000000:secret:alpaca"])
def test_no_deployment_trades_outside_the_exchanges_hours(mode: TradingMode, hours: MarketHours, secret: str) -> None:
    # Given every way to set what trading depends on
    chosen = {"TradingMode": mode.value, "MarketHours": hours.value, "AlpacaSecretArn": secret}
    defaults = {name: str(each.get("Default", "")) for name, each in root().body["Parameters"].items()}
    refusals = _refusals({**defaults, **chosen})
    # Then the template refuses what the functions would refuse at run time, and says which parameter it is about
    try:
        DispatchPolicy(trading_mode=mode, market_hours=hours)
    except InvalidInputError:
        assert any("MarketHours" in each for each in refusals)
    else:
        assert not any("MarketHours=" in each for each in refusals)
    assert any("AlpacaSecretArn" in each for each in refusals) == (mode is TradingMode.PAPER and not secret)


def test_nested_outputs_are_there_and_all_read() -> None:
    read = {
        (parts[0], parts[1].removeprefix("Outputs."))
        for value in walk(dict(root().body))
        if (parts := get_att(value)) and parts[1].startswith("Outputs.")
    }
    declared = {(name.capitalize(), output) for name in STACKS for output in stack(name).body.get("Outputs", {})}
    assert read == declared


def test_somebody_reads_each_output_of_the_root() -> None:
    files = [path for place in READERS for path in _files(place)]
    texts = "\n".join(path.read_text() for path in files)
    assert [name for name in root().body["Outputs"] if not re.search(rf"\b{name}\b", texts)] == []


@pytest.mark.parametrize("document", ["RUNBOOK.md", "README.md"])
def test_documents_read_outputs_that_there_are(document: str) -> None:
    # Given the shell function `output NAME` of the runbook
    read = set(re.findall(r"\$\(output (\w+)\)", (ROOT / document).read_text()))
    assert read <= set(root().body["Outputs"])


# --- samconfig -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_samconfig_gives_the_template_what_it_asks_for(environment: str) -> None:
    given = _overrides(environment)
    parameters = root().body["Parameters"]
    # Given a parameter set; Then it names only parameters that there are, and leaves out none without a default
    assert set(given) <= set(parameters)
    assert {name for name, each in parameters.items() if "Default" not in each} <= set(given)
    # And each value is one that the template allows
    for name, value in given.items():
        assert re.fullmatch(parameters[name].get("AllowedPattern", ".*"), value), name
        assert value in [str(each) for each in parameters[name].get("AllowedValues", [value])], name
    assert given["Environment"] == ENVIRONMENTS[environment]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_everything_is_tagged(environment: str) -> None:
    # Given the stack's tags, which CloudFormation hands to every resource and nested stack that takes tags
    tags = dict(pair.split("=") for pair in _samconfig()[environment]["deploy"]["parameters"]["tags"])
    given = _overrides(environment)
    assert tags == {"App": "bellwether", "Env": ENVIRONMENTS[environment], "CostCenter": given["CostCenter"]}


@nested
def test_nested_stacks_are_tagged_whoever_deploys(name: str) -> None:
    assert set(_nested(name)["Tags"]) == TAGS


def test_samconfig_holds_no_secret_and_no_account() -> None:
    text = (ROOT / "samconfig.toml").read_text()
    assert not re.search(r"\d{12}|password|AKIA|token", text, re.IGNORECASE)


# --- names fixed elsewhere -------------------------------------------------------------------------------------------


def test_migrations_version_is_that_of_the_newest_file() -> None:
    newest = max(path.name[:4] for path in (ROOT / "db" / "migrations").glob("[0-9]*.sql"))
    assert root().body["Parameters"]["MigrationsVersion"]["Default"] == newest
    # And no parameter set holds an older one
    assert not any("MigrationsVersion" in _overrides(environment) for environment in ENVIRONMENTS)


def test_application_role_is_the_one_that_gets_its_grants() -> None:
    (migrate,) = [each for each in functions() if each.name == "MigrateDatabase"]
    role = migrate.properties["Environment"]["Variables"]["APPLICATION_ROLE"]
    assert role == "bellwether_app"


def test_xgboost_registry_is_generated_from_sagemaker_core() -> None:
    text = STACK.read_text()
    assert text == with_registry(text), "run 'make image-registry'"
    assert f"/sagemaker-{FRAMEWORK}:{VERSION}" in text
    assert registry_accounts()["us-east-1"] == "683313688378"


# --- helpers ---------------------------------------------------------------------------------------------------------


def _refusals(parameters: dict[str, str]) -> list[str]:
    """What the template's rules say against a choice of parameters, as CloudFormation reads them."""

    def value(expression: Any) -> Any:
        match expression:
            case {"Ref": name}:
                return parameters[name]
            case {"Fn::Equals": [one, other]}:
                return value(one) == value(other)
            case {"Fn::Not": [one]}:
                return not value(one)
            case str():
                return expression
        raise AssertionError(f"not read here: {expression}")

    return [
        assertion["AssertDescription"]
        for rule in root().body["Rules"].values()
        if value(rule["RuleCondition"])
        for assertion in rule["Assertions"]
        if not value(assertion["Assert"])
    ]


def _samconfig() -> dict[str, Any]:
    return tomllib.loads((ROOT / "samconfig.toml").read_text())


def _overrides(environment: str) -> dict[str, str]:
    pairs = _samconfig()[environment]["deploy"]["parameters"]["parameter_overrides"]
    return dict(pair.split("=", 1) for pair in pairs)


def _files(place: str) -> list[Any]:
    path = ROOT / place
    if path.is_file():
        return [path]
    return [each for each in path.rglob("*") if each.suffix in {".py", ".yml", ".md"}]
