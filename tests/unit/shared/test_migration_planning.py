"""Planning migrations: order, gaps, doubles, edits."""

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.operations.adapters.migration_files import PackagedMigrations
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.domain.migrations import AppliedMigration, Migration, in_order, plan, read_migration


def a_migration(number: int, sql: str = "SELECT 1;", name: str = "step") -> Migration:
    return read_migration(f"{number:04d}_{name}.sql", sql)


def applied(*migrations: Migration) -> list[AppliedMigration]:
    return [AppliedMigration(step.version, step.name, step.sha256) for step in migrations]


ONE, TWO, THREE = a_migration(1), a_migration(2), a_migration(3)


@pytest.mark.parametrize(
    "name", ["1_short.sql", "0001.sql", "0001_Upper.sql", "0001_a.sql.bak", "00001_long.sql", "0001-a.sql"]
)
def test_a_file_that_is_no_migration_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidInputError, match="NNNN_name") as refused:
        read_migration(name, "SELECT 1;")
    assert refused.value.field == name


@pytest.mark.parametrize(
    "statement", ["COMMIT;", "  rollback;", "BEGIN;", "begin transaction;", "START  TRANSACTION;", "ABORT"]
)
def test_a_migration_that_ends_its_transaction_is_refused_with_its_line(statement: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_migration("0001_bad.sql", f"CREATE TABLE t ();\n\n{statement}\n")
    assert refused.value.field == "0001_bad.sql:3"


def test_a_function_body_may_begin_and_end() -> None:
    read_migration("0001_f.sql", "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\nBEGIN\n  NULL;\nEND;\n$$;")


def test_an_empty_migration_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="empty"):
        read_migration("0001_nothing.sql", " \n")


def test_line_ends_are_no_edit() -> None:
    assert a_migration(1, "SELECT 1;\r\nSELECT 2;\r\n").sha256 == a_migration(1, "SELECT 1;\nSELECT 2;\n").sha256
    assert a_migration(1, "SELECT 1;").sha256 != a_migration(1, "SELECT 2;").sha256


def test_a_gap_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="0002 is missing"):
        in_order([ONE, THREE])


def test_a_double_number_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="used twice"):
        in_order([ONE, TWO, a_migration(2, name="other")])


def test_version_zero_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        in_order([a_migration(0), ONE])


@given(order=st.permutations([ONE, TWO, THREE]), done=st.integers(0, 3))
def test_what_is_left_is_done_in_order(order: list[Migration], done: int) -> None:
    # Given migrations shipped in any order, of which the first some are applied
    todo = plan(order, applied(*[ONE, TWO, THREE][:done]))
    # Then the rest is pending, oldest first
    assert todo.pending == (ONE, TWO, THREE)[done:]
    assert todo.version == "0003"
    assert todo.newer == ()


def test_nothing_shipped_and_nothing_applied_is_no_version() -> None:
    assert plan([], []).version is None


def test_an_edited_migration_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="edited since") as refused:
        plan([a_migration(1, "SELECT 2;"), TWO], applied(ONE))
    assert refused.value.field == "0001_step.sql"


def test_a_renamed_migration_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="applied as step"):
        plan([a_migration(1, name="renamed")], applied(ONE))


def test_a_hole_in_the_applied_ones_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="never applied"):
        plan([ONE, TWO], applied(TWO))


def test_versions_of_newer_code_are_listed() -> None:
    todo = plan([ONE], applied(ONE, TWO, THREE))
    assert todo.newer == ("0002", "0003")
    assert todo.pending == ()
    assert todo.version == "0003"


def test_what_ships_is_in_order_and_can_be_read() -> None:
    shipped = PackagedMigrations()
    assert in_order(shipped.migrations())[0].file_name == "0001_decisions.sql"
    assert "bellwether.application_role" in shipped.grants()
    assert (files("db.migrations") / "grants.sql").is_file()
