"""Write the README's generated tables from the template and the risk gates. `make readme` runs it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from bellwether.trading.domain.risk_gates import GATES, DispatchPolicy, RiskGate
from stacks.limits import limits

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


class _TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as plain values; the tables need none of them."""


_TemplateLoader.add_multi_constructor("!", lambda _loader, suffix, _node: f"!{suffix}")


def parameter_table(template: Path = ROOT / "template.yaml") -> str:
    """The root stack's parameters as a Markdown table."""
    parameters = yaml.load(template.read_text(), _TemplateLoader)["Parameters"]  # noqa: S506  (a SafeLoader)
    rows = [f"| `{name}` | {each['Description']} | {_default(each)} |" for name, each in parameters.items()]
    return "\n".join(["| parameter | meaning | default |", "|---|---|---|", *rows])


def _default(parameter: dict[str, Any]) -> str:
    if "Default" not in parameter:
        return "none: samconfig.toml sets it"
    return f"`{parameter['Default']}`" if str(parameter["Default"]) else "empty"


def gate_table(gates: Sequence[RiskGate] = GATES, policy: type[DispatchPolicy] = DispatchPolicy) -> str:
    """The risk gates and the parameters with their limits as a Markdown table."""
    parameters = {limit.field: f"`{limit.parameter}` ({limit.default})" for limit in limits(policy)}
    rows = [
        f"| `{gate.name}` | {gate.passes_when} | {', '.join(parameters[field] for field in gate.limits) or '–'} |"
        for gate in gates
    ]
    return "\n".join(["| gate | a trade passes when | limit (default) |", "|---|---|---|", *rows])


def with_tables(readme: str) -> str:
    """The README with its generated tables replaced."""
    tables = {"parameters": parameter_table(), "gates": gate_table()}
    return re.sub(
        r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{tables[found[2]]}\n{found[3]}",
        readme,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
