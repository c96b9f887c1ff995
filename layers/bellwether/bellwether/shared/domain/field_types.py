"""Types of fields that models of several contexts share."""

from typing import Annotated

from pydantic import Field

NonEmptyText = Annotated[str, Field(min_length=1)]
