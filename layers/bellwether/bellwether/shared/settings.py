"""Settings of a function: one pydantic model each, read from the environment once, loud when wrong.

By pydantic alone: pydantic-settings would bring a command line's parser and other sources along, at each cold start.
"""

import os
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.domain.field_types import NonEmptyText
from bellwether.shared.per_process import once_per_process


class FunctionSettings(BaseModel):
    """Base of every function's settings: field `data_bucket` is the environment variable `DATA_BUCKET`."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class DataBucketSettings(FunctionSettings):
    """Settings of a function that uses the data bucket."""

    data_bucket: Annotated[str, Field(min_length=3)]


class EnvironmentSettings(FunctionSettings):
    """Settings of a function that uses the environment's parameters or names."""

    environment: NonEmptyText


@once_per_process
def load[S: FunctionSettings](settings: type[S]) -> S:
    """Read the settings once for each process; a missing or wrong variable raises pydantic's ValidationError."""
    given = {name: os.environ[name.upper()] for name in settings.model_fields if name.upper() in os.environ}
    return settings.model_validate(given)


def parse[M: BaseModel](model: type[M], event: Any) -> M:
    """Read an event into its model; raises InvalidInputError that names the first wrong field."""
    try:
        return model.model_validate(event)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInputError(first["msg"], field=".".join(str(part) for part in first["loc"]) or "event") from error
