"""Write what the templates repeat per model of the catalogue and per limit of dispatch. `make templates` runs it.

A template marks each repetition with a comment that holds the pattern:

    # each model: - !Sub "…:model/<name>-v*"      the pattern for each model, a line or a block of lines
    # all models: ModelPackageGroupName: [<package_group>]      one line, with an entry in brackets for each model
    …generated lines…
    # end

Items are `model`, `trained model`, `alarmed model`, `valued model`, `dataset` and `limit`. A field in angle brackets is
an attribute of the item. Contract tests compare.
`Fn::ForEach` doesn't serve: it makes keys, but no list entries such as a policy's resources, and can't read Python.
"""

import re
from collections.abc import Iterable
from functools import partial
from operator import attrgetter
from pathlib import Path

from bellwether.models.domain.catalogue import CATALOGUE
from bellwether.models.domain.specs import DatasetSpec, ModelSpec, TrainedSpec, ValuationSpec
from bellwether.trading.domain.risk_gates import DispatchPolicy
from stacks.limits import Limit, limits

TEMPLATES = tuple(sorted(Path(__file__).parent.glob("*.yaml")))
ROOT_TEMPLATE = Path(__file__).parents[1] / "template.yaml"
UNPREFIXED = "macro"  # its resources are older than the other models; renaming them would replace them
_REGION = re.compile(
    r"^(?P<indent> *)# (?P<mode>each|all) (?P<items>[a-z ]+?)s?:(?P<first>.*)\n"
    r"(?P<rest>(?:(?P=indent)#(?! end\n).*\n)*)"
    r"(?P<generated>(?:.*\n)*?)"
    r"(?P=indent)# end\n",
    re.MULTILINE,
)
_FIELD = re.compile(r"<([a-z_.]+)>")
_ENTRIES = re.compile(r"\[([^][]*<[^][]*)\]")

Item = ModelSpec | DatasetSpec | Limit


def with_models(
    template: str,
    specs: Iterable[ModelSpec] = tuple(CATALOGUE.values()),
    policy: type[DispatchPolicy] = DispatchPolicy,
) -> str:
    """The template with its generated lines made anew; KeyError for an unknown item, AttributeError for a field."""
    items = _items(tuple(specs)) | {"limit": [*limits(policy)]}

    def region(found: re.Match[str]) -> str:
        indent, head = found["indent"], found[0][: found.start("generated") - found.start()]
        pattern = [found["first"].strip()] if found["first"] else _dedented(found["rest"], len(indent))
        chosen = items[found["items"]]
        if found["mode"] == "all":
            lines = [_ENTRIES.sub(lambda entry: f"[{', '.join(_filled(entry[1], chosen))}]", each) for each in pattern]
        else:
            lines = [line for block in _filled("\n".join(pattern), chosen) for line in block.split("\n")]
        return head + "".join(f"{indent}{line}".rstrip() + "\n" for line in lines) + f"{indent}# end\n"

    return _REGION.sub(region, template)


def without_models(template: str) -> str:
    """The template without its generated lines and their patterns: what is written by hand."""
    return _REGION.sub("", template)


def _items(specs: tuple[ModelSpec, ...]) -> dict[str, list[Item]]:
    trained = [spec for spec in specs if isinstance(spec, TrainedSpec)]
    return {
        "model": [*specs],
        "trained model": [*trained],
        "alarmed model": [spec for spec in trained if spec.has_error_alarm],
        "valued model": [spec for spec in trained if isinstance(spec, ValuationSpec)],
        "dataset": [*{spec.dataset.name: spec.dataset for spec in trained}.values()],
    }


def _dedented(comment: str, indent: int) -> list[str]:
    """Lines of a block of comments, without the indentation that the first one has."""
    lines = [line[indent + 1 :] for line in comment.splitlines()]
    margin = len(lines[0]) - len(lines[0].lstrip())
    return [line[margin:] for line in lines]


def _filled(pattern: str, items: Iterable[Item]) -> list[str]:
    """The pattern for each item; two items that read alike, such as models of one dataset, give it once."""
    return list(dict.fromkeys(_FIELD.sub(partial(_field, item), pattern) for item in items))


def _field(item: Item, field: re.Match[str]) -> str:
    """What a field in angle brackets stands for; `id` and `prefix` are parts of logical ids."""
    if field[1] in ("id", "prefix") and not isinstance(item, Limit):
        identifier = "".join(part.capitalize() for part in re.split(r"[^a-z0-9]+", item.name))
        return "" if (field[1], item.name) == ("prefix", UNPREFIXED) else identifier
    value = attrgetter(field[1])(item)
    return str(value() if callable(value) else value)


if __name__ == "__main__":
    for template in (ROOT_TEMPLATE, *TEMPLATES):
        template.write_text(with_models(template.read_text()))
