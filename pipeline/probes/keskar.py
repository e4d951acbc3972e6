"""Keskar's sharpness: how far the loss can rise in a small box around the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EPSILON", "keskar_sharpness"]

EPSILON: Final = 1e-3  # of the two boxes in the paper's table 3 the wider one
_ITERATIONS: Final = 10  # as the paper has it


def keskar_sharpness(
    loss: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]],
    parameters: NDArray[np.float64],
    epsilon: float = EPSILON,
) -> float:
    """φ = 100 · (max over y in C of f(x + y) − f(x)) / (1 + f(x)), C: |y_i| ≤ ε·(|x_i| + 1).

    The maximum is sought as in the paper, by ten iterations of L-BFGS-B, and so is a lower bound of
    it. Source: Keskar et al. 2016 (arXiv 1609.04836), metric 2.1 with equation 3, in full space.

    Args:
        loss: From parameters [P] to the mean loss f and its gradient [P].
        parameters: x, [P].
        epsilon: ε, which sets the size of the box.

    Returns:
        φ, in per cent; NaN where the loss at ``parameters`` is not finite.
    """
    from scipy.optimize import (
        Bounds,
        minimize,
    )  # here, for it takes a while to import and is seldom asked

    here, _ = loss(parameters)
    if not np.isfinite(here):
        return float("nan")
    highest = here

    def descend(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        nonlocal highest
        value, gradient = loss(point)
        highest = max(highest, value) if np.isfinite(value) else highest
        return -value, -gradient

    reach = epsilon * (np.abs(parameters) + 1)
    minimize(
        descend,
        parameters,
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(parameters - reach, parameters + reach),
        options={"maxiter": _ITERATIONS, "ftol": 0, "gtol": 0},
    )
    return float(100 * (highest - here) / (1 + here))
