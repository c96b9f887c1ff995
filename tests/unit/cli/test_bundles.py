"""What `bellwether model register` decides before it speaks to a cloud, and what it lays down there."""

import json
from pathlib import Path
from typing import Any

import pytest

from bellwether.models.domain.catalogue import SENTIMENT
from cli import bundles
from cli.problems import CommandError
from cli.target import Target
from jobs.sentiment.pack import pack_lexicon
from tests.builders import tar_gz


class Clients:
    """S3, STS and Step Functions as far as a registration needs them."""

    def __init__(self) -> None:
        self.uploads: dict[str, bytes] = {}
        self.started: list[dict[str, Any]] = []

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        self.uploads[key] = Path(path).read_bytes()

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:aws:iam::000000000000:user/me"}

    def start_execution(self, **request: Any) -> dict[str, str]:
        self.started.append(json.loads(request["input"]))
        return {"executionArn": "arn:execution"}


def test_a_bundle_is_laid_down_and_its_registration_started(tmp_path: Path) -> None:
    # Given the embedded bundle
    packed = pack_lexicon(tmp_path)
    clients = Clients()
    target = Target(where="test", stack="s", client=lambda service: clients, region="us-east-1")
    target.__dict__["outputs"] = {"DataBucketName": "bucket", "TrainModelStateMachineArn": "arn:machine"}
    # When it is registered
    delivered = bundles.delivery(packed.archive)
    assert bundles.register(target, SENTIMENT, delivered) == "arn:execution"
    # Then it goes by its hash, lies where a job would have left it, and the process knows its name
    assert delivered.bundle_sha256 == packed.bundle_sha256
    name = f"sentiment-{packed.bundle_sha256[:8]}"
    folder = f"models/sentiment/jobs/{name}/output/"
    assert clients.uploads == {
        f"{folder}model.tar.gz": packed.archive.read_bytes(),
        f"{folder}evaluation.json": packed.evaluation.read_bytes(),
    }
    (request,) = clients.started
    assert request == {"model": "sentiment", "bundle": name, "requested_by": "arn:aws:iam::000000000000:user/me"}


@pytest.mark.parametrize("content", [b"", b"no tar", tar_gz({"other.json": b"{}"})])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(content)
    (tmp_path / "evaluation.json").write_text("{}")
    with pytest.raises(CommandError, match="is not a bundle"):
        bundles.delivery(archive)


def test_a_bundle_needs_its_figures(tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    with pytest.raises(CommandError, match=r"model\.tar\.gz does not exist"):
        bundles.delivery(archive)
    archive.write_bytes(b"")
    with pytest.raises(CommandError, match=r"evaluation\.json does not exist"):
        bundles.delivery(archive)


def test_a_model_that_is_trained_here_is_no_bundle() -> None:
    with pytest.raises(CommandError, match="bellwether train macro"):
        bundles.register_model("macro")
