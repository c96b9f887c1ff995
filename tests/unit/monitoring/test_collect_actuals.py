"""Truths from a model's dataset, and from files that people drop."""

from datetime import UTC, datetime

import pytest

from bellwether.monitoring.domain.actual_files import read_actuals
from bellwether.monitoring.usecases.collect_actuals import Collected, collect_actuals, collect_file
from bellwether.shared.domain.errors import NotFoundError, UpstreamError
from bellwether.shared.ports.objects import ObjectContent
from tests.builders import DATASET
from tests.fakes.captures import InMemoryActualsStore
from tests.fakes.lifecycle import NOON, StoppedClock
from tests.fakes.objects import InMemoryObjectStore

DATA_KEY = "fred-data/train/fred_merged_data.csv"
END_OF_NOON = NOON.replace(microsecond=999_999)  # of the second that a store tells
DROP = "actuals/inbox/housing/sales.csv"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def collect(objects: InMemoryObjectStore, actuals: InMemoryActualsStore, model: str = "macro") -> Collected:
    return collect_actuals(model, objects=objects, actuals=actuals, clock=StoppedClock())


def drop(content: str, key: str = DROP) -> tuple[InMemoryObjectStore, InMemoryActualsStore, Collected]:
    objects, actuals = InMemoryObjectStore({key: content.encode()}), InMemoryActualsStore()
    return objects, actuals, collect_file(key, objects=objects, actuals=actuals)


# --- datasets ---------------------------------------------------------------------------------------------------------


def test_a_forecast_s_truths_come_from_its_dataset_once() -> None:
    objects, actuals = InMemoryObjectStore({DATA_KEY: DATASET}), InMemoryActualsStore()
    assert collect(objects, actuals).actuals == 2
    known = actuals.read("macro", since=BEGINNING)
    assert {key: each.value for key, each in known.items()} == {"UNRATE:2019-11": 3.6, "UNRATE:2019-12": 3.6}
    assert known["UNRATE:2019-12"].observed_at == NOON
    # When nothing is new, nothing is written
    assert collect(objects, actuals).actuals == 0


def test_a_revised_figure_corrects_the_earlier_one() -> None:
    objects, actuals = InMemoryObjectStore({DATA_KEY: DATASET}), InMemoryActualsStore()
    collect(objects, actuals)
    objects.put(DATA_KEY, DATASET.replace(b"2019-12-31,3.6", b"2019-12-31,3.5"))
    later = StoppedClock(datetime(2026, 4, 1, tzinfo=UTC))
    assert collect_actuals("macro", objects=objects, actuals=actuals, clock=later).actuals == 1
    assert actuals.read("macro", since=BEGINNING)["UNRATE:2019-12"].value == 3.5


def test_without_a_dataset_there_is_nothing_to_collect() -> None:
    assert collect(InMemoryObjectStore(), InMemoryActualsStore()) == Collected()
    assert collect(InMemoryObjectStore({DATA_KEY: DATASET}), InMemoryActualsStore(), "housing") == Collected()


class LockedStore(InMemoryObjectStore):
    """A store that refuses to hand out one object."""

    def get(self, key: str) -> ObjectContent:
        if key.endswith("locked.csv"):
            raise UpstreamError("AccessDenied")
        return super().get(key)


def test_a_file_that_can_not_be_fetched_costs_no_other_and_is_named() -> None:
    good = b"join_key,value\na,1\n"
    objects = LockedStore({f"actuals/inbox/housing/{name}.csv": good for name in ("a", "locked", "z")})
    collected = collect(objects, InMemoryActualsStore(), "housing")
    assert (collected.files, collected.actuals) == (2, 2)
    assert collected.failed == ("actuals/inbox/housing/locked.csv: AccessDenied",)
    assert objects.keys("actuals/inbox/") == ["actuals/inbox/housing/locked.csv"]


def test_a_month_without_a_figure_is_none() -> None:
    objects = InMemoryObjectStore({DATA_KEY: b"month,UNRATE\n2020-01-31,3.5\n2020-02-29,\n2020-03-31,inf\n"})
    assert collect(objects, InMemoryActualsStore()).actuals == 1


def test_an_unknown_model_has_none() -> None:
    with pytest.raises(NotFoundError, match="weather"):
        collect(InMemoryObjectStore(), InMemoryActualsStore(), "weather")


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_dropped_file_is_collected_kept_and_gone_from_the_inbox() -> None:
    objects, actuals, collected = drop("join_key,value,observed_at\nh-1,350000,2026-02-01\nh-2,4.1e5,\n")
    assert (collected.files, collected.actuals, collected.rejections) == (1, 2, 0)
    known = actuals.read("housing", since=BEGINNING)
    assert (known["h-1"].value, known["h-1"].observed_at) == (350_000, datetime(2026, 2, 1, tzinfo=UTC))
    assert (known["h-2"].value, known["h-2"].observed_at, known["h-2"].source) == (410_000, END_OF_NOON, "sales.csv")
    assert [key.split("/")[1] for key in objects.keys()] == ["originals"]  # noqa: SIM118 - a method of ours
    # When its event comes again, nothing happens
    assert collect_file(DROP, objects=objects, actuals=actuals) == Collected()


def test_rows_that_can_t_be_read_are_set_aside_with_their_place() -> None:
    rows = ["h-1,1", ",2", "h-3,much", "h-4,1e999", "h-5,5,yesterday", 'h-6,"6', "h-7,7,2030-01-01", "h-8,8"]
    objects, actuals, collected = drop(
        "\n".join(["value_ignored,JOIN_KEY,Value,observed_at", *(f"x,{r}" for r in rows)])
    )
    assert sorted(actuals.read("housing", since=BEGINNING)) == ["h-1", "h-8"]
    assert [(each.line, each.field) for each in collected.quarantined] == [
        (3, "join_key"),
        (4, "value"),
        (5, "value"),
        (6, "observed_at"),
        (7, "row"),
        (8, "observed_at"),
    ]
    assert any(key.startswith("actuals/quarantine/2026-03-01/") for key in objects.keys())  # noqa: SIM118


@pytest.mark.parametrize("instant", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"])
def test_an_instant_beyond_the_calendar_spoils_its_own_row_only(instant: str) -> None:
    _, actuals, collected = drop(f"join_key,value,observed_at\nh-1,1,{instant}\nh-2,2,2026-01-01\n")
    assert [(each.line, each.field) for each in collected.quarantined] == [(2, "observed_at")]
    assert list(actuals.read("housing", since=BEGINNING)) == ["h-2"]


@pytest.mark.parametrize("value", ["1e200", "-1e31", "1e-300"])
def test_a_figure_that_no_error_can_be_counted_against_is_set_aside(value: str) -> None:
    _, actuals, collected = drop(f"join_key,value\nh-1,{value}\nh-2,0\n")
    assert [(each.line, each.field) for each in collected.quarantined] == [(2, "value")]
    assert list(actuals.read("housing", since=BEGINNING)) == ["h-2"]


def test_a_file_of_the_second_in_which_somebody_asked_is_later_than_the_question() -> None:
    # Given a store that tells whole seconds, as S3 does; When a file comes half a second after a request
    asked_at = NOON.replace(microsecond=400_000)
    _, actuals, _ = drop("join_key,value\nh-1,1\n")
    # Then it counts as observed after it
    assert actuals.read("housing", since=BEGINNING)["h-1"].observed_at > asked_at


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"\x00\x01", "a binary file"),
        (b"<html></html>", "a web page"),
        (b"key,value\n1,2\n", "column join_key is missing"),
        (b"join_key,value,value\n", "a column appears twice"),
    ],
)
def test_a_file_that_can_t_be_read_is_set_aside_whole(content: bytes, reason: str) -> None:
    reading = read_actuals(content, model="housing", file_name="f.csv", received_at=NOON)
    assert reading.actuals == ()
    assert reason in reading.rejections[0].reason


def test_a_file_of_no_model_is_set_aside() -> None:
    _, actuals, collected = drop("join_key,value\nk,1\n", "actuals/inbox/weather/rain.csv")
    assert collected.rejections == 1
    assert "there is no model 'weather'" in collected.quarantined[0].reason
    assert actuals.read("weather", since=BEGINNING) == {}


def test_the_daily_run_collects_what_no_event_brought() -> None:
    objects = InMemoryObjectStore({DROP: b"join_key,value\nk,1\n", "actuals/inbox/housing/": b""})
    actuals = InMemoryActualsStore()
    assert collect(objects, actuals, "housing").actuals == 1


def test_a_file_replaced_while_it_is_read_stays_for_its_own_event() -> None:
    objects, actuals = InMemoryObjectStore({DROP: b"join_key,value\nk,1\n"}), InMemoryActualsStore()

    def replace_inbox(key: str) -> None:
        if key.startswith("actuals/originals/"):
            objects.before_put = None
            objects.put(DROP, b"join_key,value\nk,2\n")

    objects.before_put = replace_inbox
    collect_file(DROP, objects=objects, actuals=actuals)
    assert objects.find(DROP) is not None
    collect_file(DROP, objects=objects, actuals=actuals)
    assert objects.find(DROP) is None


def test_a_file_named_as_a_folder_is_set_aside_and_a_folder_is_not() -> None:
    for content, found in (("", 0), ("join_key,value\nUNRATE:2026-04,4.3\n", 1)):
        objects, actuals, collected = drop(content, f"{DROP.rpartition('/')[0]}/folder/")
        assert (collected.files, len(collected.quarantined)) == (found, found)
        assert len(objects.keys(DROP.rpartition("/")[0])) == 1 - found
        assert actuals.read("macro", since=NOON.replace(year=2000)) == {}


def test_an_unquoted_decimal_comma_is_refused_and_not_cut_off() -> None:
    content = b"join_key,value\nUNRATE:2026-01,4,1\nUNRATE:2026-02,4.2\n"
    reading = read_actuals(content, model="macro", file_name="a.csv", received_at=datetime(2026, 3, 2, tzinfo=UTC))
    assert [each.value for each in reading.actuals] == [4.2]
    assert [(each.line, each.reason) for each in reading.rejections] == [(2, "3 cells where the header has 2")]


READ = {  # form: content, assumption
    "ISO": ("join_key,value,observed_at\na,350000.5,2026-02-13\n", ""),
    "US dates": ("join_key,value,observed_at\na,350000.5,2/13/2026\n", ""),
    "British dates": ("join_key,value,observed_at\na,350000.5,13/02/2026\n", "observed_at: dates are read as D/M/YYYY"),
    "grouped": ('join_key,value,observed_at\na,"350,000.5",2026-02-13\n', "value: thousands are read as grouped"),
    "semicolons, decimal comma": (
        "join_key;value;observed_at\na;350.000,5;13.02.2026\n",
        "value: the comma is read as the decimal mark",
    ),
}


@pytest.mark.parametrize("form", READ)
def test_days_and_numbers_are_read_by_evidence_and_the_assumption_is_told(form: str) -> None:
    content, assumption = READ[form]
    _, actuals, collected = drop(content)
    known = actuals.read("housing", since=BEGINNING)["a"]
    assert (known.value, known.observed_at) == (350_000.5, datetime(2026, 2, 13, tzinfo=UTC))
    assert collected.rejections == 0
    assert bool(assumption) == bool(collected.assumptions)
    assert assumption in "; ".join(collected.assumptions)


@pytest.mark.parametrize(
    ("content", "field", "reason"),
    [
        ("join_key,value,observed_at\na,1,01/02/2026\nb,2,02/01/2026\n", "observed_at", "as day/month/year"),
        ('join_key,value\na,"1,234"\n', "value", "can be read as 1234 and as 1.234"),
        ("join_key;value\na;1.234\n", "value", "can be read as 1.234 and as 1234"),
        ("join_key,value\na,4.1%\nb,4.2%\n", "value", "has percent signs"),
        ("join_key,value\na,3.50E+05\n", "value", "is rounded"),
        ("join_key,value,observed_at\na,1,13/02/26\n", "observed_at", "leaves the century open"),
        ('join_key,value\na,"1,5"\nb,1.5\n', "value", "written in two ways"),
    ],
)
def test_days_and_numbers_that_can_be_read_in_two_ways_refuse_the_file(content: str, field: str, reason: str) -> None:
    _, actuals, collected = drop(content)
    assert actuals.read("housing", since=BEGINNING) == {}
    assert [each.field for each in collected.quarantined] == [field]
    assert reason in collected.quarantined[0].reason
