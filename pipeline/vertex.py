"""Where a parabola through noisy points has its minimum, with an exact interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.intervals import Interval, t_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["vertex"]


def vertex(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    group: NDArray[np.int64],
    confidence: float,
) -> Interval | None:
    """Minimum of y = a_group + b·x + c·x², fitted by least squares: x* = −b / 2c.

    Its interval is Fieller's: all x whose slope b + 2c·x does not differ from 0 at the level, which
    is exact for normal errors and is unbounded where the curvature itself is not significant.
    Source: Fieller 1954, "Some problems in interval estimation", eq. 5 ff., applied to −b / 2c;
    SCIENCE.md, estimand 5. Errors are taken as independent; what points of one group share is in
    a_group.

    Args:
        x: Abscissae [n], log of a learning rate.
        y: Ordinates [n], log of steps.
        group: Index of the replicate [n]; each has its own offset.
        confidence: Level of the interval, in (0, 1).

    Returns:
        The vertex in units of ``x``, its limits None where unbounded. None where there is no
        minimum to speak of: too few points for one degree of freedom, too few distinct x in a
        group, or a parabola that does not open upwards.
    """
    order = np.lexsort((y, x, group))
    x, y, group = x[order], y[order], group[order]
    groups, group = np.unique(group, return_inverse=True)
    dof = len(x) - len(groups) - 2
    if dof < 1:
        return None
    centre = float(np.mean(x))
    slope, bend, height = (_within(column, group) for column in (x - centre, (x - centre) ** 2, y))
    normal = np.array([[slope @ slope, slope @ bend], [slope @ bend, bend @ bend]])
    determinant = normal[0, 0] * normal[1, 1] - normal[0, 1] ** 2
    if determinant <= 1e-9 * normal[0, 0] * normal[1, 1]:
        return None
    inverse = np.array([[normal[1, 1], -normal[0, 1]], [-normal[0, 1], normal[0, 0]]]) / determinant
    b, c = (float(part) for part in inverse @ np.array([slope @ height, bend @ height]))
    if c <= 0:
        return None
    residual = height - b * slope - c * bend
    covariance = inverse * float(residual @ residual) / dof
    low, high = _fieller(b, c, covariance, t_quantile(confidence, dof) ** 2)
    value = -b / (2 * c)
    if low is not None and high is not None:
        low, high = min(low, value), max(high, value)  # but for rounding they are so
    return Interval(value, low, high).map(lambda at: at + centre)


def _within(column: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """Deviations from the group's mean, which is what is left of a column beside the offsets."""
    return column - (np.bincount(group, column) / np.bincount(group))[group]


def _fieller(
    b: float, c: float, covariance: NDArray[np.float64], threshold: float
) -> tuple[float | None, float | None]:
    """Where (b + 2c·x)² ≤ threshold · Var(b + 2c·x), a quadratic inequality in x."""
    square = 4 * (c**2 - threshold * float(covariance[1, 1]))
    linear = 4 * (b * c - threshold * float(covariance[0, 1]))
    constant = b**2 - threshold * float(covariance[0, 0])
    if square <= 0:
        return None, None
    # At the vertex the inequality holds, so the roots are real but for rounding.
    root = max(linear**2 - 4 * square * constant, 0.0) ** 0.5
    return (-linear - root) / (2 * square), (-linear + root) / (2 * square)
