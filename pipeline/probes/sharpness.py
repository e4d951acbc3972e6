"""The largest eigenvalue of a Hessian that is known by its products with vectors alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

__all__ = ["Eigenvalue", "largest_eigenvalue"]


class Eigenvalue(NamedTuple):
    """An eigenvalue as found.

    Attributes:
        value: λ, in units of the loss over squared units of the parameters.
        residual: |Hv − λv| for the unit vector v found: an eigenvalue lies within it of ``value``.
        products: With H, that it took.
    """

    value: float
    residual: float
    products: int


def largest_eigenvalue(
    product: Callable[[Tensor], Tensor], starts: Tensor, tolerance: float, limit: int
) -> Eigenvalue:
    """The algebraically largest eigenvalue of a symmetric matrix H, by Lanczos iteration.

    No vector is kept but the last two, so memory does not grow. Without reorthogonalisation they
    stay orthogonal until a Ritz value has converged (Paige 1980), which is where this stops.
    Source: Lanczos 1950; Golub & Van Loan 2013, "Matrix Computations", section 10.1, with the
    residual β_k·|s_k| of its theorem 10.1.2.

    One start in a thousand is so nearly orthogonal to the eigenvector sought that the iteration
    settles on the next eigenvalue below it; hence several starts.

    Args:
        product: From v [P] to Hv [P].
        starts: Random vectors [S, P], S at least 1; the largest value found from any is taken.
        tolerance: Stops when the residual is at most this share of the eigenvalue's magnitude.
        limit: Most products with H from one start, at least 1.

    Returns:
        The eigenvalue, with the products of all starts; NaN where a product was not finite.
    """
    found = [_from(product, start, tolerance, limit) for start in starts]
    products = sum(one.products for one in found)
    if any(math.isnan(one.value) for one in found):
        return Eigenvalue(math.nan, math.nan, products)
    return max(found, key=lambda one: one.value)._replace(products=products)


def _from(
    product: Callable[[Tensor], Tensor], start: Tensor, tolerance: float, limit: int
) -> Eigenvalue:
    vector, before = start / start.square().sum().sqrt(), torch.zeros_like(start)
    value = residual = math.nan
    diagonal: list[float] = []
    beside: list[float] = []  # the diagonal
    beta = 0.0
    while len(diagonal) < min(limit, len(start)):
        new = product(vector) - beta * before
        alpha = float(new @ vector)
        new = new - alpha * vector
        beta = math.sqrt(float(new.square().sum()))
        if not (math.isfinite(alpha) and math.isfinite(beta)):
            return Eigenvalue(math.nan, math.nan, len(diagonal) + 1)
        diagonal.append(alpha)
        value, last = _top(diagonal, beside)
        residual = beta * abs(last)
        if residual <= tolerance * abs(value):
            break
        beside.append(beta)
        vector, before = new / beta, vector
    return Eigenvalue(value, residual, len(diagonal))


def _top(diagonal: list[float], beside: list[float]) -> tuple[float, float]:
    """Largest eigenvalue of the tridiagonal matrix, and the last entry of its unit eigenvector."""
    k = len(diagonal)
    matrix = np.diag(diagonal) + np.diag(beside[: k - 1], 1) + np.diag(beside[: k - 1], -1)
    values, vectors = np.linalg.eigh(matrix)
    return float(values[-1]), float(vectors[-1, -1])
