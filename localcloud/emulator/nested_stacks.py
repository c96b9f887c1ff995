"""Nested stacks: their templates are SAM templates too, and one that fails takes its resources down again.

ministack transforms only the root template, and leaves a nested stack that failed to be created behind, so that the
next deploy trips over its buckets and secrets.
"""

from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import engine, provisioners

from localcloud.emulator.patching import replace, require

_TYPE = "AWS::CloudFormation::Stack"


def apply() -> None:
    require(engine, "_apply_transforms")
    # changesets and handlers hold their own reference and transform by themselves; the nested deploy looks it up here.
    replace(engine, "_parse_template", ("template_body",), _transforming)
    handlers = require(provisioners, "_RESOURCE_HANDLERS")[_TYPE]
    handlers["create"] = _taking_down(handlers["create"], handlers["delete"])


def _transforming(parse: Any) -> Any:
    def parse_template(template_body: str) -> Any:
        return engine._apply_transforms(parse(template_body))

    return parse_template


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
