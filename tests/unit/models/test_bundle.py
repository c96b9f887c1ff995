"""A bundle is whole and untouched, or it is refused."""

import io
import tarfile
from dataclasses import replace
from typing import Any

import pytest

from bellwether.models.adapters import bundles
from bellwether.models.adapters.bundles import read_archive
from bellwether.models.domain.bundle import MANIFEST_FILE, verify
from bellwether.models.domain.bundle_manifest import BundleManifest, NumericReference
from bellwether.shared.domain.errors import BundleTamperedError, InvalidInputError
from tests.builders import Bundle, bundle, digest, tar_gz

KEEP = frozenset({MANIFEST_FILE})


def checked(tampered: Bundle, sha256: str) -> BundleManifest:
    return verify(read_archive(io.BytesIO(tampered.tar()), keep=KEEP, name="model.tar.gz"), sha256)


def test_an_untouched_bundle_is_read() -> None:
    whole = bundle()
    assert checked(whole, whole.sha256).model == "macro"


def test_a_tar_made_with_leading_dots_is_the_same_bundle() -> None:
    whole = bundle()
    dotted = Bundle({f"./{name}": content for name, content in whole.files.items()})
    archive = read_archive(io.BytesIO(dotted.tar()), keep=KEEP, name="model.tar.gz")
    assert verify(archive, whole.sha256).target == "UNRATE"


@pytest.mark.parametrize("part", ["model.ubj", "history.csv", "code/inference.py", MANIFEST_FILE])
def test_one_changed_byte_is_noticed(part: str) -> None:
    whole = bundle()
    touched = replace(whole, files={**whole.files, part: whole.files[part] + b" "})
    with pytest.raises(BundleTamperedError, match=part):
        checked(touched, whole.sha256)


@pytest.mark.parametrize("part", ["model.ubj", "code/inference.py", MANIFEST_FILE])
def test_a_missing_part_is_noticed(part: str) -> None:
    whole = bundle()
    torn = Bundle({name: content for name, content in whole.files.items() if name != part})
    with pytest.raises(BundleTamperedError, match="missing"):
        checked(torn, whole.sha256)


def test_a_part_that_nobody_listed_is_noticed() -> None:
    whole = bundle()
    stuffed = Bundle({**whole.files, "code/sitecustomize.py": b"import os"})
    with pytest.raises(BundleTamperedError, match=r"not listed in bundle.json: code/sitecustomize.py"):
        checked(stuffed, whole.sha256)


def test_an_authentic_manifest_that_does_not_fit_names_the_field() -> None:
    odd = bundle(horizons_months=["soon"])
    with pytest.raises(InvalidInputError) as refused:
        checked(odd, odd.sha256)
    assert refused.value.field == "bundle.json horizons_months 0"


@pytest.mark.parametrize(
    "reference",
    [
        {"UNRATE": {"edges": [3.5], "counts": [4, 6], "missing": 1}},  # as bundles had it before there were categories
        {"features": {"UNRATE": {"kind": "numeric", "edges": [3.5], "counts": [4, 6], "missing": 1}}, "rows": 11},
    ],
)
def test_references_are_read_in_their_older_form_too(reference: dict[str, Any]) -> None:
    whole = bundle(drift_reference=reference)
    feature = checked(whole, whole.sha256).drift_reference.features["UNRATE"]
    assert feature == NumericReference(kind="numeric", edges=(3.5,), counts=(4, 6), missing=1)


def test_a_reference_of_categories_and_of_one_prediction() -> None:
    figures = {"kind": "numeric", "edges": [], "counts": [3], "missing": 0}
    towns = {"kind": "categorical", "levels": {"A": 2}, "other": 1, "missing": 0}
    whole = bundle(drift_reference={"features": {"town": towns}, "prediction": figures, "rows": 3})
    reference = checked(whole, whole.sha256).drift_reference
    assert list(reference.prediction) == ["prediction"]
    assert reference.features["town"].kind == "categorical"


def odd_member(name: str, kind: bytes, target: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        tar.addfile(member)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("../model.ubj", tarfile.REGTYPE, ""),
        ("code/../../model.ubj", tarfile.REGTYPE, ""),
        ("model.ubj", tarfile.SYMTYPE, "/etc/passwd"),
        ("model.ubj", tarfile.SYMTYPE, "history.csv"),
        ("model.ubj", tarfile.LNKTYPE, "history.csv"),
        ("model.ubj", tarfile.CHRTYPE, ""),
        ("model.ubj", tarfile.FIFOTYPE, ""),
    ],
)
def test_what_no_honest_job_writes_is_refused(name: str, kind: bytes, target: str) -> None:
    with pytest.raises(BundleTamperedError):
        read_archive(io.BytesIO(odd_member(name, kind, target)), keep=KEEP, name="model.tar.gz")


def test_a_file_that_is_there_twice_is_refused() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for content in (b"honest", b"forged"):
            member = tarfile.TarInfo("model.ubj")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    with pytest.raises(BundleTamperedError, match="twice"):
        read_archive(io.BytesIO(buffer.getvalue()), keep=KEEP, name="model.tar.gz")


@pytest.mark.parametrize("content", [b"", b"no tar", tar_gz({"a": b"b" * 5000})[:60]])
def test_what_is_no_tar_is_invalid_input(content: bytes) -> None:
    with pytest.raises(InvalidInputError, match="readable"):
        read_archive(io.BytesIO(content), keep=KEEP, name="model.tar.gz")


@pytest.mark.parametrize(
    ("limit", "value"),
    [("MEMBER_LIMIT", 1), ("MEMBER_LIMIT_BYTES", 9), ("ARCHIVE_LIMIT_BYTES", 15), ("KEPT_LIMIT_BYTES", 9)],
)
def test_what_is_too_large_is_refused_before_it_is_read(
    limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, limit, value)
    with pytest.raises(InvalidInputError, match="larger than"):
        read_archive(
            io.BytesIO(tar_gz({"a": b"0123456789", "b": b"0123456789"})), keep=frozenset({"b"}), name="model.tar.gz"
        )


def test_only_what_is_asked_for_is_kept() -> None:
    archive = read_archive(io.BytesIO(tar_gz({"a": b"1", "b": b"2"})), keep=frozenset({"b"}), name="x")
    assert archive.contents == {"b": b"2"}
    assert archive.hashes == {"a": digest(b"1"), "b": digest(b"2")}
