"""What every store of captures, actuals and experiments does: run by the fakes and by the adapters alike."""

from datetime import UTC, datetime, timedelta

from bellwether.models.ports.actuals import ActualsStore
from bellwether.models.ports.captures import CaptureStore
from bellwether.models.ports.experiments import ExperimentsStore
from tests.builders import actual, capture, experiment

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = {"since": NOON - 3 * DAY, "until": NOON + 4 * DAY}


class CaptureStoreSuite:
    """Derive a test class from it that has a fixture `store`, empty."""

    def test_what_was_put_is_read(self, store: CaptureStore) -> None:
        # Given records with all that they can hold, text that UTF-8 can't hold included
        full = capture(
            "full",
            instance=3,
            variant="challenger",
            returned=False,
            experiment_id="macro-v4",
            entity_id="Ærø 7",
            input={"text": "half a pair \ud800, a line\u2028end\n", "deep": [{"x": None}]},
            left_out=["output"],
        )
        failed = capture("failed", status="failed", error="TransientUpstreamError", output=None, points=[])
        # When they are kept
        assert store.put([full, failed]) == 2
        # Then they are read as they were
        assert sorted(store.read("macro", **WEEK), key=lambda record: record.request_id) == [failed, full]

    def test_a_batch_again_changes_nothing(self, store: CaptureStore) -> None:
        # Given a batch that arrives twice, and once more in other pieces
        batch = [capture(f"r-{number}") for number in range(5)]
        assert [store.put(batch), store.put(batch[::-1]), store.put(batch[2:])] == [5, 5, 3]
        # When it is read; Then each record is there once
        assert len(list(store.read("macro", **WEEK))) == 5

    def test_a_key_is_request_row_and_variant(self, store: CaptureStore) -> None:
        same = capture()
        others = [capture(instance=1), capture(variant="challenger"), capture("r-2")]
        assert store.put([same, same, *others]) == 4
        assert len(list(store.read("macro", **WEEK))) == 4

    def test_models_and_days_are_kept_apart(self, store: CaptureStore) -> None:
        # Given records of two models over four days
        times = [NOON + number * DAY / 2 for number in range(8)]
        for model in ("macro", "housing"):
            store.put(capture(f"{model}-{number}", model=model, received_at=at) for number, at in enumerate(times))
        # When some are asked for, from an instant on and up to another
        found = list(store.read("macro", since=times[2], until=times[5]))
        # Then those come, the last instant left out
        assert sorted(record.request_id for record in found) == ["macro-2", "macro-3", "macro-4"]
        assert [record.received_at.date() for record in found] == sorted(record.received_at.date() for record in found)
        assert list(store.read("macro", since=NOON - 3 * DAY, until=NOON)) == []
        assert list(store.read("sentiment", **WEEK)) == []

    def test_nothing_is_kept_of_nothing(self, store: CaptureStore) -> None:
        assert store.put([]) == 0
        assert list(store.read("macro", **WEEK)) == []


class ActualsStoreSuite:
    """Derive a test class from it that has a fixture `actuals`, empty."""

    def test_the_newest_of_each_key_is_read(self, actuals: ActualsStore) -> None:
        # Given a figure, its revision, and another model's
        first = actual(observed_at=NOON)
        revised = actual(value=4.4, observed_at=NOON + 30 * DAY)
        other = actual("UNRATE:2026-05", 4.6, observed_at=NOON + DAY)
        foreign = actual("house 7", 350000, model="housing", observed_at=NOON)
        assert actuals.put([first, other, foreign]) == 3
        assert actuals.put([revised]) == 1
        assert actuals.put([first]) == 1  # arrives again
        # When they are read; Then the revision counts
        assert actuals.read("macro", since=NOON) == {"UNRATE:2026-04": revised, "UNRATE:2026-05": other}
        assert actuals.read("housing", since=NOON) == {"house 7": foreign}

    def test_what_was_observed_before_is_left_out(self, actuals: ActualsStore) -> None:
        early, late = actual("a", observed_at=NOON), actual("b", observed_at=NOON + timedelta(seconds=1))
        actuals.put([early, late])
        assert set(actuals.read("macro", since=late.observed_at)) == {"b"}
        assert actuals.read("macro", since=late.observed_at + DAY) == {}

    def test_of_two_at_the_same_instant_it_is_always_the_same_one(self, actuals: ActualsStore) -> None:
        low, high = actual(value=1.0, observed_at=NOON), actual(value=2.0, observed_at=NOON)
        actuals.put([high])
        actuals.put([low])
        assert actuals.read("macro", since=NOON) == {"UNRATE:2026-04": high}


class ExperimentsSuite:
    """Derive a test class from it that has a fixture `experiments`, empty."""

    def test_an_experiment_begins_changes_and_ends(self, experiments: ExperimentsStore) -> None:
        shadow, split = experiment(), experiment(mode="split", share=0.5)
        assert experiments.get("macro") is None
        experiments.put(shadow)
        assert experiments.get("macro") == shadow
        experiments.put(split)
        assert experiments.get("macro") == split
        assert experiments.get("housing") is None
        experiments.clear("macro")
        experiments.clear("macro")
        assert experiments.get("macro") is None
