"""Our SQL for Athena: what DuckDB on the laptop lets pass and Trino in AWS refuses is refused here."""

from collections.abc import Iterator

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from bellwether.finops.adapters.query_texts import packaged_queries
from bellwether.finops.domain.aggregation import Source, charges_query, glue_names
from bellwether.finops.domain.export_layouts import CUR, FOCUS, ExportColumn, FileFormat, layout_of
from tests.fakes.cost_exports import CUR_ROW, FOCUS_ROW
from tests.places import PACKAGE, ROOT

COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In)
FAMILIES = {
    "text": exp.DataType.TEXT_TYPES,
    "number": exp.DataType.NUMERIC_TYPES,
    "time": exp.DataType.TEMPORAL_TYPES,
    "boolean": {exp.DataType.Type.BOOLEAN},
}
OF_TIMES = (exp.DateAdd, exp.DateSub, exp.DateDiff, exp.TimestampTrunc, exp.DateTrunc, exp.TimeToStr)
SCHEMA: dict[str, object] = {
    "t": {"day": "date", "amount": "double", "items": "bigint", "name": "varchar", "tags": "map<varchar, varchar>"}
}


def faults(query: str, schema: dict[str, object]) -> list[str]:
    """What Trino would refuse, or fail at when the data has a missing key or a zero."""
    tree = annotate_types(
        qualify(sqlglot.parse_one(query, read="athena"), schema=schema, dialect="athena"), schema=schema
    )
    return [f"{fault}: {node.sql('athena')}" for node in tree.walk() for fault in _faults(node)]


def _faults(node: exp.Expr) -> Iterator[str]:
    if isinstance(node, exp.Bracket) and not node.args.get("safe"):
        yield "a subscript fails for a missing key; use element_at"
    if isinstance(node, exp.Div | exp.Mod | exp.IntDiv):
        divisor = node.expression.unnest()
        is_safe = isinstance(divisor, exp.Nullif) or (isinstance(divisor, exp.Literal) and float(divisor.this) != 0)
        if not is_safe:
            yield "a division fails for zero; use NULLIF"
    families = {family for each in _of_one_type(node) if (family := _family(each))}
    if len(families) > 1:
        yield f"an implicit cast between {' and '.join(sorted(families))}"
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Div | exp.Sum | exp.Avg) and "text" in families | {
        _family(node.this)
    }:
        yield "arithmetic with text"
    if isinstance(node, exp.Cast) and node.this.type is not None and node.this.type.this in exp.DataType.NESTED_TYPES:
        yield "a cast of a map or an array"
    if isinstance(node, OF_TIMES) and _family(node.this) == "text":
        yield "a function of times with text"


def _of_one_type(node: exp.Expr) -> list[exp.Expr]:
    """The parts of an expression that have to have one type."""
    if isinstance(node, exp.In):
        return [node.this, *node.expressions]
    if isinstance(node, exp.Between):
        return [node.this, node.args["low"], node.args["high"]]
    if isinstance(node, (*COMPARED, exp.Add, exp.Sub, exp.Mul, exp.Div)):
        return [node.this, node.expression]
    if isinstance(node, exp.Coalesce):
        return [node.this, *node.expressions]
    if isinstance(node, exp.Case):
        results = [each.args["true"] for each in node.args["ifs"]]
        return [*results, *([node.args["default"]] if node.args.get("default") else [])]
    return []


def _family(node: exp.Expr | None) -> str | None:
    if node is None or node.type is None or isinstance(node, exp.Null):
        return None
    return next((name for name, types in FAMILIES.items() if node.type.this in types), None)


# --- our queries -----------------------------------------------------------------------------------------------------


def _rendered() -> Iterator[tuple[str, str, dict[str, object]]]:
    legacy = (
        "lineItem/UsageStartDate",
        "lineItem/LineItemType",
        "lineItem/UnblendedCost",
        "bill/BillingPeriodStartDate",
    )
    texts = packaged_queries()
    for name, columns, file_format in (
        ("FOCUS in CSV", [ExportColumn(each) for each in FOCUS_ROW], FileFormat.CSV),
        ("FOCUS in Parquet", [_parquet(each) for each in FOCUS_ROW], FileFormat.PARQUET),
        ("CUR 2.0 in CSV", [ExportColumn(each) for each in CUR_ROW], FileFormat.CSV),
        ("CUR 2.0 in Parquet", [_parquet(each) for each in CUR_ROW], FileFormat.PARQUET),
        ("legacy CUR", [ExportColumn(each) for each in (*legacy, "resourceTags/user:CostCenter")], FileFormat.CSV),
    ):
        source = Source("db", "lines", "2026-05-a", file_format, tuple(columns))
        query = charges_query(layout_of(columns), source, texts, ["CostCenter", "cost-center"])
        types = {
            column: "varchar" if file_format is FileFormat.CSV else each.type.replace("string", "varchar")
            for column, each in zip(glue_names(columns, file_format), columns, strict=True)
        }
        yield name, query, {"db": {"lines": types | {"delivery": "varchar", "$path": "varchar"}}}


def _parquet(name: str) -> ExportColumn:
    """A column as AWS types it in Parquet."""
    if name.lower().endswith("tags"):
        return ExportColumn(name, "map<string,string>")
    if "cost" in name.lower():
        return ExportColumn(name, "double")
    return ExportColumn(name, "timestamp" if "start" in name.lower() or name.lower().endswith("end") else "string")


@pytest.mark.parametrize(("name", "query", "schema"), [pytest.param(*each, id=each[0]) for each in _rendered()])
def test_queries_hold_nothing_that_trino_refuses(name: str, query: str, schema: dict[str, object]) -> None:
    assert faults(query, schema) == []
    # And none is longer than Athena takes
    assert len(query) < 262_144


def test_every_sql_file_is_checked() -> None:
    files = {path.relative_to(ROOT) for path in PACKAGE.rglob("*.sql")}
    assert {path.name for path in files} == {"daily_charges.sql", FOCUS.query, CUR.query}


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("SELECT tags['x'] FROM t", "a subscript"),
        ("SELECT CAST(tags AS varchar) FROM t", "a cast of a map"),
        ("SELECT amount / items FROM t", "a division"),
        ("SELECT amount / 0 FROM t", "a division"),
        ("SELECT day FROM t WHERE day > '2026-05-01'", "an implicit cast between text and time"),
        ("SELECT day FROM t WHERE day BETWEEN '2026-05-01' AND '2026-05-31'", "an implicit cast between text and time"),
        ("SELECT COALESCE(amount, '0') FROM t", "an implicit cast between number and text"),
        ("SELECT CASE WHEN name = 'a' THEN amount ELSE '' END FROM t", "an implicit cast between number and text"),
        ("SELECT SUM(name) FROM t", "arithmetic with text"),
        ("SELECT name + 1 FROM t", "an implicit cast between number and text"),
        ("SELECT name IN (1, 2) FROM t", "an implicit cast between number and text"),
    ],
)
def test_what_trino_refuses_is_found(query: str, fault: str) -> None:
    assert any(each.startswith(fault) for each in faults(query, SCHEMA)), faults(query, SCHEMA)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT element_at(tags, 'x') FROM t",
        "SELECT amount / NULLIF(items, 0), amount / 2 FROM t",
        "SELECT day FROM t WHERE day > DATE '2026-05-01' AND name = 'a' AND amount > 1",
        "SELECT SUM(CAST(name AS double)) FROM t",
    ],
)
def test_what_trino_takes_is_left_alone(query: str) -> None:
    assert faults(query, SCHEMA) == []
