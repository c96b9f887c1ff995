"""The key of an Alpaca account, as a secret holds it: {"key_id": …, "secret_key": …}."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bellwether.shared.domain.field_types import NonEmptyText


class AlpacaKey(BaseModel):
    """An account's key; no error and no log shows it."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    key_id: Annotated[NonEmptyText, Field(repr=False)]
    secret_key: Annotated[NonEmptyText, Field(repr=False)]

    def headers(self) -> dict[str, str]:
        """Headers that authenticate a request."""
        return {"APCA-API-KEY-ID": self.key_id, "APCA-API-SECRET-KEY": self.secret_key}
