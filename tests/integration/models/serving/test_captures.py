"""What is kept of predictions: the adapters keep the promises of their fakes, and some of their own."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from bellwether.models.adapters.ssm import SsmExperimentsStore
from bellwether.models.domain.capture import MESSAGE_LIMIT_BYTES, messages, read_message
from bellwether.models.ports.actuals import ActualsStore
from bellwether.models.ports.captures import CaptureStore
from bellwether.models.ports.experiments import ExperimentsStore
from bellwether.monitoring.adapters.capture_queue import SqsCaptureQueue
from bellwether.monitoring.adapters.captures_s3 import S3ActualsStore, S3CaptureStore
from bellwether.shared.domain.errors import InvalidInputError, UpstreamError
from tests.builders import BUCKET, actual, capture, experiment
from tests.fakes.aws import Aws
from tests.fakes.captures import InMemoryActualsStore, InMemoryCaptureStore, InMemoryExperiments
from tests.fakes.captures_suite import WEEK, ActualsStoreSuite, CaptureStoreSuite, ExperimentsSuite

PARTITION = "captures/model=macro/date=2026-03-01/"
PARAMETER = "/bellwether/dev/macro/experiment"


class TestInMemoryCaptureStore(CaptureStoreSuite):
    @pytest.fixture
    def store(self) -> CaptureStore:
        return InMemoryCaptureStore()


class TestS3CaptureStore(CaptureStoreSuite):
    @pytest.fixture
    def store(self, aws: Aws) -> CaptureStore:
        return S3CaptureStore(BUCKET)

    def test_an_object_is_named_by_its_content(self, aws: Aws, store: CaptureStore) -> None:
        # Given the same records twice, the other way round
        for batch in ([capture("a"), capture("b")], [capture("b"), capture("a")]):
            store.put(batch)
        # Then there is one object, of one line each
        (key,) = aws.list_keys()
        assert key.startswith(PARTITION)
        assert key.endswith(".jsonl.gz")
        body = aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        lines = gzip.decompress(body).decode().splitlines()
        assert [json.loads(line)["request_id"] for line in lines] == ["a", "b"]

    def test_the_day_is_that_of_utc(self, aws: Aws, store: CaptureStore) -> None:
        store.put([capture(received_at=datetime.fromisoformat("2026-03-02T01:30:00+02:00"))])
        assert [key.rpartition("/")[0] for key in aws.list_keys()] == [PARTITION.rstrip("/")]
        assert len(list(store.read("macro", **WEEK))) == 1

    def test_a_folder_made_in_the_console_is_no_capture(self, aws: Aws, store: CaptureStore) -> None:
        store.put([capture()])
        aws.client("s3").put_object(Bucket=BUCKET, Key=PARTITION)
        assert len(list(store.read("macro", **WEEK))) == 1

    @pytest.mark.parametrize(
        ("content", "place"),
        [
            (b"no gzip", "bad.gz"),
            (gzip.compress(b"{}\n"), "bad.gz:1"),
            (gzip.compress(b"\xff"), "bad.gz"),
            (gzip.compress(b"{}\n" * 99)[:-9], "bad.gz"),
        ],
    )
    def test_what_is_no_capture_is_named_and_costs_no_other(self, aws: Aws, content: bytes, place: str) -> None:
        store = S3CaptureStore(BUCKET)
        store.put([capture()])
        aws.client("s3").put_object(Bucket=BUCKET, Key=f"{PARTITION}bad.gz", Body=content)
        assert len(list(store.read("macro", **WEEK))) == 1
        assert store.unreadable[0].startswith(f"{PARTITION}{place}: ")


class TestInMemoryActuals(ActualsStoreSuite):
    @pytest.fixture
    def actuals(self) -> ActualsStore:
        return InMemoryActualsStore()


class TestS3Actuals(ActualsStoreSuite):
    @pytest.fixture
    def actuals(self, aws: Aws) -> ActualsStore:
        return S3ActualsStore(BUCKET)

    def test_an_object_a_day_and_model(self, aws: Aws, actuals: ActualsStore) -> None:
        later = datetime(2026, 5, 2, tzinfo=UTC)
        for _ in range(2):
            actuals.put([actual(), actual("b"), actual("c", observed_at=later), actual("d", model="housing")])
        assert [key.rpartition("/")[0] for key in aws.list_keys()] == [
            "actuals/model=housing/date=2026-05-01",
            "actuals/model=macro/date=2026-05-01",
            "actuals/model=macro/date=2026-05-02",
        ]


class TestInMemoryExperiments(ExperimentsSuite):
    @pytest.fixture
    def experiments(self) -> ExperimentsStore:
        return InMemoryExperiments()


class TestSsmExperiments(ExperimentsSuite):
    @pytest.fixture
    def experiments(self, aws: Aws) -> ExperimentsStore:
        return SsmExperimentsStore("dev")

    def test_an_empty_object_is_no_experiment(self, aws: Aws, experiments: ExperimentsStore) -> None:
        aws.client("ssm").put_parameter(Name=PARAMETER, Value="{}", Type="String")
        assert experiments.get("macro") is None

    @pytest.mark.parametrize(
        "value", ["no json", "[]", '{"mode": "split"}', experiment(model="housing").model_dump_json()]
    )
    def test_what_is_no_experiment_is_refused(self, aws: Aws, experiments: ExperimentsStore, value: str) -> None:
        aws.client("ssm").put_parameter(Name=PARAMETER, Value=value, Type="String")
        with pytest.raises(InvalidInputError, match="macro/experiment"):
            experiments.get("macro")


# --- the way to the store --------------------------------------------------------------------------------------------


def test_a_request_is_one_message(aws: Aws) -> None:
    records = [capture(instance=number, input={"text": "\ud800 \x00 ￿"}) for number in range(100)]
    SqsCaptureQueue(aws.queue_url).send(iter(records))
    (message,) = aws.messages()
    assert read_message(message) == tuple(records)


def test_nothing_is_no_message(aws: Aws) -> None:
    SqsCaptureQueue(aws.queue_url).send([])
    assert aws.messages() == []


def test_a_queue_that_is_not_there_is_told(aws: Aws) -> None:
    with pytest.raises(UpstreamError, match="queue of captures"):
        SqsCaptureQueue(f"{aws.queue_url}-elsewhere").send([capture()])


@pytest.mark.parametrize(
    ("input_size", "output_size", "left_out"),
    [(10, 10, ()), (3000, 10, ("input",)), (10, 3000, ("input", "output")), (3000, 3000, ("input", "output"))],
)
def test_what_does_not_fit_stays_behind_and_says_so(
    input_size: int, output_size: int, left_out: tuple[str, ...]
) -> None:
    # Given a hundred rows with long inputs or long outputs
    given, answered = ({"text": "x" * size} for size in (input_size, output_size))
    records = [capture(instance=number, input=given, output=answered) for number in range(100)]
    # When they are packed
    (message,) = messages(records)
    # Then inputs go first, and outputs only when that is not enough; figures stay
    assert len(message) <= MESSAGE_LIMIT_BYTES
    found = read_message(message)
    assert {record.left_out for record in found} == {left_out}
    assert [record.points for record in found] == [record.points for record in records]


def test_bare_figures_that_are_too_many_take_several_messages() -> None:
    records = [capture(instance=number, entity_id="ä" * 200, input={}, output=None) for number in range(500)]
    packed = list(messages(records))
    assert len(packed) > 1
    assert all(len(message) <= MESSAGE_LIMIT_BYTES for message in packed)
    assert [record for message in packed for record in read_message(message)] == records


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"records": [{}]}', "[" * 100_000])
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        read_message(text)


def test_reading_remembers_no_more_than_a_day(aws: Aws) -> None:
    # Given the same request on two days, as nobody sends it
    store = S3CaptureStore(BUCKET)
    first = capture()
    store.put([first, capture(received_at=first.received_at + timedelta(days=1), instance=1)])
    # When it is read lazily; Then the first comes before the second is fetched
    reader = store.read("macro", **WEEK)
    assert next(reader) == first
