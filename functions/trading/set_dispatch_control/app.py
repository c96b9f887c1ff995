"""The manual kill switch: halt dispatch, resume it, or return its state."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from bellwether.shared.domain.decisions import claimed
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database
from bellwether.trading.adapters.postgres_dispatch import PostgresDispatchControls
from bellwether.trading.usecases.set_dispatch_control import set_dispatch_control


class Settings(DatabaseSettings):
    """Environment of SetDispatchControlFunction."""


class Request(BaseModel):
    """New state of the switch, actor and reason; an empty request only reads the state."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    halted: StrictBool | None = None
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
    controls = PostgresDispatchControls(application_database(load(Settings)))
    state = set_dispatch_control(controls, halted=request.halted, actor=claimed(request.actor), reason=request.reason)
    logger.info("dispatch control read", extra=state.model_dump(mode="json"))
    return state.model_dump(mode="json")
