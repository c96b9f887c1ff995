"""Settings of a function: one pydantic model each, read from the environment once, loud when wrong."""

from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bellwether.domain.errors import InvalidInputError


class FunctionSettings(BaseSettings):
    """Base of every function's settings: field `data_bucket` is the environment variable `DATA_BUCKET`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")


@cache
def load[S: FunctionSettings](settings: type[S]) -> S:
    """Read the settings once for each process; a missing or wrong variable raises pydantic's ValidationError."""
    return settings()


def parse[M: BaseModel](model: type[M], event: Any) -> M:
    """Read an event into its model; raises InvalidInputError that names the first wrong field."""
    try:
        return model.model_validate(event)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInputError(first["msg"], field=".".join(str(part) for part in first["loc"]) or "event") from error
