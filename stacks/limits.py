"""Parameters of the limits of dispatch: each described field of DispatchPolicy is one.

Field `max_trades_per_day` is the stack parameter MaxTradesPerDay and the environment variable MAX_TRADES_PER_DAY.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from bellwether.trading.domain.risk_gates import DispatchPolicy


@dataclass(frozen=True)
class Limit:
    """A limit with the names and the YAML that follow from its field."""

    field: str
    info: FieldInfo

    @property
    def parameter(self) -> str:
        return "".join(word.capitalize() for word in self.field.split("_"))

    @property
    def variable(self) -> str:
        return self.field.upper()

    @property
    def default(self) -> str:
        return str(self.info.default).lower()

    @property
    def declaration(self) -> str:
        """Declaration in the nested stack."""
        return f"{{ {self._declaration()} }}"

    @property
    def definition(self) -> str:
        """Declaration in the root stack, with range and default."""
        default = json.dumps(self.default) if isinstance(self.info.default, bool) else self.default
        return f"{{ {', '.join([self._declaration(), *self._range(), f'Default: {default}'])} }}"

    def _declaration(self) -> str:
        kind = 'String, AllowedValues: ["true", "false"]' if isinstance(self.info.default, bool) else "Number"
        return f"Description: {json.dumps(self.info.description)}, Type: {kind}"

    def _range(self) -> Iterator[str]:
        for constraint in self.info.metadata:
            if isinstance(constraint, Ge):
                yield f"MinValue: {constraint.ge}"
            elif isinstance(constraint, Gt):  # of whole numbers
                yield f"MinValue: {int(str(constraint.gt)) + 1}"
            elif isinstance(constraint, Le):
                yield f"MaxValue: {constraint.le}"


def limits(policy: type[DispatchPolicy] = DispatchPolicy) -> list[Limit]:
    """Limits in the order of their fields."""
    return [Limit(name, info) for name, info in policy.model_fields.items() if info.description]
