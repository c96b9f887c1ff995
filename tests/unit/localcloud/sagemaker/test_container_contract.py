"""Hyperparameters, command line, archives, records and places: the parts of the contract that need no process."""

import io
import tarfile
from hashlib import sha256
from pathlib import Path, PurePosixPath

import pytest

from localcloud.sagemaker import archives
from localcloud.sagemaker.container import command_line, decode_hyperparameters
from localcloud.sagemaker.errors import JobError, ValidationError
from localcloud.sagemaker.job_process import Ending
from localcloud.sagemaker.listing import Listing, page
from localcloud.sagemaker.model import check_request, described
from localcloud.sagemaker.objects import _below, join_uri, split_uri
from localcloud.sagemaker.training import Metrics, failure_reason
from localcloud.sagemaker.transform import assemble, payloads


def test_hyperparameters_are_decoded_as_the_container_decodes_them() -> None:
    # Given values as the SDK quotes them, and as people write them
    raw = {"a": '"text"', "b": "text", "c": "7", "d": "1,2", "e": "true", "sagemaker_program": '"train.py"'}
    # When they are decoded
    decoded = decode_hyperparameters(raw)
    # Then JSON is JSON, all else stays text, and the container's own are kept apart
    assert decoded.user == {"a": "text", "b": "text", "c": 7, "d": "1,2", "e": True}
    assert decoded.program == "train.py"


@pytest.mark.parametrize(
    ("user", "arguments"),
    [
        ({"seed": 7}, ["--seed", "7"]),
        ({"s": 7}, ["-s", "7"]),
        ({"b": 1, "aa": 2}, ["--aa", "2", "-b", "1"]),
        ({"none": None}, ["--none"]),
        ({"flag": True}, ["--flag", "True"]),
        ({"map": {"b": 2, "a": 1}}, ["--map", "a=1,b=2"]),
        ({"list": [1, 2]}, ["--list", "[1, 2]"]),
    ],
)
def test_command_line(user: dict[str, object], arguments: list[str]) -> None:
    assert command_line(user) == arguments


@pytest.mark.parametrize("missing", ["sagemaker_program", "sagemaker_submit_directory"])
def test_without_program_or_sources_there_is_no_job(missing: str) -> None:
    parameters = {"sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://b/k"}
    del parameters[missing]
    decoded = decode_hyperparameters(parameters)
    with pytest.raises(JobError, match=missing):
        _ = (decoded.program, decoded.submit_directory)


def test_archive_depends_on_content_only(tmp_path: Path) -> None:
    # Given the same files, written at other times in another order with other rights
    for number, order in enumerate((("a", "b/c"), ("b/c", "a"))):
        folder = tmp_path / str(number)
        for name in order:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
            path.chmod(0o600 if number else 0o664)
        archives.pack(folder, tmp_path / f"{number}.tar.gz")
    # When they are packed, then the bytes are the same
    assert (tmp_path / "0.tar.gz").read_bytes() == (tmp_path / "1.tar.gz").read_bytes()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil"])
def test_unpacking_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    # Given an archive with a name that leads elsewhere
    path = tmp_path / "evil.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        item = tarfile.TarInfo(name)
        item.size = 1
        tar.addfile(item, io.BytesIO(b"x"))
    # When it is unpacked
    try:
        archives.unpack(path, tmp_path / "inner" / "folder")
    except JobError as error:
        assert "Outside" in str(error)  # noqa: PT017 - an absolute name is made relative instead, and stays inside
    # Then nothing is outside
    assert not (tmp_path / "inner" / "evil").exists()
    assert not Path("/etc/evil").exists()


def archive_of(*files: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files:
            item = tarfile.TarInfo(name)
            item.type, item.size, item.linkname = kind, len(content), "/etc/passwd" if kind == tarfile.SYMTYPE else ""
            tar.addfile(item, io.BytesIO(content))
    return buffer.getvalue()


CODE = archive_of(("code/inference.py", b"genuine"))
FOREIGN = archive_of(("code/inference.py", b"foreign"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (CODE + FOREIGN, "after its first gzip member"),
        (CODE + b"\0", "after its first gzip member"),
        (archive_of(("a", b"1"), ("a", b"2")), "occurs twice"),
        (archive_of(("a", b""), kind=tarfile.SYMTYPE), "neither a file nor a folder"),
        (CODE[:40], "can't unpack"),
    ],
)
def test_what_readers_may_read_differently_is_not_unpacked(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(content)
    with pytest.raises(JobError, match=reason):
        archives.unpack(path, tmp_path / "model")


def test_an_archive_other_than_the_registered_one_is_not_loaded(tmp_path: Path) -> None:
    # Given an archive, and the SHA-256 that its container's environment names
    path = tmp_path / "model.tar.gz"
    path.write_bytes(CODE)
    archives.check_sha256(path, sha256(CODE).hexdigest())
    archives.check_sha256(path, None)
    # Then another archive in its place is refused
    path.write_bytes(FOREIGN)
    with pytest.raises(JobError, match="expected"):
        archives.check_sha256(path, sha256(CODE).hexdigest())


@pytest.mark.parametrize(
    ("prefix", "key", "place"),
    [
        ("a/b", "a/b/c.csv", "c.csv"),
        ("a/b/", "a/b/c/d.csv", "c/d.csv"),
        ("a/b.csv", "a/b.csv", "b.csv"),
        ("a/b", "a/bb.csv", "bb.csv"),
        ("", "a/b", "a/b"),
    ],
)
def test_place_below_a_prefix(prefix: str, key: str, place: str) -> None:
    assert _below(prefix, key) == PurePosixPath(place)


def test_addresses() -> None:
    assert split_uri("s3://bucket/a/b") == ("bucket", "a/b")
    assert join_uri("s3://bucket/a/", "b", "/c") == "s3://bucket/a/b/c"
    with pytest.raises(JobError, match="not an S3 address"):
        split_uri("https://bucket/a")


def test_records_fill_a_payload() -> None:
    # Given lines of which two and a half fit into a megabyte
    line = b"x" * 400_000 + b"\n"
    job = {"TransformInput": {"SplitType": "Line"}, "MaxPayloadInMB": 1}
    # When they are batched
    batches = list(payloads(job, line * 5))
    # Then two go together, and a line by itself where that is asked
    assert [len(batch) // len(line) for batch in batches] == [2, 2, 1]
    assert len(list(payloads(job | {"BatchStrategy": "SingleRecord"}, line * 5))) == 5
    with pytest.raises(JobError, match="exceeds MaxPayloadInMB"):
        list(payloads(job, line * 3 + b"y" * 2_000_000))


def test_answers_are_put_together() -> None:
    assert assemble([b"a", b"b\n"], "Line") == b"a\nb\n"
    assert assemble([b"a", b"b"], "None") == b"ab"


def test_failure_reason_keeps_the_exit_code(tmp_path: Path) -> None:
    # Given a script that left a long story
    story = tmp_path / "failure"
    story.write_text("because " * 500)
    reason = failure_reason(Ending(3, None, "ignored"), story)
    # Then the reason fits and still ends with the exit code
    assert len(reason) <= 1024
    assert reason.endswith(", exit code: 3")
    # And without a story the end of standard error is told
    assert "boom" in failure_reason(Ending(1, None, "boom"), tmp_path / "none")


def test_metrics_keep_the_last_number() -> None:
    metrics = Metrics([{"Name": "rmse", "Regex": "rmse=(\\S+)"}, {"Name": "broken", "Regex": "("}])
    for line in ("rmse=1.5", "rmse=nonsense", "rmse=0.5", "else"):
        metrics.read(line)
    assert [(item["MetricName"], item["Value"]) for item in metrics.final()] == [("rmse", 0.5)]


def test_request_breaks_are_all_reported() -> None:
    # Given a request with three faults
    request = {"EndpointName": "under_score", "MemorySizeInMB": 1}
    with pytest.raises(ValidationError) as caught:
        check_request("CreateEndpoint", request)
    # Then the missing field and the wrong name are both told
    assert caught.value.message.startswith("2 validation errors detected: ")
    assert "'endpointConfigName'" in caught.value.message
    assert "'endpointName'" in caught.value.message


def test_describe_gives_back_what_the_api_describes() -> None:
    assert described("DescribeModel", {"ModelName": "m", "Tags": []}) == {"ModelName": "m"}


def test_pages_are_stable_when_times_are_equal() -> None:
    # Given items of the same moment
    listing = Listing("Items", "Name", ("Name",), order="Descending")
    items = [{"Name": str(number), "CreationTime": 1.0} for number in range(3)]
    # When they are paged through
    first = page(listing, items, {"MaxResults": 2})
    second = page(listing, items, {"MaxResults": 2, "NextToken": first["NextToken"]})
    # Then the newest comes first and none twice
    assert [item["Name"] for item in first["Items"] + second["Items"]] == ["2", "1", "0"]
    with pytest.raises(ValidationError, match="NextToken"):
        page(listing, items, {"NextToken": "made up"})
