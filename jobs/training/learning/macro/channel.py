"""The macro model's training channel: `fred_merged_data.csv` and `manifest.json`, checked against each other."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..channel import MANIFEST_FILE, read_channel
from ..errors import InvalidDatasetError
from .dataset import Dataset, Panel, Series, parse_panel

DATA_FILE = "fred_merged_data.csv"


def read_dataset(folder: Path) -> Dataset:
    """Read and check the training channel; raises InvalidDatasetError that names file and place."""
    channel = read_channel(folder, DATA_FILE)
    entries = channel.manifest.get("series", [])
    series = tuple(_series(entry, number) for number, entry in enumerate(entries))
    panel = parse_panel(channel.text, DATA_FILE)
    if missing := sorted({entry.name for entry in series} - set(panel.names)):
        raise InvalidDatasetError(f"{DATA_FILE} lacks columns that the manifest lists: {', '.join(missing)}")
    left_out = {str(entry["series"]): str(entry["left_out"]) for entry in entries if entry.get("left_out")}
    return Dataset(_select(panel, [entry.name for entry in series]), series, channel.sha256, left_out)


def _series(entry: Mapping[str, Any], number: int) -> Series:
    try:
        described = Series(
            name=str(entry["series"]),
            unit=str(entry["unit"]),
            frequency=str(entry["frequency"]),
            tcode=int(entry["tcode"]),
            publication_lag_months=int(entry["publication_lag_months"]),
            stands_for=str(entry.get("stands_for", "")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidDatasetError(f"{MANIFEST_FILE}: series[{number}] has no usable {error}") from error
    if not 1 <= described.tcode <= 7 or described.publication_lag_months < 0:
        raise InvalidDatasetError(f"{MANIFEST_FILE}: {described.name} has a tcode or a lag out of range")
    return described


def _select(panel: Panel, names: Sequence[str]) -> Panel:
    return Panel(panel.first_month, tuple(names), panel.values[:, [panel.names.index(name) for name in names]])
