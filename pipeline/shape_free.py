"""Critical batch sizes without a formula: where examples are 20 % up, where the slope is −1/2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.bounded import Bounded, from_draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["overhead20", "slope_half"]

OVERHEAD: Final = 1.2
_LOWEST: Final = 4  # E_min is read off the lowest 1 / 4 of the log range


def slope_half(
    slopes: NDArray[np.float64], ends: tuple[float, float], confidence: float
) -> Bounded:
    """The log B at which d log S / d log B = −1/2 on the smooth curve.

    There S·E is least: below it a larger batch saves more steps than it costs examples, in
    proportion, above it less. A hyperbola has it at B_crit. Source: docs/science.md, estimand 4;
    Lin & Dunson 2014, Biometrika 101 (limits from projected draws).

    Args:
        slopes: Drawn slopes [D, K] of `pipeline.smooth_curve`.
        ends: Logs of the smallest and largest batch size.
        confidence: Level of the interval, in (0, 1).

    Returns:
        Logs of batch sizes: interval, bound, or not resolved.
    """
    middle = _middles(slopes.shape[1], ends)
    return from_draws(_crossings(middle, slopes + 0.5), confidence, ends)


def overhead20(
    slopes: NDArray[np.float64], ends: tuple[float, float], confidence: float
) -> Bounded:
    """The log B at which examples E exceed E_min by 20 %, on the smooth curve.

    E_min, the examples at batch size 0, was not measured. It is S's rate of change by 1 / B there,
    and −E·d log S / d log B = dS / d(1 / B) at any B; the mean of its logarithm over the lowest
    quarter of the log range stands for it. A hyperbola has the same rate everywhere, so that there
    the number is B_crit / 5 wherever the measurements begin. The examples at the smallest batch
    size would be too many unless that lies far below. Source: docs/science.md, estimand 4;
    McCandlish et al. 2018 (arXiv 1812.06162), eq. 2.11; Lin & Dunson 2014, Biometrika 101.

    Args:
        slopes: Drawn slopes [D, K] of `pipeline.smooth_curve`.
        ends: Logs of the smallest and largest batch size.
        confidence: Level of the interval, in (0, 1).

    Returns:
        Logs of batch sizes: interval, bound, or not resolved.
    """
    segments = slopes.shape[1]
    width = (ends[1] - ends[0]) / segments
    growth = np.cumsum((1 + slopes) * width, axis=1) - (1 + slopes) * width / 2
    lowest = slice(segments // _LOWEST)
    with np.errstate(divide="ignore"):  # a curve without slope has an E_min of 0
        fewest = np.mean(growth[:, lowest] + np.log(-slopes[:, lowest]), axis=1, keepdims=True)
    over = growth - fewest - np.log(OVERHEAD)
    return from_draws(_crossings(_middles(segments, ends), over), confidence, ends)


def _middles(segments: int, ends: tuple[float, float]) -> NDArray[np.float64]:
    width = (ends[1] - ends[0]) / segments
    places: NDArray[np.float64] = np.arange(segments, dtype=np.float64) + 0.5
    return ends[0] + width * places


def _crossings(at: NDArray[np.float64], curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each curve [D, K] over ``at`` [K] rises above 0 for good; ±∞ beyond its ends."""
    rows = np.arange(len(curves))
    above = curves > 0
    last_below = len(at) - 1 - np.argmin(above[:, ::-1], axis=1)
    before = np.minimum(last_below, len(at) - 2)
    low, high = curves[rows, before], curves[rows, before + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(low / (low - high), 0, 1)
    found = at[before] + share * (at[before + 1] - at[before])
    found = np.where(np.all(above, axis=1), -np.inf, found)
    return np.where(above[:, -1], found, np.inf)
