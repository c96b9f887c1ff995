"""Figures on public series: M4 Hourly and Weekly, 7-day totals of hourly series, M3, and a real daily bill.

The recipes for hourly and weekly series are those of the research notes and show what global gradient boosting does.
Daily spend is forecast by the domain's recipe. Each function returns rows for a table; none without the data.
"""

import csv
import gzip
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from statistics import fmean

import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray

from bellwether.finops.domain.recipe import Recipe, forecast, members

SHARED = Path(os.environ.get("BELLWETHER_SHARED_DATA") or Path(__file__).parents[2] / "shared" / "data")
M4 = SHARED / "m4"
REAL = SHARED / "cloudcost" / "ce_daily_by_service_60d.json"
SEED = 7
Array = NDArray[np.float64]
Rows = list[dict[str, float | str]]
MEDIAN5 = ("naive7", "ses", "theta", "median7", "median14")


def hourly() -> Rows:
    """M4 Hourly: global LightGBM on differences to the same hour of earlier days."""
    read = _m4("Hourly")
    if read is None:
        return []
    train, test, naive2 = read
    started = time.process_time()
    made = _hourly(train)
    return [
        _owa("global LightGBM", made, train, test, naive2, 24, time.process_time() - started),
        _seasonal(train, test, naive2, 24),
    ]


def weekly() -> Rows:
    """M4 Weekly: global XGBoost on differences to the last value."""
    read = _m4("Weekly")
    if read is None:
        return []
    train, test, naive2 = read
    started = time.process_time()
    made = _level(train, 13, 52, depth=6, rounds=300, eta=0.05, origins=range(13, 173, 4))
    return [_owa("global XGBoost", made, train, test, naive2, 1, time.process_time() - started)]


def m3() -> Rows:
    """M3: global XGBoost for each frequency, mean sMAPE and MASE over all series."""
    rows: Rows = []
    smape, mase, seconds = [], [], 0.0
    for name, season, horizon in (("yearly", 1, 6), ("quarterly", 4, 8), ("monthly", 12, 18), ("other", 1, 8)):
        path = M4 / f"m3_{name}.csv.gz"
        if not path.is_file():
            return []
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            read = list(csv.DictReader(lines))
        train = [np.array([float(part) for part in row["train"].split()]) for row in read]
        test = [np.array([float(part) for part in row["test"].split()]) for row in read]
        started = time.process_time()
        made = _level(train, horizon, max(season, 4), depth=5, rounds=200, eta=0.05, seasonal=season)
        seconds += time.process_time() - started
        smape += [_smape(one, other[: len(one)]) for one, other in zip(made, test, strict=True)]
        mase += [_mase(one, other, past, season) for one, other, past in zip(made, test, train, strict=True)]
    rows.append(
        {"method": "global XGBoost", "sMAPE": fmean(smape), "MASE": fmean(mase), "seconds": seconds, "n": len(mase)}
    )
    return rows


def weeks_ahead() -> Rows:
    """7-day totals of M4 Hourly summed to days: the recipe beside last week's total."""
    read = _m4("Hourly")
    if read is None:
        return []
    train, test, _ = read
    errors: dict[str, list[float]] = defaultdict(list)
    started = time.process_time()
    for past, after in zip(train, test, strict=True):
        whole = np.concatenate([past, after])
        days = whole[: len(whole) // 24 * 24].reshape(-1, 24).sum(1)
        for back in (7, 14):
            history, came = days[: len(days) - back], days[len(days) - back :][:7].sum()
            if len(history) < 14 or came <= 0:
                continue
            listed = [float(value) for value in history[-91:]]
            paths = members(listed, 7, MEDIAN5)
            tries = {
                "last week": sum(listed[-7:]),
                "average of all days": 7 * fmean(listed),
                "recipe (median of five)": sum(forecast(listed, date(2026, 1, 1), 7, Recipe(calendar=False)).amounts),
                **{name: sum(path) for name, path in zip(MEDIAN5, paths, strict=True) if name != "naive7"},
            }
            for name, total in tries.items():
                errors[name].append(abs(total - came) / came)
    seconds = time.process_time() - started
    rows: Rows = [
        {"method": name, "MAPE %": 100 * fmean(each), "seconds": seconds, "n": len(each)}
        for name, each in errors.items()
    ]
    return sorted(rows, key=lambda row: float(row["MAPE %"]))


def real() -> Rows:
    """A real bill of a few USD a month: Cost Explorer's 60 days, the second month's total by the day it was made on."""
    if not REAL.is_file():
        return []
    answer = json.loads(REAL.read_text(encoding="utf-8"))
    results = answer["ResultsByTime"] if isinstance(answer, dict) else answer
    days = [
        sum(
            float(next(iter(group["Metrics"].values()))["Amount"])
            for group in day.get("Groups", [])
            if group["Keys"] != ["Tax"]
        )
        for day in results
    ]
    rows: Rows = []
    for made_on in (5, 10, 15, 20, 25):
        known = days[: 29 + made_on]
        left, actual = 31 - made_on, sum(days[29:60])
        booked = sum(days[29 : 29 + made_on])
        made = forecast(known, date(2024, 3, made_on), left)
        rows.append(
            {
                "made on": f"day {made_on}",
                "recipe": abs(booked + sum(made.amounts) - actual) / actual,
                "weekly naive": abs(booked + sum(known[-7 + step % 7] for step in range(left)) - actual) / actual,
                "month to date": abs(booked / made_on * 31 - actual) / actual,
                "class": str(made.series_class),
                "actual": actual,
            }
        )
    return rows


PARTS: Mapping[str, Callable[[], Rows]] = {
    "M4 Hourly": hourly,
    "M4 Weekly": weekly,
    "7-day totals": weeks_ahead,
    "M3": m3,
    "real": real,
}


# --- models -------------------------------------------------------------------------------------------------------


def _hourly(train: Sequence[Array]) -> list[Array]:
    parts, targets = [], []
    for past in train:
        for back in range(48, 48 + 16 * 24, 24):
            known = past[: len(past) - back]
            if len(known) >= 28 * 24:
                features, base, scale = _hourly_rows(known)
                parts.append(features)
                targets.append((past[len(past) - back :][:48] - base) / scale)
    settings = {
        "objective": "l1",
        "learning_rate": 0.04,
        "num_leaves": 127,
        "min_data_in_leaf": 60,
        "feature_fraction": 0.6,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "num_threads": 1,
        "seed": SEED,
        "verbose": -1,
    }
    target = np.clip(np.concatenate(targets), -10, 10)
    model = lightgbm.train(settings, lightgbm.Dataset(np.concatenate(parts), target), 350)
    made = []
    for past in train:
        features, base, scale = _hourly_rows(past)
        made.append(base + scale * np.asarray(model.predict(features)))
    return made


def _hourly_rows(past: Array) -> tuple[Array, Array, float]:
    """Features of the coming 48 hours, the seasonal naive mean that is subtracted, and the scale."""
    steps = np.arange(48)
    n = len(past)
    scale = max(float(np.abs(past[-168:]).mean()), 1e-9)

    def lag(hours: int) -> Array:
        return past[n - hours + steps % hours] if hours <= 48 else past[n - hours + steps]

    days = [past[n - 24 * (1 + back) + steps % 24] for back in range(2)]
    weeks = [lag(168 * back) for back in (1, 2, 3)]
    base = (days[0] + weeks[0]) / 2
    grid = past[n - 28 * 24 :].reshape(28, 24)
    hour7, hour28 = grid[-7:].mean(0)[steps % 24], grid.mean(0)[steps % 24]
    means = [past[-24:].mean(), past[-168:].mean(), past[-336:-168].mean(), past[-672:].mean()]
    columns = [
        *((each - base) / scale for each in (*days, *weeks, hour7, hour28)),
        np.full(48, (past[-1] - past[-25]) / scale),
        np.full(48, (past[-1] - past[-169]) / scale),
        np.full(48, (means[0] - means[1]) / scale),
        np.full(48, (means[1] - means[2]) / scale),
        np.full(48, (means[1] - means[3]) / scale),
        np.full(48, past[-168:].std() / scale),
        (weeks[0] - means[1]) / scale,
        steps,
        steps % 24,
        np.full(48, np.log(scale)),
    ]
    return np.stack(columns, axis=1).astype(np.float64), base, scale


def _level(
    train: Sequence[Array],
    horizon: int,
    longest: int,
    *,
    depth: int,
    rounds: int,
    eta: float,
    seasonal: int = 1,
    origins: range | None = None,
) -> list[Array]:
    """Global boosting of (value - last) / mean |difference|, with recent and seasonal lags, means and slopes."""
    parts, targets = [], []
    for past in train:
        for back in origins or range(horizon, horizon + 8 * max(1, horizon // 4), max(1, horizon // 4)):
            known = past[: max(0, len(past) - back)]
            if len(known) >= (60 if origins else max(8, seasonal + 2)):
                features, base, scale = _level_rows(known, horizon, longest, seasonal)
                parts.append(features)
                targets.append((past[len(past) - back :][:horizon] - base) / scale)
    target = np.clip(np.concatenate(targets), -20, 20)
    matrix = xgboost.QuantileDMatrix(np.concatenate(parts), target, nthread=1, max_bin=128)
    settings = {
        "objective": "reg:absoluteerror",
        "tree_method": "hist",
        "max_bin": 128,
        "max_depth": depth,
        "eta": eta,
        "min_child_weight": 5,
        "subsample": 0.7,
        "colsample_bytree": 0.7,
        "nthread": 1,
        "seed": SEED,
        "verbosity": 0,
    }
    model = xgboost.train(settings, matrix, rounds, verbose_eval=False)
    made = []
    for past in train:
        features, base, scale = _level_rows(past, horizon, longest, seasonal)
        made.append(base + scale * np.asarray(model.inplace_predict(features)).astype(np.float64))
    return made


def _level_rows(past: Array, horizon: int, longest: int, seasonal: int) -> tuple[Array, Array, float]:
    last, steps = past[-1], np.arange(horizon)
    scale = max(float(np.abs(np.diff(past[-max(longest, 26) - 1 :])).mean()), 1e-9)
    base = np.full(horizon, last)
    if seasonal > 1 and len(past) > seasonal:
        base = past[len(past) - seasonal + steps % seasonal] + 0.0
        base = (base + last) / 2 if len(past) < 2 * seasonal else base
    recent = [(past[-lag] if len(past) >= lag else past[0]) - last for lag in (2, 3, 4, 5, 6, 8, 10, 13)]
    averages = [past[-window:].mean() - last for window in (3, 6, 13, 26, 52)]
    seasonals = []
    for cycle in (longest, 2 * longest):
        places = len(past) - cycle + steps
        before = past[np.clip(places, 0, len(past) - 1)]
        seasonals.append(np.where(places >= 0, before - last, np.nan))
        start = past[max(0, len(past) - cycle - 1)]
        seasonals.append(np.where(places >= 0, before - start, np.nan))  # the change over the same days a cycle ago
    slopes = []
    for window in (6, 13, 26):
        tail = past[-window:]
        slopes.append(np.polyfit(np.arange(len(tail)), tail, 1)[0] if len(tail) > 2 else 0.0)
    columns = [
        *(np.full(horizon, value / scale) for value in (*recent, *averages, *slopes)),
        *(each / scale for each in seasonals),
        (base - last) / scale,
        steps,
        np.full(horizon, np.log(max(abs(last), 1e-9) / scale)),
        np.full(horizon, len(past)),
    ]
    return np.stack(columns, axis=1).astype(np.float64), base, scale


# --- measures -----------------------------------------------------------------------------------------------------


def _m4(name: str) -> tuple[list[Array], list[Array], list[Array]] | None:
    paths = [M4 / f"{name}-train.csv.gz", M4 / f"{name}-test.csv.gz", M4 / "forecasts_Naive2.csv.gz"]
    if not all(path.is_file() for path in paths):
        return None
    train, test, naive2 = (_rows(path) for path in paths)
    return [train[key] for key in test], [test[key] for key in test], [naive2[key][: len(test[key])] for key in test]


def _rows(path: Path) -> dict[str, Array]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return {row[0]: np.array([float(cell) for cell in row[1:] if cell]) for row in list(csv.reader(lines))[1:]}


def _smape(made: Array, came: Array) -> float:
    return float(200 * np.mean(np.abs(made - came) / np.maximum(np.abs(made) + np.abs(came), 1e-9)))


def _mase(made: Array, came: Array, past: Array, season: int) -> float:
    scale = np.abs(past[season:] - past[:-season]).mean()
    return float(np.abs(made - came).mean() / max(scale, 1e-9))


def _owa(
    method: str,
    made: Sequence[Array],
    train: Sequence[Array],
    test: Sequence[Array],
    naive2: Sequence[Array],
    season: int,
    seconds: float,
) -> dict[str, float | str]:
    smape, mase = (
        [fmean(_smape(one, other) for one, other in zip(each, test, strict=True)) for each in (made, naive2)],
        [
            fmean(_mase(one, other, past, season) for one, other, past in zip(each, test, train, strict=True))
            for each in (made, naive2)
        ],
    )
    return {
        "method": method,
        "sMAPE": smape[0],
        "MASE": mase[0],
        "OWA": (smape[0] / smape[1] + mase[0] / mase[1]) / 2,
        "seconds": seconds,
        "n": len(test),
    }


def _seasonal(
    train: Sequence[Array], test: Sequence[Array], naive2: Sequence[Array], season: int
) -> dict[str, float | str]:
    made = [past[len(past) - 168 : len(past) - 168 + len(came)] for past, came in zip(train, test, strict=True)]
    return _owa("same hours of last week", made, train, test, naive2, season, 0.0)
