"""The manual kill switch: halt dispatch, resume it, or return its state."""

from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bellwether.shared.adapters.postgres import Database, SslMode
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import FunctionSettings, load, parse
from bellwether.trading.adapters.postgres_dispatch import PostgresDispatchControls
from bellwether.trading.usecases.set_dispatch_control import set_dispatch_control


class Settings(FunctionSettings):
    """Environment of SetDispatchControlFunction."""

    application_secret_id: Annotated[str, Field(min_length=1)]
    database_sslmode: SslMode


class Request(BaseModel):
    """New state of the switch, actor and reason; an empty request only reads the state."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    halted: bool | None = None
    actor: Annotated[str, Field(max_length=400)] = ""
    reason: Annotated[str, Field(max_length=2000)] = ""

    @model_validator(mode="after")
    def _has_actor_and_reason(self) -> "Request":
        if self.halted is not None and not (self.actor.strip() and self.reason.strip()):
            raise ValueError("a change needs an actor and a reason")
        return self


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return the current state of the switch."""
    request = parse(Request, event)
    state = set_dispatch_control(_controls(), halted=request.halted, actor=request.actor, reason=request.reason)
    logger.info("dispatch control read", extra=state.model_dump(mode="json"))
    return state.model_dump(mode="json")


@cache
def _controls() -> PostgresDispatchControls:
    settings = load(Settings)
    secrets = SecretsManagerStore()
    return PostgresDispatchControls(
        Database(
            lambda: parse(DatabaseLogin, secrets.get_json(settings.application_secret_id)),
            sslmode=settings.database_sslmode,
        )
    )
