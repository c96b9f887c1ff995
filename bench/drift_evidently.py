"""Evidently's defaults on samples that `bench.drift` has drawn; runs in `.venvs/evidently`, which holds nothing else.

Reads the path of an .npz with `reference__<column>` and `<case>__<column>` arrays; prints JSON: case → drifted columns.
"""

import json
import sys
import warnings
from collections import defaultdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

warnings.simplefilter("ignore")
from evidently import DataDefinition, Dataset, Report  # noqa: E402
from evidently.presets import DataDriftPreset  # noqa: E402

Frame = dict[str, NDArray[np.float64]]


def main() -> None:
    frames: dict[str, Frame] = defaultdict(dict)
    with np.load(sys.argv[1]) as arrays:
        for name in arrays.files:
            case, _, column = name.partition("__")
            frames[case][column] = arrays[name]
    columns = list(frames["reference"])
    definition = DataDefinition(
        numerical_columns=[name for name in columns if name.startswith("number")],
        categorical_columns=[name for name in columns if name.startswith("level")],
    )
    reference = _dataset(frames.pop("reference"), definition)
    drifted = {case: _drifted(_dataset(frame, definition), reference) for case, frame in frames.items()}
    print(json.dumps(drifted))


def _dataset(frame: Frame, definition: DataDefinition) -> Dataset:
    return Dataset.from_pandas(pd.DataFrame(frame), data_definition=definition)


def _drifted(current: Dataset, reference: Dataset) -> int:
    metrics = Report([DataDriftPreset()]).run(current, reference).dict()["metrics"]
    return int(next(each["value"]["count"] for each in metrics if "DriftedColumnsCount" in each["metric_name"]))


if __name__ == "__main__":
    main()
