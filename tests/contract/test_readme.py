"""The README's generated tables are what the template says."""

from docs.reference import README, with_tables


def test_generated_tables_are_current() -> None:
    assert README.read_text() == with_tables(README.read_text()), "run 'make readme'"
