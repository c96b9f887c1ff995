"""The samples in other forms hold the figures of the samples, and the one on another base is refused."""

from pathlib import Path

from bellwether.datasets.domain.fred_layout import INBOX
from bellwether.datasets.usecases.ingest_sales import ingest_sales
from bellwether.datasets.usecases.ingest_series import ingest_inbox
from bellwether.models.domain.catalogue import HOUSING
from samples.make_file_forms import REBASED, make
from tests.fakes.captures import InMemoryActualsStore
from tests.fakes.objects import InMemoryObjectStore
from tests.places import SAMPLES

FOLDER = SAMPLES / "forms"


def test_they_are_what_the_generator_makes(tmp_path: Path) -> None:
    make(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = {path.relative_to(FOLDER): path.read_bytes() for path in FOLDER.rglob("*") if path.is_file()}
    assert made == kept


def test_series_bring_nothing_new_and_a_part_on_another_base_is_refused() -> None:
    # Given the sample packs
    store = InMemoryObjectStore()
    for path in sorted((SAMPLES / "fred").rglob("*.csv")):
        store.put(f"{INBOX}{path.parent.name}/{path.name}", path.read_bytes())
    ingest_inbox(store)
    # When the same series come in other forms
    for path in (FOLDER / "2016-07-29").iterdir():
        store.put(f"{INBOX}forms/2016-07-29/{path.name}", path.read_bytes())
    result = ingest_inbox(store)
    # Then each is recognised as known, and what was assumed is told
    assert {each.series for each in result.ingested if not each.new} == {
        *("HOUST", "UNRATE", "INDPRO", "PAYEMS", "RSAFS", "TCU", "PCEPI", "HSN1F")
    }
    assert not [each.series for each in result.ingested if each.new]
    assert all(each.assumptions for each in result.ingested)
    # And the one on another base is in quarantine
    ((field, reason),) = [(each.field, each.reason) for each in result.quarantined]
    assert field == REBASED
    assert "another base or unit" in reason


def test_sales_bring_nothing_new() -> None:
    store, actuals = InMemoryObjectStore(), InMemoryActualsStore()
    for path in (SAMPLES / "housing" / "ames-2006.csv", FOLDER / "sales" / "ames-2006.csv"):
        store.put(f"{HOUSING.dataset.inbox}{path.parent.name}-{path.name}", path.read_bytes())
    known, other = ingest_sales(
        store,
        actuals,
        HOUSING,
        pause=lambda _attempt: None,
        keys=[f"{HOUSING.dataset.inbox}{folder}-ames-2006.csv" for folder in ("housing", "sales")],
    ).ingested
    assert (known.added, other.added, other.corrected, other.repeated) == (625, 0, 0, 105)
    assert other.assumptions
