"""Models of statsforecast on series that `bench.cost` has drawn; runs in `.venvs/statsforecast`, which holds no more.

Reads the path of a JSON file with `series`, `days` and `season`; prints JSON: forecasts and processor seconds by model.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")
from statsforecast.models import AutoCES, AutoETS, DynamicOptimizedTheta  # noqa: E402


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    days, season = int(asked["days"]), int(asked["season"])
    models = {
        "AutoETS": AutoETS(season_length=season),
        "Theta": DynamicOptimizedTheta(season_length=season),
        "CES": AutoCES(season_length=season),
    }
    forecasts: dict[str, list[list[float]]] = {name: [] for name in models}
    seconds = {}
    for name, model in models.items():
        started = time.process_time()
        for amounts in asked["series"]:
            made = model.forecast(y=np.asarray(amounts, dtype=np.float64), h=days)["mean"]
            forecasts[name].append([round(max(0.0, float(value)), 4) for value in made])
        seconds[name] = time.process_time() - started
    print(json.dumps({"forecasts": forecasts, "seconds": seconds}))


if __name__ == "__main__":
    main()
