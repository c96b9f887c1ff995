"""Athena's SQL over files, by DuckDB: for tables whose files are named in a list (SymlinkTextInputFormat).

Knows nothing of ministack, so that tests run the application's queries with it. Takes Glue's table descriptions.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import duckdb
import sqlglot
from sqlglot import exp

type Table = Mapping[str, Any]  # as Glue describes it
type Read = Callable[[str], bytes]  # s3:// address → content; raises FileNotFoundError
type Listing = Callable[[str], Sequence[str]]  # s3:// folder → addresses of the objects in it

_SYMLINKS = "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat"


class QueryError(Exception):
    """The query can't be run; the message is Athena's StateChangeReason."""


@dataclass(frozen=True)
class Answer:
    """Rows of a query, and the size of the files that it read."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    scanned_bytes: int


def translated(query: str) -> str:
    """The query in DuckDB's dialect."""
    return _tree(query).sql(dialect="duckdb")


def tables_in(query: str) -> list[tuple[str, str]]:
    """Database and name of what the query reads; the database is empty where the query does not say."""
    return [(node.db, node.name) for node in _tree(query).find_all(exp.Table)]


def lists_files(table: Table) -> bool:
    """Whether the table's location holds lists of files instead of data."""
    return str(table["StorageDescriptor"].get("InputFormat")) == _SYMLINKS


def answer(
    query: str,
    table_named: Callable[[str, str], Table | None],
    read: Read,
    listing: Listing,
    *,
    byte_limit: int | None = None,
) -> Answer:
    """Run a query. `table_named` finds a table by database and name. Raises QueryError."""
    tree = _tree(query)
    with TemporaryDirectory(prefix="athena-") as folder:
        scanned = 0
        for node in list(tree.find_all(exp.Table)):
            table = table_named(node.db, node.name)
            if table is None:
                continue
            addresses, partitions = _files(node, table, read, listing)
            local = [_fetched(address, Path(folder), read) for address in addresses]
            scanned += sum(path.stat().st_size for path in local)
            if byte_limit is not None and scanned > byte_limit:
                raise QueryError(f"Query exhausted resources: bytes scanned limit of {byte_limit} was exceeded")
            name = node.alias or node.name
            node.replace(_parsed(_relation(table, local, folder, partitions), name))
        with duckdb.connect(":memory:", config={"threads": 2, "memory_limit": "2GB"}) as connection:
            try:
                connection.execute("SET disabled_optimizers = 'type_pushdown'")  # makes TRY_CAST of CSV cells strict
                found = connection.execute(tree.sql(dialect="duckdb"))
                return Answer([each[0] for each in found.description or ()], found.fetchall(), scanned)
            except duckdb.Error as error:
                raise QueryError(str(error)) from error


def _tree(query: str) -> exp.Expr:
    try:
        return sqlglot.parse_one(query, read="athena")
    except sqlglot.errors.SqlglotError as error:
        raise QueryError(f"mismatched input: {error}") from error


def _files(node: exp.Table, table: Table, read: Read, listing: Listing) -> tuple[list[str], dict[str, str]]:
    """Addresses of the table's data, and the values of its partition keys that the query names."""
    parameters = table.get("Parameters") or {}
    partitions = {}
    location = str(parameters.get("storage.location.template") or table["StorageDescriptor"]["Location"])
    for key in (str(each["Name"]) for each in table.get("PartitionKeys") or ()):
        if parameters.get(f"projection.{key}.type") != "injected":
            raise QueryError(f"partition key {key}: only injected projection is known here")
        partitions[key] = _value_of(node, key)
        location = location.replace(f"${{{key}}}", partitions[key])
    found = [address for lists in listing(location) for address in read(lists).decode().splitlines() if address]
    return found, partitions


def _parsed(relation: str, name: str) -> exp.Expr:
    """The relation as part of a query, under the name that the query knows it by."""
    select = sqlglot.parse_one(f"SELECT * FROM {relation} AS {_name(name)}", read="duckdb")  # noqa: S608
    source: exp.Expr = select.args["from_"].this
    return source


def _value_of(node: exp.Table, key: str) -> str:
    select = node.find_ancestor(exp.Select)
    where = select.args.get("where") if select else None
    for equals in where.find_all(exp.EQ) if where else ():
        if equals.this.name.lower() == key and isinstance(equals.expression, exp.Literal):
            return str(equals.expression.this)
    raise QueryError(
        f"CONSTRAINT_VIOLATION: For the injected projected partition column {key}, the WHERE clause must contain only "
        "static equality conditions, and at least one such condition must be present."
    )


def _fetched(address: str, folder: Path, read: Read) -> Path:
    parts = urlsplit(address)
    path = folder / parts.netloc / parts.path.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(read(address))
    return path


def _relation(table: Table, files: list[Path], folder: str, partitions: Mapping[str, str]) -> str:
    """A DuckDB relation with the table's columns, its partition keys and `$path`."""
    storage = table["StorageDescriptor"]
    names = [str(column["Name"]) for column in storage["Columns"]]
    keys = [f"{_text(value)} AS {_name(key)}" for key, value in partitions.items()]
    path = f"'s3://' || substr(filename, {len(folder) + 2}) AS {_name('$path')}"
    if not files:
        empty = [f"CAST(NULL AS {_type(column)}) AS {_name(column['Name'])}" for column in storage["Columns"]]
        return f"(SELECT {', '.join([*empty, *keys, "'' AS " + _name('$path')])} WHERE false)"
    paths = "[" + ", ".join(_text(str(each)) for each in files) + "]"
    library = storage["SerdeInfo"]["SerializationLibrary"]
    if "parquet" in library.lower():
        source = f"read_parquet({paths}, union_by_name = true, filename = true, hive_partitioning = false)"
        columns = [_name(name) for name in names]
    elif library == "org.apache.hadoop.hive.serde2.OpenCSVSerde":
        cells = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(names)))
        source = (
            f"read_csv({paths}, auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', "
            f"columns = {{{cells}}}, null_padding = true, strict_mode = false, filename = true, "
            "hive_partitioning = false, max_line_size = 10000000)"
        )
        columns = [f"coalesce(c{number}, '') AS {_name(name)}" for number, name in enumerate(names)]
    else:
        raise QueryError(f"HIVE_UNSUPPORTED_FORMAT: {library}")
    return f"(SELECT {', '.join([*columns, *keys, path])} FROM {source})"  # noqa: S608


def _type(column: Mapping[str, Any]) -> str:
    glue = re.sub(r"\bstring\b", "varchar", str(column["Type"]))
    return re.sub(r"map<(\w+),(\w+)>", r"MAP(\1, \2)", glue)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
