"""What a caller may ask a model."""

import json
import math
from typing import Annotated, Any, Never

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bellwether.domain.errors import InvalidInputError
from bellwether.domain.models import Month

BODY_LIMIT_BYTES = 64 * 1024


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("has to be a whole number")
    return value


class PredictionRequest(BaseModel):
    """Current figures by column; the model itself judges them, by the schema in its bundle. Extra keys are ignored.

    Numbers may come as text.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    data: dict[str, Any]
    month: Month | None = None
    horizon_months: Annotated[int, Field(ge=1), BeforeValidator(_no_boolean)] | None = None

    def as_json(self) -> bytes:
        """The request as the endpoint takes it, in ASCII: even text that UTF-8 can't hold reaches the model."""
        return json.dumps(self.model_dump(exclude_unset=True), allow_nan=False).encode()


def read_request(body: bytes) -> PredictionRequest:
    """Read a caller's request; raises InvalidInputError that names the field, `body` for what is no JSON object."""
    if len(body) > BODY_LIMIT_BYTES:
        raise InvalidInputError(f"is larger than {BODY_LIMIT_BYTES} bytes", field="body")
    try:
        content = json.loads(body, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError("is no JSON", field="body") from error
    if not isinstance(content, dict):
        raise InvalidInputError("is no JSON object", field="body")
    try:
        return PredictionRequest.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInputError(first["msg"], field=".".join(str(part) for part in first["loc"])) from error


def _finite(text: str) -> float:
    """A number that JSON can carry on to the model."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large for a number")
    return number


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")
