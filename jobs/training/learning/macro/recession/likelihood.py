"""Probit and logit by maximum likelihood, with an optional normal prior on the coefficients."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit, log_expit, log_ndtr  # type: ignore[import-untyped]

from ..transforms import Array

STEPS = 100
ENOUGH = 1e-10
LEAST_PRECISION = 1e-6  # keeps coefficients finite where a feature tells both outcomes apart without an error

# From the linear predictor, signed by the outcome: log likelihood, its slope, and minus its curvature.
Link = Callable[[Array], tuple[Array, Array, Array]]


def logit_link(signed: Array) -> tuple[Array, Array, Array]:
    """Logistic distribution."""
    against = expit(-signed)
    return log_expit(signed), against, against * (1.0 - against)


def probit_link(signed: Array) -> tuple[Array, Array, Array]:
    """Normal distribution; the slope is the inverse Mills ratio."""
    logarithm = log_ndtr(signed)
    slope = np.exp(-0.5 * signed**2 - 0.5 * np.log(2.0 * np.pi) - logarithm)
    return logarithm, slope, slope * (slope + signed)


def fit(
    features: Array, outcome: Array, link: Link, *, around: Array | None = None, precision: float = LEAST_PRECISION
) -> Array:
    """Intercept and slopes by Newton's method with step halving; `outcome` is 0 or 1.

    The prior is normal around `around` (zeros) with the same precision for every coefficient.
    """
    design = np.column_stack([np.ones(len(features)), features])
    sign = np.where(outcome > 0.5, 1.0, -1.0)
    centre = np.zeros(design.shape[1]) if around is None else around
    chosen = centre.copy()

    def objective(coefficients: Array) -> float:
        likelihood, _, _ = link(sign * (design @ coefficients))
        return float(likelihood.sum()) - 0.5 * precision * float(np.sum((coefficients - centre) ** 2))

    reached = objective(chosen)
    for _ in range(STEPS):
        _, slope, curvature = link(sign * (design @ chosen))
        gradient = design.T @ (sign * slope) - precision * (chosen - centre)
        hessian = (design * curvature[:, None]).T @ design + precision * np.eye(len(chosen))
        step = np.linalg.solve(hessian, gradient)
        while (found := objective(chosen + step)) < reached and np.abs(step).max() > ENOUGH:
            step = step / 2.0
        if np.abs(step).max() <= ENOUGH:
            break
        chosen, reached = chosen + step, found
    return chosen
