"""Unzipped size of each function with its layers, beside what Lambda takes. `make build` prints it."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]

BUILD = Path(__file__).resolve().parents[1] / ".aws-sam" / "build"
LIMIT_BYTES = 250 * 1024**2
MIB = 1024**2


class NotBuiltError(Exception):
    """There is no build to measure."""


@dataclass(frozen=True)
class FunctionSize:
    """Bytes of a function's own code and of each of its layers, unzipped."""

    function: str
    code_bytes: int
    layer_bytes: dict[str, int]

    @property
    def total_bytes(self) -> int:
        """What counts against Lambda's limit."""
        return self.code_bytes + sum(self.layer_bytes.values())


def sizes(build: Path = BUILD) -> list[FunctionSize]:
    """Every function below a folder that `sam build` made, largest first; raises NotBuiltError."""
    if not (build / "template.yaml").exists():
        raise NotBuiltError(f"{build} holds no build: run 'make build'")
    templates = {path: load(str(path)) for path in sorted(build.glob("*/template.yaml"))}
    layers = {
        name: _bytes_below(path.parent / resource["Properties"]["ContentUri"])
        for path, template in templates.items()
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    }
    measured = [
        FunctionSize(
            name.removesuffix("Function"),
            _bytes_below(path.parent / resource["Properties"]["CodeUri"]),
            {layer: layers[layer] for layer in _layers(template, resource)},
        )
        for path, template in templates.items()
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
    return sorted(measured, key=lambda each: each.total_bytes, reverse=True)


def _layers(
    template: dict[str, dict[str, dict[str, list[dict[str, str]]]]],
    resource: dict[str, dict[str, list[dict[str, str]]]],
) -> Iterator[str]:
    """Layers of Globals and of the function; stacks hand them on as parameters `<Layer>Arn`."""
    shared = template.get("Globals", {}).get("Function", {}).get("Layers", [])
    for layer in [*shared, *resource["Properties"].get("Layers", [])]:
        yield layer["Ref"].removesuffix("Arn")


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> int:
    """Print the table; 1 when a function is too large."""
    try:
        measured = sizes()
    except NotBuiltError as error:
        print(error, file=sys.stderr)
        return 1
    for each in measured:
        layers = ", ".join(f"{name} {size / MIB:.1f}" for name, size in each.layer_bytes.items())
        print(f"{each.function:<20} {each.total_bytes / MIB:6.1f} MiB  code {each.code_bytes / MIB:.2f}, {layers}")
    print(f"{'Lambda takes':<20} {LIMIT_BYTES / MIB:6.1f} MiB")
    return 0 if all(each.total_bytes <= LIMIT_BYTES for each in measured) else 1


if __name__ == "__main__":
    raise SystemExit(main())
