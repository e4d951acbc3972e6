"""The noisy quadratic in closed form: loss, steps to goal, tuned learning rate, window.

Shapes: d coordinates, K learning rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["NoisyQuadratic", "Optimum"]

_POINTS: Final = 400  # learning rates tried at a time in the search of a minimum or an edge
_ZOOMS: Final = 4
_LOWEST: Final = 1e-6  # of the largest stable learning rate; below lies nothing of interest


class Optimum(NamedTuple):
    """The best learning rate, and the steps that it takes to the goal."""

    learning_rate: float
    steps: float


@dataclass(frozen=True)
class NoisyQuadratic:
    """SGD on the per-example loss ½ θᵀHθ + θᵀx, x of mean 0 and covariance C, drawn independently.

    H is diagonal with h_i = 1/i, C = H, and θ starts at ones. A step at learning rate η and batch
    size B is θ ← (1 − ηh)θ − η·(noise of covariance C/B), so that per coordinate
    E[θ²](t) = (1 − ηh)^2t (1 − V) + V with V = ηc / (B·h·(2 − ηh)). Source: Zhang et al. 2019
    (arXiv 1907.04164), section 3, eq. 3 to 5. Steps are optimiser steps; where the loss falls below
    a level between two whole steps, the crossing is interpolated linearly.

    Attributes:
        dimensions: d.
    """

    dimensions: int = 100

    @property
    def curvature(self) -> NDArray[np.float64]:
        """Eigenvalues h [d] of the Hessian H, and of C."""
        return 1 / np.arange(1, self.dimensions + 1, dtype=np.float64)

    @property
    def first_loss(self) -> float:
        """Mean loss at the start, ½ tr H."""
        return float(self.curvature.sum()) / 2

    def moments(
        self, steps: ArrayLike, batch_size: int, learning_rate: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance of θ, per coordinate.

        Args:
            steps: Whole steps taken; they broadcast with ``learning_rate``.
            batch_size: B.
            learning_rate: η.

        Returns:
            Both [..., d].
        """
        eta = np.asarray(learning_rate, dtype=np.float64)[..., None]
        mean = (1 - eta * self.curvature) ** np.asarray(steps, dtype=np.float64)[..., None]
        stationary = eta / (batch_size * (2 - eta * self.curvature))
        return mean, stationary * (1 - mean**2)

    def expected_loss(
        self, steps: ArrayLike, batch_size: int, learning_rate: ArrayLike
    ) -> NDArray[np.float64]:
        """Mean of the validation loss ½ θᵀHθ over runs; arguments as for `moments`."""
        mean, variance = self.moments(steps, batch_size, learning_rate)
        return (mean**2 + variance) @ self.curvature / 2

    def deviation_of_loss(
        self, steps: ArrayLike, batch_size: int, learning_rate: ArrayLike
    ) -> NDArray[np.float64]:
        """Standard deviation of the validation loss over runs, for Gaussian θ.

        Var ½ θᵀHθ = ¼ Σ h² (2v² + 4m²v), of mean m and variance v. Arguments as for `moments`.
        """
        mean, variance = self.moments(steps, batch_size, learning_rate)
        spread = 2 * variance**2 + 4 * mean**2 * variance
        return np.sqrt(spread @ self.curvature**2) / 2

    def noise_scale(
        self, steps: ArrayLike, batch_size: int, learning_rate: ArrayLike
    ) -> NDArray[np.float64]:
        """Gradient noise scale along the path, tr C / E|Hθ|²; arguments as for `moments`.

        Source: McCandlish et al. 2018 (arXiv 1812.06162), eq. 2.9, B_simple.
        """
        mean, variance = self.moments(steps, batch_size, learning_rate)
        return self.curvature.sum() / ((mean**2 + variance) @ self.curvature**2)

    def steps_to(
        self, goal: float, batch_size: int, learning_rate: ArrayLike
    ) -> NDArray[np.float64]:
        """Steps at which the mean loss crosses a goal; infinite where it never does.

        Args:
            goal: Level of the loss, below ½, the share of the first coordinate at the start.
            batch_size: B.
            learning_rate: η [K].

        Returns:
            Steps [K].

        Raises:
            ValueError: If the goal is not below ½.
        """
        if not 0 < goal < 0.5:
            raise ValueError(f"goal is {goal}; it must lie in (0, 0.5)")
        eta = np.atleast_1d(np.asarray(learning_rate, dtype=np.float64))
        found = np.full(len(eta), np.inf)
        # A coordinate's share falls or grows to its stationary value; where one grows the first
        # one's does, and that starts above the goal. So the stationary loss decides.
        stable = eta < 2
        reaching = np.flatnonzero(stable)
        reaching = reaching[self._stationary_loss(batch_size, eta[reaching]) < goal]
        found[reaching] = self._crossing(goal, batch_size, eta[reaching])
        return found

    def tuned(self, goal: float, batch_size: int) -> Optimum:
        """The learning rate whose mean loss is first at a goal."""
        low, rate, high = 2 * _LOWEST, 1.0, 2.0
        for _ in range(_ZOOMS):
            tried: list[float] = np.geomspace(low, high, _POINTS, dtype=np.float64).tolist()
            best = int(np.argmin(self.steps_to(goal, batch_size, tried)))
            low, rate, high = (
                tried[max(best - 2, 0)],
                tried[best],
                tried[min(best + 2, _POINTS - 1)],
            )
        return Optimum(rate, float(self.steps_to(goal, batch_size, rate)[0]))

    def window(self, goal: float, batch_size: int, factor: float) -> tuple[float, float]:
        """Learning rates between which the mean loss takes at most ``factor`` × the best steps."""
        best = self.tuned(goal, batch_size)
        limit = factor * best.steps
        return (
            self._edge(goal, batch_size, limit, best.learning_rate, 2 * _LOWEST),
            self._edge(goal, batch_size, limit, best.learning_rate, 2.0),
        )

    def _edge(self, goal: float, batch_size: int, limit: float, inside: float, out: float) -> float:
        """Where steps exceed ``limit``, between a rate inside the window and one outside."""
        for _ in range(60):
            middle = float(np.sqrt(inside * out))
            within = self.steps_to(goal, batch_size, middle)[0] <= limit
            inside, out = (middle, out) if within else (inside, middle)
        return inside

    def _stationary_loss(self, batch_size: int, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        return (eta[:, None] / (batch_size * (2 - eta[:, None] * self.curvature))) @ (
            self.curvature / 2
        )

    def _crossing(
        self, goal: float, batch_size: int, eta: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Bisection on whole steps, for learning rates that all reach the goal."""
        below, above = np.zeros(len(eta)), np.ones(len(eta))
        while np.any(short := self.expected_loss(above, batch_size, eta) > goal):
            below, above = np.where(short, above, below), np.where(short, 2 * above, above)
        while np.any(above - below > 1):
            middle = np.floor((below + above) / 2)
            short = self.expected_loss(middle, batch_size, eta) > goal
            below, above = np.where(short, middle, below), np.where(short, above, middle)
        before, after = (self.expected_loss(at, batch_size, eta) for at in (below, above))
        return below + (before - goal) / (before - after)
