"""One flat template of all functions, for `sam local invoke`.

`sam local invoke` follows no layer that one nested stack gives to another. So each function is listed here as
`sam build` builds it (code, handler, memory, time limit, layers), beside the layers, with values for its variables.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

_KEPT = ("Handler", "Runtime", "MemorySize", "Timeout")
Template = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms: `!Ref A` becomes `{"Ref": "A"}`; what the others say is not needed here."""


def _reference(loader: _Loader, node: yaml.ScalarNode) -> dict[str, Any]:
    return {"Ref": loader.construct_scalar(node)}


_Loader.add_constructor("!Ref", _reference)
_Loader.add_multi_constructor("!", lambda _loader, suffix, _node: {f"Fn::{suffix}": None})


class TemplateError(Exception):
    """The build is missing or is not what this module understands."""


def flatten(
    build: Path, values: Mapping[str, str], endpoints: Mapping[str, str], *, architecture: str = "x86_64"
) -> Template:
    """Every function and layer below `build`, with absolute paths.

    `values` are those of the variables that the template declares, by name; what it gives as plain text needs none.
    `endpoints` are variables for every function. Raises TemplateError for a declared variable without a value.
    """
    if not (build / "template.yaml").exists():
        raise TemplateError(f"{build} does not exist: run `make build`")
    paths = sorted(build.glob("*/template.yaml"))
    resources: dict[str, Any] = {}
    for path in paths:
        resources |= _resources(path, _built(path.parent), values, endpoints)
    return _template(resources, architecture)


def flatten_sources(stacks: Path, build: Path, values: Mapping[str, str]) -> Template:
    """The same from the nested stacks' sources, with the paths below `build` that `sam build` will write to.

    The processor architecture is a parameter, as in the root stack.
    """
    resources: dict[str, Any] = {}
    for path in sorted(stacks.glob("*.yaml")):
        stack = build / path.stem.capitalize()  # `sam build` names it after the nested stack's logical id
        resources |= _resources(path, _to_be_built(stack), values, {})
    parameter = {"Type": "String", "AllowedValues": ["x86_64", "arm64"], "Default": "x86_64"}
    return {"Parameters": {"Architecture": parameter}, **_template(resources, {"Ref": "Architecture"})}


def _built(folder: Path) -> Callable[[str, str], Path]:
    return lambda _name, code: (folder / code).resolve()


def _to_be_built(folder: Path) -> Callable[[str, str], Path]:
    return lambda name, _code: folder / name


def _resources(
    path: Path, place: Callable[[str, str], Path], values: Mapping[str, str], endpoints: Mapping[str, str]
) -> dict[str, Any]:
    stack = yaml.load(path.read_text(), _Loader)  # noqa: S506  (a SafeLoader)
    shared = stack.get("Globals", {}).get("Function", {})
    resources = {}
    for name, resource in stack["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resources[name] = layer(place(name, properties["ContentUri"]))
        elif resource["Type"] == "AWS::Serverless::Function":
            code = place(name, properties["CodeUri"])
            resources[name] = _function(name, code, shared, properties, values, endpoints)
    return resources


def _template(resources: dict[str, Any], architecture: str | dict[str, str]) -> Template:
    for name, resource in resources.items():
        for layer in resource["Properties"].get("Layers", []):
            if layer["Ref"] not in resources:
                raise TemplateError(f"{name} uses layer {layer['Ref']}, which is defined in no stack")
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Globals": {"Function": {"Architectures": [architecture]}},  # what the layers were built for: this machine
        "Resources": resources,
    }


def layer(content: Path) -> dict[str, Any]:
    """A layer whose content is in a folder."""
    return {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": str(content)}}


def _function(
    name: str,
    code: Path,
    shared: Mapping[str, Any],
    own: Mapping[str, Any],
    values: Mapping[str, str],
    endpoints: Mapping[str, str],
) -> dict[str, Any]:
    merged = {**shared, **own}
    declared = {**_variables(shared), **_variables(own)}
    variables = {}
    for variable, given in declared.items():
        if variable in values:
            variables[variable] = values[variable]
        elif isinstance(given, str):
            variables[variable] = given
        else:
            raise TemplateError(f"{name} has a variable {variable} without a known value")
    layers = [*shared.get("Layers", []), *own.get("Layers", [])]
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            **{key: merged[key] for key in _KEPT if key in merged},
            "CodeUri": str(code),
            "Layers": [{"Ref": layer["Ref"].removesuffix("Arn")} for layer in layers],
            "Environment": {"Variables": {**variables, **endpoints}},
        },
    }


def _variables(properties: Mapping[str, Any]) -> dict[str, Any]:
    return dict(properties.get("Environment", {}).get("Variables", {}))
