"""The query that adds a delivery's line items up by day, and how its result is read."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from bellwether.finops.domain.charges import Charge, ChargeCategory, ChargeKey
from bellwether.finops.domain.export_layouts import (
    CUR,
    ExportColumn,
    FileFormat,
    Layout,
    folded,
    sources_of,
    tag_columns,
)

DUPLICATE, SPLIT = "duplicate line item", "split cost allocation"
LEFT_OUT = frozenset({DUPLICATE, SPLIT})  # counted once elsewhere: no loss, so not in quarantine
SEPARATOR = "|"  # of the values in a reference
_NO_VALUES = ("", "NULL", "null")  # how CSV exports write a missing value


@dataclass(frozen=True, slots=True)
class Source:
    """A delivery as Athena sees it: rows of a table, in a partition of their own."""

    database: str
    table: str
    delivery_id: str
    format: FileFormat
    columns: tuple[ExportColumn, ...]


def glue_names(columns: Sequence[ExportColumn], file_format: FileFormat) -> tuple[str, ...]:
    """The columns' names in Glue. Parquet is read by name; a CSV file by position, so its names only have to differ."""
    names: list[str] = []
    for column in columns:
        name = column.name.lower()
        if file_format is FileFormat.CSV:
            name = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.name).lower()).strip("_")
        same = sum(re.fullmatch(rf"{re.escape(name)}(_\d+)?", other) is not None for other in names)
        names.append(f"{name}_{same + 1}" if same else name)
    return tuple(names)


def charges_query(layout: Layout, source: Source, texts: Mapping[str, str], cost_center_tags: Sequence[str]) -> str:
    """Athena's SQL for the daily charges of a delivery. `texts` holds our .sql files by name."""
    judged = _inserted(texts[layout.query], "lines", _lines(layout, source, cost_center_tags))
    return _inserted(texts["daily_charges.sql"], "judged", judged)


def _inserted(query: str, name: str, derived: str) -> str:
    """The query with `FROM name` reading from `derived`."""
    found = query.count(f"FROM {name}\n")
    if found != 1:
        raise ValueError(f"expected FROM {name} once, found it {found} times")
    return query.replace(f"FROM {name}\n", f"FROM (\n{derived}) AS {name}\n")


def _lines(layout: Layout, source: Source, cost_center_tags: Sequence[str]) -> str:
    """A SELECT with the layout's columns as text, the cost center, and where each line item comes from."""
    names = dict(zip(source.columns, glue_names(source.columns, source.format), strict=True))
    cells = {
        column: _first(_cell(each, _quoted(names[each]), source.format) for each in found)
        for column, found in sources_of(layout, source.columns).items()
    }
    cost_center, tag_key, other_keys = _tags(layout, source, names, cost_center_tags)
    reference = f" || '{SEPARATOR}' || ".join(f"COALESCE({cells[name]}, '')" for name in layout.reference)
    selected = [
        *(f"{cell} AS {column}" for column, cell in cells.items()),
        f"{cost_center} AS cost_center",
        f"{tag_key} AS tag_key",
        f"{other_keys} AS other_tag_keys",
        '"$path" AS file',
        f"{reference} AS reference",
    ]
    where = f"delivery = {_literal(source.delivery_id)}"
    if source.format is FileFormat.CSV:  # a header is a row like any other for the list of files
        first = source.columns[0]
        where += f" AND COALESCE({_quoted(names[first])}, '') <> {_literal(first.name)}"
    table = f"{_quoted(source.database)}.{_quoted(source.table)}"
    return "SELECT\n    " + ",\n    ".join(selected) + f"\nFROM {table}\nWHERE {where}\n"


def _cell(column: ExportColumn, name: str, file_format: FileFormat) -> str:
    """A column as text; Trino casts no map to it."""
    if file_format is FileFormat.PARQUET and column.type.startswith("map"):
        return f"array_join(map_keys({name}), ',') || '=' || array_join(map_values({name}), ',')"
    return _text(name, file_format)


def _text(cell: str, file_format: FileFormat) -> str:
    if file_format is FileFormat.PARQUET:
        return f"CAST({cell} AS varchar)"
    for nothing in _NO_VALUES:
        cell = f"NULLIF({cell}, {_literal(nothing)})"
    return cell


def _first(cells: Iterable[str]) -> str:
    found = list(cells)
    if not found:
        return "CAST(NULL AS varchar)"
    return found[0] if len(found) == 1 else f"COALESCE({', '.join(found)})"


# --- tags -----------------------------------------------------------------------------------------------------------


def _tags(
    layout: Layout, source: Source, names: Mapping[ExportColumn, str], cost_center_tags: Sequence[str]
) -> tuple[str, str, str]:
    """SQL for the cost center, the key it was found under, and keys that look alike but are not in the list."""
    keys = _with_prefix(layout, cost_center_tags)
    plain = {folded(key.removeprefix("user:")) for key in keys}
    alike = sorted(plain | {f"user{name}" for name in plain})
    own = list(tag_columns(source.columns))
    if own:
        cells = {key: _text(_quoted(names[column]), source.format) for key, column in own}
        values = {key: cells[key] for key in keys if key in cells}
        others = [
            f"CASE WHEN {cell} IS NOT NULL THEN {_literal(key)} ELSE '' END"
            for key, cell in cells.items()
            if key not in values and folded(key) in alike
        ]
        return *_found(values), " || ".join(others) or "''"
    (tags,) = sources_of(layout, source.columns)["tags_text"] or (None,)
    if tags is None:
        return "''", "''", "''"
    name = _quoted(names[tags])
    as_map = name if tags.type.startswith("map") and source.format is FileFormat.PARQUET else _json_map(name)
    listed = ", ".join(map(_literal, keys))
    lookalike = (
        f"COALESCE(array_join(filter(map_keys({as_map}), key -> key NOT IN ({listed}) AND "
        f"regexp_replace(lower(key), '[^a-z0-9]', '') IN ({', '.join(map(_literal, alike))})), ','), '')"
    )
    return *_found({key: f"NULLIF(element_at({as_map}, {_literal(key)}), '')" for key in keys}), lookalike


def _with_prefix(layout: Layout, cost_center_tags: Sequence[str]) -> list[str]:
    """CUR puts `user:` before the keys that a user made, which is no other spelling."""
    if layout is not CUR:
        return list(dict.fromkeys(cost_center_tags))
    plain = [key.removeprefix("user:") for key in cost_center_tags]
    return list(dict.fromkeys(each for key in plain for each in (f"user:{key}", key)))


def _json_map(name: str) -> str:
    return f"TRY(CAST(json_parse({_text(name, FileFormat.CSV)}) AS map(varchar, varchar)))"


def _found(values: Mapping[str, str]) -> tuple[str, str]:
    if not values:
        return "''", "''"
    cases = " ".join(f"WHEN {value} IS NOT NULL THEN {_literal(key)}" for key, value in values.items())
    return f"COALESCE({', '.join(values.values())}, '')", f"CASE {cases} ELSE '' END"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# --- result ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AggregateRow:
    """A row of the result: line items with one key, or one line item with a problem."""

    charge: Charge | None  # None for line items without a usable key
    exported: Decimal  # as the file's own total counts them
    line_items: int
    not_invoiced: int
    repeated: int
    currency: str
    tag_key: str
    other_tag_keys: str
    problem: str
    file: str
    reference: str


def read_result(lines: Iterable[str]) -> Iterator[AggregateRow]:
    """Read the CSV file that Athena wrote."""
    for row in csv.DictReader(lines):
        yield AggregateRow(
            charge=_charge(row),
            exported=_amount(row["exported"]),
            line_items=int(row["line_items"] or 0),
            not_invoiced=int(row["not_invoiced"] or 0),
            repeated=int(row["repeated"] or 0),
            currency=row["currency"],
            tag_key=row["tag_key"],
            other_tag_keys=row["other_tag_keys"],
            problem=row["problem"],
            file=row["file"],
            reference=row["reference"],
        )


def _charge(row: Mapping[str, str]) -> Charge | None:
    if row["problem"] or not row["day"]:
        return None
    key = ChargeKey(
        day=date.fromisoformat(row["day"]),
        account=row["account"],
        service=row["service"],
        usage_type=row["usage_type"],
        region=row["region"],
        cost_center=row["cost_center"],
        category=ChargeCategory(row["category"]),
        correction=row["correction"] == "true",
        currency=row["currency"],
    )
    listed = _amount(row["listed"]) if row["listed"] else None
    return Charge(key, _amount(row["billed"]), _amount(row["effective"]), listed, int(row["line_items"] or 0))


def _amount(text: str) -> Decimal:
    return Decimal(text or 0)
