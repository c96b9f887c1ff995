"""Write the README's generated tables, so that they can't fall behind the template. `make readme` runs it."""

import re
from pathlib import Path
from typing import Any

import yaml

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


def with_tables(readme: str) -> str:
    """The README with its generated parts made anew."""
    return re.sub(
        r"(<!-- table: parameters -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{parameter_table()}\n{found[2]}",
        readme,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
