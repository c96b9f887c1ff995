"""How to log in to the database: the JSON of the secrets `ops-pipeline/db` and `ops-pipeline/db-application`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bellwether.shared.domain.field_types import NonEmptyText

RoleName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]


class DatabaseLogin(BaseModel):
    """One role's way into one database. The form is the one that RDS gives its own secrets."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)  # they reach logs

    engine: Literal["postgres"] = "postgres"
    host: NonEmptyText
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    dbname: NonEmptyText
    username: NonEmptyText
    password: Annotated[str, Field(min_length=1, repr=False)]
