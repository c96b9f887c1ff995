"""How files of house sales are laid out: which column is what, in which unit, and what is plausible in it.

A layout is recognised by its header. Whoever has sales of another layout lays a description beside the file,
`<name>.schema.json`: {"layout": "<name>", "columns": [{"name", "role", "unit", "minimum", "maximum", "fill",
"monotone"}, …]}. The first category is taken for the place, the second for the kind of house.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bellwether.models.domain.manifests import SalesColumn
from bellwether.shared.domain.errors import InvalidInputError

SCHEMA_SUFFIX = ".schema.json"
CATEGORY_CHARACTERS = 100
OF_EACH_ROLE = {"id": (0, 1), "date": (1, 1), "price": (1, 1), "latitude": (0, 1), "longitude": (0, 1)}


class SalesLayout(BaseModel):
    """Columns of a file in the order that they are kept in; a file may have others besides, which are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    name: Annotated[str, Field(alias="layout", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")]
    columns: Annotated[tuple[SalesColumn, ...], Field(min_length=3, max_length=500)]

    @model_validator(mode="after")
    def _is_complete(self) -> "SalesLayout":
        names = Counter(column.name for column in self.columns)
        if repeated := [name for name, times in names.items() if times > 1]:
            raise ValueError(f"column '{repeated[0][:40]}' comes twice")
        roles = Counter[str](column.role for column in self.columns)
        for role, (least, most) in OF_EACH_ROLE.items():
            if not least <= roles[role] <= most:
                raise ValueError(f"{roles[role]} columns have the role '{role}'")
        if roles["latitude"] != roles["longitude"]:
            raise ValueError("latitude and longitude come together or not at all")
        if not roles["number"]:
            raise ValueError("no column has the role 'number'")
        if unknown := [c.name for c in self.columns if c.role in {"date", "price"} and c.fill != "refuse"]:
            raise ValueError(f"'{unknown[0][:40]}' can't be unknown")
        return self

    @property
    def identity(self) -> int | None:
        """Place of the column that names the house; None without one."""
        return next((place for place, column in enumerate(self.columns) if column.role == "id"), None)

    @property
    def day(self) -> int:
        """Place of the day of the sale."""
        return next(place for place, column in enumerate(self.columns) if column.role == "date")

    @property
    def price(self) -> int:
        """Place of the price."""
        return next(place for place, column in enumerate(self.columns) if column.role == "price")

    def is_like(self, other: "SalesLayout") -> bool:
        """Whether rows of one can stand under the header of the other."""
        return [(c.name, c.role) for c in self.columns] == [(c.name, c.role) for c in other.columns]


def parse_schema(content: bytes, file: str) -> SalesLayout:
    """Read a description that came beside a file; raises InvalidInputError that names the field."""
    try:
        return SalesLayout.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInputError(first["msg"], field=" ".join([file, *map(str, first["loc"])])) from error


def recognised(header: Iterable[str], layouts: Sequence[SalesLayout]) -> SalesLayout:
    """The first layout that has most of its columns in the header; raises InvalidInputError for a header of none."""
    names = set(header)
    fitting = [each for each in layouts if names >= {column.name for column in each.columns}]
    if fitting:
        return max(fitting, key=lambda each: len(each.columns))
    nearest = max(layouts, key=lambda each: sum(column.name in names for column in each.columns) / len(each.columns))
    missing = ", ".join(column.name for column in nearest.columns if column.name not in names)
    raise InvalidInputError(
        f"no known layout; {nearest.name} comes nearest but lacks {missing[:300]}; "
        f"a file <name>{SCHEMA_SUFFIX} beside this one can describe it",
        field="header",
    )


# --- layouts that are known ------------------------------------------------------------------------------------------


def _column(
    role: Literal["id", "date", "latitude", "longitude"], name: str, low: float | None = None, high: float | None = None
) -> SalesColumn:
    unit = "degrees" if role in {"latitude", "longitude"} else ""
    return SalesColumn(name=name, role=role, unit=unit, minimum=low, maximum=high)


def _price(name: str, currency: str) -> SalesColumn:
    return SalesColumn(name=name, role="price", unit=currency, minimum=1_000, maximum=100_000_000)


def _needed(name: str, unit: str, minimum: float, maximum: float, monotone: Literal[-1, 0, 1] = 0) -> SalesColumn:
    return SalesColumn(name=name, role="number", unit=unit, minimum=minimum, maximum=maximum, monotone=monotone)


def _known_or_not(name: str, unit: str, minimum: float, maximum: float, monotone: Literal[-1, 0, 1] = 0) -> SalesColumn:
    return _needed(name, unit, minimum, maximum, monotone).model_copy(update={"fill": "unknown"})


def _category(name: str, *, needed: bool = True) -> SalesColumn:
    return SalesColumn(name=name, role="category", fill="refuse" if needed else "unknown")


KING_COUNTY = SalesLayout(
    name="king_county",
    columns=(
        _column("id", "id"),
        _column("date", "date"),
        _price("price", "USD"),
        _category("zipcode"),
        _column("latitude", "lat", -90, 90),
        _column("longitude", "long", -180, 180),
        _needed("sqft_living", "square feet", 100, 50_000, 1),
        _needed("bedrooms", "rooms", 0, 60),
        _needed("bathrooms", "rooms", 0, 30),
        _known_or_not("sqft_lot", "square feet", 100, 10_000_000),
        _known_or_not("floors", "storeys", 0.5, 10),
        _known_or_not("waterfront", "1 = yes", 0, 1, 1),
        _known_or_not("view", "grade 0 to 4", 0, 4, 1),
        _known_or_not("condition", "grade 1 to 5", 1, 5, 1),
        _known_or_not("grade", "grade 1 to 13", 1, 13, 1),
        _known_or_not("sqft_above", "square feet", 100, 50_000),
        _known_or_not("sqft_basement", "square feet", 0, 20_000),
        _known_or_not("yr_built", "year", 1700, 2100),
        _known_or_not("yr_renovated", "year, 0 = never", 0, 2100),
        _known_or_not("sqft_living15", "square feet, of 15 neighbours", 100, 50_000),
        _known_or_not("sqft_lot15", "square feet, of 15 neighbours", 100, 10_000_000),
    ),
)
CANBERRA = SalesLayout(
    name="canberra",
    columns=(
        _column("date", "datesold"),
        _price("price", "AUD"),
        _category("postcode"),
        _category("propertyType"),
        _needed("bedrooms", "rooms", 0, 60),
    ),
)
HDB = SalesLayout(
    name="hdb",
    columns=(
        _column("date", "month"),
        _price("resale_price", "SGD"),
        _category("town"),
        _category("flat_type"),
        _category("flat_model", needed=False),
        _category("storey_range", needed=False),
        _category("street_name", needed=False),
        _category("block", needed=False),
        _needed("floor_area_sqm", "square metres", 10, 1_000, 1),
        _needed("lease_commence_date", "year", 1900, 2100),
        _known_or_not("remaining_lease", "years", 0, 999),
    ),
)
AMES = SalesLayout(
    name="ames",
    columns=(
        _column("id", "id"),
        _column("date", "month"),
        _price("price", "USD"),
        _category("neighborhood"),
        _category("building"),
        _category("style", needed=False),
        _category("sale_condition", needed=False),
        _column("latitude", "latitude", -90, 90),
        _column("longitude", "longitude", -180, 180),
        _needed("living_sqft", "square feet", 100, 20_000, 1),
        _needed("bedrooms", "rooms", 0, 30),
        _known_or_not("lot_sqft", "square feet", 100, 10_000_000, 1),
        _known_or_not("basement_sqft", "square feet", 0, 20_000, 1),
        _known_or_not("garage_sqft", "square feet", 0, 5_000, 1),
        _known_or_not("garage_cars", "cars", 0, 10, 1),
        _known_or_not("full_baths", "rooms", 0, 10),
        _known_or_not("half_baths", "rooms", 0, 10),
        _known_or_not("rooms", "rooms", 0, 50),
        _known_or_not("fireplaces", "fireplaces", 0, 10, 1),
        _known_or_not("year_built", "year", 1700, 2100),
        _known_or_not("year_remodelled", "year", 1700, 2100),
        _known_or_not("condition", "grade 1 to 10", 1, 10, 1),
        _known_or_not("heating_quality", "grade 1 to 5", 1, 5, 1),
    ),
)

LAYOUTS = (AMES, KING_COUNTY, CANBERRA, HDB)
