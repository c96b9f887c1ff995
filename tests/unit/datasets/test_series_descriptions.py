"""`series.json`: what people say about series that the catalogue lacks."""

import json

import pytest

from bellwether.datasets.domain.series_descriptions import is_descriptions_file, read_descriptions


def read(document: object) -> tuple[dict[str, int], list[tuple[str, str]]]:
    found, rejections = read_descriptions(json.dumps(document).encode())
    return {series: each.tcode for series, each in found.items()}, [(each.field, each.reason) for each in rejections]


def test_a_bad_entry_leaves_the_others_alone() -> None:
    # Given one good entry and bad ones
    document = {
        "GOOD": {"tcode": 5, "frequency": "monthly", "publication_lag_months": 1, "unit": "USD"},
        "NOCODE": {"unit": "USD"},
        "BADCODE": {"tcode": 8},
        "TEXTCODE": {"tcode": "5"},
        "BADFREQ": {"tcode": 1, "frequency": "yearly"},
        "MORE": {"tcode": 1, "comment": "x"},
        "no identifier!": {"tcode": 1},
        "LIST": [5],
    }
    # When the file is read
    found, rejections = read(document)
    # Then the good one is taken, and each bad one is named with its field
    assert found == {"GOOD": 5}
    assert [field for field, _ in rejections] == [
        *("NOCODE.tcode", "BADCODE.tcode", "TEXTCODE.tcode", "BADFREQ.frequency", "MORE.comment"),
        *("no identifier!", "LIST"),
    ]


def test_the_catalogue_is_not_overruled() -> None:
    assert read({"CPIAUCSL": {"tcode": 1}}) == (
        {},
        [("CPIAUCSL", "the catalogue knows this series (tcode 6); its own entry is used")],
    )


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"\xff"])
def test_what_is_no_object_is_one_finding(content: bytes) -> None:
    found, rejections = read_descriptions(content)
    assert found == {}
    assert len(rejections) == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [("series.json", True), ("pack.zip!today/series.json", True), ("series.csv", False), ("myseries.json", False)],
)
def test_the_file_is_known_by_its_name(path: str, expected: bool) -> None:
    assert is_descriptions_file(path) is expected
