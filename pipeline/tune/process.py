"""A Gaussian process over log batch size and log learning rate, along valleys that run aslant."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Process", "Shape", "fit"]

# Where a search by maximum likelihood would find nothing sure in tens of trials: few values each,
# and a weak prior over them (mean, standard deviation; of all but the shear in their natural log).
_SHEARS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_ALONG: Final = (2.0, 4.0, 8.0)
_ACROSS: Final = (1.5, 3.0, 6.0)
_NOISE: Final = (0.05, 0.15, 0.4)
_SHEAR_PRIOR: Final = (0.75, 0.35)
_ALONG_PRIOR: Final = (math.log(4.0), 1.0)
_ACROSS_PRIOR: Final = (math.log(3.0), 1.0)
_NOISE_PRIOR: Final = (math.log(0.15), 1.4)


class Shape(NamedTuple):
    """Of the covariance.

    Attributes:
        shear: Slope of the valley: doublings of learning rate a doubling of batch size. 1 is the
            linear scaling rule, 0.5 the square-root rule, 0 a learning rate that fits all.
        along: Length scale in batch size, in doublings.
        across: Length scale in learning rate at one batch size, in doublings.
        noise: Variance of a measurement, as a multiple of the process's.
    """

    shear: float
    along: float
    across: float
    noise: float


@dataclass(frozen=True)
class Process:
    """A process that has seen values.

    Attributes:
        shape: Most likely a posteriori.
        settings: [N, 2] log2 of batch size and of learning rate.
        centre: Subtracted from the values.
        scale: Standard deviation of the process, in units of the values.
        root: [N, N] Cholesky factor of the covariance, noise included, over ``scale`` squared.
        rest: [N] centred values.
    """

    shape: Shape
    settings: NDArray[np.float64]
    centre: float
    scale: float
    root: NDArray[np.float64]
    rest: NDArray[np.float64]

    def at(self, settings: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Posterior of the surface without noise (Rasmussen and Williams 2006, eq. 2.25, 2.26).

        Args:
            settings: [M, 2] log2 of batch size and of learning rate.

        Returns:
            Means and standard deviations, [M] each.
        """
        between = _covariance(self.shape, settings, self.settings)
        half = np.linalg.solve(self.root, between.T)
        means = self.centre + half.T @ np.linalg.solve(self.root, self.rest)
        explained = np.sum(half**2, axis=0)
        return means, self.scale * np.sqrt(np.maximum(1.0 - explained, 1e-12))

    def seeing(self, settings: NDArray[np.float64], values: NDArray[np.float64]) -> Process:
        """The process that has seen more values; its shape and scale stay.

        Args:
            settings: [M, 2] log2 of batch size and of learning rate.
            values: [M] finite.

        Returns:
            Another process.
        """
        seen = np.vstack([self.settings, settings])
        rest = np.concatenate([self.rest, values - self.centre])
        return replace(self, settings=seen, root=_root(self.shape, seen), rest=rest)


def fit(settings: NDArray[np.float64], values: NDArray[np.float64]) -> Process:
    """The process of the most likely shape, its scale profiled out (ibid., eq. 5.8).

    Args:
        settings: [N, 2] log2 of batch size and of learning rate.
        values: [N] finite.

    Returns:
        The process.
    """
    centre = float(np.mean(values))
    rest = values - centre
    if not np.any(rest):
        rest = rest + 1e-9  # all the same: any scale will do but none
    shapes = itertools.starmap(Shape, itertools.product(_SHEARS, _ALONG, _ACROSS, _NOISE))
    shape = max(shapes, key=lambda shape: _likelihood(shape, settings, rest))
    root = _root(shape, settings)
    half = np.linalg.solve(root, rest)
    scale = math.sqrt(float(half @ half) / len(rest))
    return Process(shape, settings, centre, scale, root, rest)


def _likelihood(shape: Shape, settings: NDArray[np.float64], rest: NDArray[np.float64]) -> float:
    """Log of the posterior of a shape, but for a constant."""
    root = _root(shape, settings)
    half = np.linalg.solve(root, rest)
    fits = -0.5 * len(rest) * math.log(float(half @ half) / len(rest))
    return fits - float(np.sum(np.log(np.diag(root)))) + _prior(shape)


def _prior(shape: Shape) -> float:
    logs = (shape.shear, *(math.log(value) for value in shape[1:]))
    priors = (_SHEAR_PRIOR, _ALONG_PRIOR, _ACROSS_PRIOR, _NOISE_PRIOR)
    return sum(-0.5 * ((x - mean) / sd) ** 2 for x, (mean, sd) in zip(logs, priors, strict=True))


def _root(shape: Shape, settings: NDArray[np.float64]) -> NDArray[np.float64]:
    noise = shape.noise * np.eye(len(settings))
    factor = np.linalg.cholesky(_covariance(shape, settings, settings) + noise)
    return np.asarray(factor, dtype=np.float64)


def _covariance(
    shape: Shape, left: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Matérn 5/2 (ibid., eq. 4.17) of the distance along and across the valley; [L, R]."""
    apart = left[:, None, :] - right[None, :, :]
    along = apart[..., 0] / shape.along
    across = (apart[..., 1] - shape.shear * apart[..., 0]) / shape.across
    distance = math.sqrt(5) * np.hypot(along, across)
    return (1 + distance + distance**2 / 3) * np.exp(-distance)
