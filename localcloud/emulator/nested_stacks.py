"""Nested stacks: their templates are SAM templates too, can be updated, and leave nothing behind when they fail.

ministack transforms only the root template; forgets, when it updates a nested stack, the attributes of resources that
did not change (so that `!GetAtt Role.Arn` fails); and leaves a nested stack that failed to be created behind, so that
the next deploy trips over its buckets and secrets.
"""

from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import engine, provisioners

from localcloud.emulator.patching import replace, require

_TYPE = "AWS::CloudFormation::Stack"
_UPDATE_PARAMETERS = (
    "resource_type",
    "physical_id",
    "old_props",
    "new_props",
    "stack_name",
    "logical_id",
    "old_attrs",
)


def apply() -> None:
    require(engine, "_apply_transforms")
    # changesets and handlers hold their own reference and transform by themselves; the nested deploy looks it up here.
    replace(engine, "_parse_template", ("template_body",), _transforming)
    replace(provisioners, "_update_resource", _UPDATE_PARAMETERS, _remembering)
    handlers = require(provisioners, "_RESOURCE_HANDLERS")[_TYPE]
    handlers["create"] = _taking_down(handlers["create"], handlers["delete"])


def _transforming(parse: Any) -> Any:
    def parse_template(template_body: str) -> Any:
        return engine._apply_transforms(parse(template_body))

    return parse_template


def _remembering(update: Any) -> Any:
    def update_resource(
        resource_type: str,
        physical_id: str,
        old_props: Any,
        new_props: Any,
        stack_name: str,
        logical_id: str | None = None,
        old_attrs: dict[str, Any] | None = None,
    ) -> Any:
        if old_attrs is None:
            stack = require(cloudformation, "_stacks").get(stack_name) or {}
            old_attrs = stack.get("_resources", {}).get(logical_id, {}).get("Attributes")
        return update(resource_type, physical_id, old_props, new_props, stack_name, logical_id, old_attrs)

    return update_resource


def _taking_down(create: Any, delete: Any) -> Any:
    def create_nested_stack(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        stacks = require(cloudformation, "_stacks")
        before = set(stacks)
        try:
            return create(logical_id, props, stack_name)
        except Exception:
            for name in [name for name in stacks if name not in before]:
                if stacks[name].get("_parent_stack_name") == stack_name:
                    delete(stacks[name]["StackId"], props)
            raise

    return create_nested_stack
