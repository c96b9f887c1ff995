"""The engine behind the emulator's Athena, over files in memory."""

from collections.abc import Callable
from typing import Any

import pytest

from localcloud.emulator.athena_engine import QueryError, answer, lists_files, tables_in, translated

CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
FILES = {
    "s3://b/lists/one/symlink.txt": b"s3://b/data/a.csv\ns3://b/data/b.csv\n",
    "s3://b/data/a.csv": b"name,amount\nx,1.5\n",
    "s3://b/data/b.csv": b"name,amount\ny,2.5\n",
    "s3://b/data/c.csv": b"name,amount\nz,100\n",  # in the folder, in no list
}
QUERY = "SELECT name, CAST(amount AS decimal(10, 2)) AS amount FROM t WHERE delivery = 'one' AND name <> 'name'"


def table(library: str = CSV) -> dict[str, Any]:
    return {
        "StorageDescriptor": {
            "Columns": [{"Name": "name", "Type": "string"}, {"Name": "amount", "Type": "string"}],
            "InputFormat": "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat",
            "Location": "s3://b/lists/",
            "SerdeInfo": {"SerializationLibrary": library},
        },
        "PartitionKeys": [{"Name": "delivery", "Type": "string"}],
        "Parameters": {
            "projection.delivery.type": "injected",
            "storage.location.template": "s3://b/lists/${delivery}/",
        },
    }


def run(query: str = QUERY, *, of: dict[str, Any] | None = None, byte_limit: int | None = None) -> Any:
    found: Callable[[str, str], Any] = lambda _database, name: (of or table()) if name == "t" else None  # noqa: E731
    return answer(
        query,
        found,
        FILES.__getitem__,
        lambda folder: [key for key in FILES if key.startswith(folder)],
        byte_limit=byte_limit,
    )


def test_only_listed_files_are_read_and_their_size_is_told() -> None:
    found = run(f"{QUERY} ORDER BY name")
    assert [(name, str(amount)) for name, amount in found.rows] == [("x", "1.50"), ("y", "2.50")]
    assert found.scanned_bytes == len(FILES["s3://b/data/a.csv"]) + len(FILES["s3://b/data/b.csv"])


def test_each_row_knows_its_file() -> None:
    found = run("""SELECT DISTINCT "$path" FROM t WHERE delivery = 'one' ORDER BY 1""")
    assert found.rows == [("s3://b/data/a.csv",), ("s3://b/data/b.csv",)]


def test_an_empty_list_is_no_row() -> None:
    assert run("SELECT name FROM t WHERE delivery = 'two'").rows == []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT name FROM t", "injected projected partition column delivery"),
        ("SELECT name FROM t WHERE delivery > 'one'", "injected projected partition column delivery"),
        ("SELECT FROM WHERE", "mismatched input"),
        ("SELECT missing FROM t WHERE delivery = 'one'", "missing"),
    ],
)
def test_what_athena_refuses_is_refused(query: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        run(query)


def test_the_byte_limit_stops_a_query() -> None:
    with pytest.raises(QueryError, match="bytes scanned limit of 10"):
        run(byte_limit=10)


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(QueryError, match="HIVE_UNSUPPORTED_FORMAT"):
        run(of=table("org.example.Serde"))


def test_other_tables_are_left_to_the_emulator() -> None:
    assert tables_in("SELECT * FROM db.one JOIN two ON true") == [("db", "one"), ("", "two")]
    assert not lists_files({"StorageDescriptor": {"InputFormat": "org.apache.hadoop.mapred.TextInputFormat"}})
    assert translated("SELECT date_format(day, '%Y') FROM t") == "SELECT STRFTIME(day, '%Y') FROM t"
