"""Base class and scalar types of the JSON files that jobs and functions exchange.

Jobs write these files without importing this package; the types validate them.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Month = Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Error = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class Report(BaseModel):
    """Frozen; unknown fields are ignored, so that older code reads newer files."""

    model_config = ConfigDict(frozen=True, extra="ignore")
