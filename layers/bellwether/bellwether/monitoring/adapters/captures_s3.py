"""What was predicted and what came true, in S3: gzipped JSON lines by model and day."""

import gzip
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from bellwether.models.domain.capture import Actual, CaptureRecord, as_line, read_line
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.domain.compression import gunzip
from bellwether.shared.domain.errors import InvalidInputError

CONTENT_TYPE = "application/gzip"
UNPACKED_LIMIT_BYTES = 512 * 1024 * 1024
KEY_BYTES = 16
UNREADABLE_NAMED = 50


class _Partitions:
    """Entries of one kind, by model and day. A line or object that can't be read is left out and named in `unreadable`
    with its place, the first `UNREADABLE_NAMED` of them."""

    def __init__(self, bucket: str) -> None:
        self._objects = S3ObjectStore(bucket)
        self.unreadable: list[str] = []

    def _write(self, by_partition: Mapping[str, list[str]]) -> None:
        for partition, lines in sorted(by_partition.items()):
            content = "".join(f"{line}\n" for line in lines).encode()
            name = hashlib.sha256(content).hexdigest()[:16]
            self._objects.put(f"{partition}{name}.jsonl.gz", gzip.compress(content, mtime=0), content_type=CONTENT_TYPE)

    def _read[E: (CaptureRecord, Actual)](self, kind: type[E], prefix: str, first: str = "") -> Iterator[E]:
        """Each entry, object by object, of those from the key `first` on."""
        for entry in self._objects.entries(prefix):
            if entry.key < first or entry.key.endswith("/"):  # a folder made in the console
                continue
            content = self._objects.get(entry.key).content
            try:
                lines = list(_unpacked(content, entry.key))
            except InvalidInputError as error:
                self._leave_out(error)
                continue
            for line, place in lines:
                try:
                    yield read_line(kind, line, place)
                except InvalidInputError as error:
                    self._leave_out(error)

    def _leave_out(self, error: InvalidInputError) -> None:
        if len(self.unreadable) < UNREADABLE_NAMED:
            self.unreadable.append(str(error))


class S3CaptureLog(_Partitions):
    """CaptureLog under `captures/model=<model>/date=<day received>/`. Needs s3:ListBucket and s3:GetObject.

    What it remembers while it reads is a day's keys, sixteen bytes each.
    """

    def read(self, model: str, *, since: datetime, until: datetime) -> Iterator[CaptureRecord]:
        """Records received from `since` up to, but without, `until`, day by day; each natural key once."""
        day = _day(since)
        while day <= _day(until):
            seen: set[bytes] = set()
            for record in self._read(CaptureRecord, _partition("captures", model, day)):
                if since <= record.received_at < until and (digest := _digest(record)) not in seen:
                    seen.add(digest)
                    yield record
            day += timedelta(days=1)


class S3CaptureStore(S3CaptureLog):
    """CaptureStore. Needs s3:PutObject besides.

    An object is named by what is in it: a batch that arrives again in the same pieces writes the same objects, and
    one that arrives in others is told apart by its records' keys when it is read.
    """

    def put(self, records: Iterable[CaptureRecord]) -> int:
        """Keep records in their model's and day's partition; the same batch again changes nothing. Tells how many."""
        unique = {record.key: record for record in records}
        by_partition: dict[str, list[str]] = defaultdict(list)
        for _, record in sorted(unique.items()):
            by_partition[_partition("captures", record.model, _day(record.received_at))].append(as_line(record))
        self._write(by_partition)
        return len(unique)


class S3Actuals(_Partitions):
    """Actuals under `actuals/model=<model>/date=<day observed>/`. Needs s3:ListBucket and s3:GetObject."""

    def read(self, model: str, *, since: datetime) -> Mapping[str, Actual]:
        """The newest actual of each join key among those observed from `since` on."""
        newest: dict[str, Actual] = {}
        first = _partition("actuals", model, _day(since))
        for actual in self._read(Actual, f"actuals/model={model}/", first):
            known = newest.get(actual.join_key)
            if actual.observed_at >= since and (known is None or _age(actual) > _age(known)):
                newest[actual.join_key] = actual
        return newest


class S3ActualsStore(S3Actuals):
    """ActualsStore. Needs s3:PutObject besides."""

    def put(self, actuals: Iterable[Actual]) -> int:
        """Keep actuals in their model's and day's partition; the same ones again change nothing. Tells how many."""
        by_partition: dict[str, set[str]] = defaultdict(set)
        for actual in actuals:
            by_partition[_partition("actuals", actual.model, _day(actual.observed_at))].add(as_line(actual))
        self._write({partition: sorted(lines) for partition, lines in by_partition.items()})
        return sum(map(len, by_partition.values()))


def _partition(kind: str, model: str, day: date) -> str:
    return f"{kind}/model={model}/date={day.isoformat()}/"


def _day(instant: datetime) -> date:
    return instant.astimezone(UTC).date()


def _unpacked(content: bytes, key: str) -> Iterator[tuple[str, str]]:
    try:
        text = gunzip(content, limit_bytes=UNPACKED_LIMIT_BYTES).decode()
    except (InvalidInputError, UnicodeDecodeError) as error:
        raise InvalidInputError("is not gzipped text", field=key) from error
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        yield line, f"{key}:{number}"


def _digest(record: CaptureRecord) -> bytes:
    return hashlib.blake2b(repr(record.key).encode(errors="surrogatepass"), digest_size=KEY_BYTES).digest()


def _age(actual: Actual) -> tuple[datetime, str, float]:
    """By which of two actuals the later one wins; of two at the same instant always the same one."""
    return actual.observed_at, actual.source, actual.value
