"""Is one forecaster's error really smaller than another's? Diebold and Mariano (1995), corrected for small samples."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr  # type: ignore[import-untyped]


@dataclass(frozen=True)
class DieboldMariano:
    """Positive `statistic`: the model's squared errors are smaller; `p_value`, one-sided: how easily by chance."""

    statistic: float
    p_value: float


def diebold_mariano(
    model_errors: NDArray[np.float64], other_errors: NDArray[np.float64], horizon: int
) -> DieboldMariano:
    """Test equal squared-error loss of forecasts `horizon` steps ahead, in time order.

    Autocovariances up to lag horizon - 1, the correction of Harvey, Leybourne and Newbold (1997), Student's t with
    n - 1 degrees of freedom. Where the plain sum of autocovariances is not positive, Bartlett weights make it so.
    Needs two errors of each at least; equal losses everywhere give statistic 0, p-value 0.5.
    """
    gain = other_errors**2 - model_errors**2
    n = len(gain)
    if n < 2:
        raise ValueError("the test needs at least two forecasts")
    mean = float(gain.mean())
    centred = gain - mean
    lags = min(horizon, n - 1)
    autocovariances = np.array([float(centred[lag:] @ centred[: n - lag]) / n for lag in range(lags)])
    variance = float(autocovariances[0] + 2.0 * autocovariances[1:].sum())
    if variance <= 0.0:
        weights = 1.0 - np.arange(1, lags) / lags
        variance = float(autocovariances[0] + 2.0 * (weights @ autocovariances[1:]))
    if variance <= 0.0:
        return DieboldMariano(0.0, 0.5)
    correction = max(0.0, (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n)
    statistic = math.sqrt(correction) * mean / math.sqrt(variance / n)
    return DieboldMariano(statistic, float(stdtr(n - 1, -statistic)))
