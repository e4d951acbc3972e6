"""The points of a sweep's design: which learning rates, momenta and weight decays are tried."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.seeds import seed_of
from pipeline.trial import Hyperparameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.settings import LearningRates, Settings

__all__ = ["design_points", "learning_rate_grid"]

_GOLDEN: Final = (math.sqrt(5) - 1) / 2


def design_points(settings: Settings, replicate: int) -> tuple[Hyperparameters, ...]:
    """What the design tries in every cell of a replicate, the same for all models and batch sizes.

    ``grid`` is `learning_rate_grid`. ``sobol`` are scrambled Sobol points (Owen 1995) over all
    searched hyperparameters jointly, a scrambling of its own per replicate; in one dimension its
    gaps are up to twice those of the grid. ``random`` are independent uniform points (Bergstra &
    Bengio 2012). Both are uniform in the logarithm where a hyperparameter is log-spaced.

    Args:
        settings: Of the study.
        replicate: Which shift, scrambling or draw.

    Returns:
        Points in order of learning rate, to six significant digits; what is not searched has the
        value of the settings' ``training`` branch.
    """
    sweep, training = settings.sweep, settings.training
    rates, fixed = sweep.learning_rates, (training.momentum, training.weight_decay)
    if sweep.design == "grid":
        grid = learning_rate_grid(rates, training.seed, replicate)
        return tuple(Hyperparameters(rate, *fixed) for rate in grid)
    boxes = [("learning_rate", rates.low, rates.high, True)]
    boxes += [(name, box.low, box.high, box.log) for name, box in sweep.hyperparameters.items()]
    boxes.sort()  # so that the order in params.yaml changes nothing
    seed = seed_of(training.seed, "grid", sweep.design, replicate)
    unit = _sobol if sweep.design == "sobol" else _random
    cube = unit(rates.points, len(boxes), seed)
    columns = {
        name: _stretched(cube[:, i], low, high, log=log)
        for i, (name, low, high, log) in enumerate(boxes)
    }
    unsearched = dict(zip(("momentum", "weight_decay"), fixed, strict=True))
    points = {
        Hyperparameters(**{**unsearched, **{name: column[i] for name, column in columns.items()}})
        for i in range(rates.points)
    }
    return tuple(sorted(points))


def learning_rate_grid(
    box: LearningRates, seed: int, replicate: int, parts: range | None = None
) -> tuple[float, ...]:
    """Log-spaced learning rates, shifted within one spacing, the same for all models.

    The box is cut into ``points`` equal parts in log η and each part holds one point, at the same
    place in each. Places of successive replicates form a randomly shifted golden-ratio sequence
    (Kronecker), so that few replicates together already make an even, finer grid.

    Args:
        box: Edges and number of points.
        seed: Root of the study's random streams.
        replicate: Which shift.
        parts: Which parts, those of the box if not given; beyond it they are numbered below 0 and
            from ``points`` on.

    Returns:
        Ascending learning rates, to six significant digits.
    """
    start = seed_of(seed, "grid") / 2**63
    place = (start + replicate * _GOLDEN) % 1
    return tuple(
        float(f"{box.low * math.exp(box.spacing * (i + place)):.6g}")
        for i in parts or range(box.points)
    )


def _sobol(points: int, dimensions: int, seed: int) -> NDArray[np.float64]:
    from scipy.stats import qmc  # a third of a second to import

    return qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed)).random(points)


def _random(points: int, dimensions: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).random((points, dimensions))


def _stretched(unit: NDArray[np.float64], low: float, high: float, *, log: bool) -> list[float]:
    """From [0, 1) to a box, rounded but not out of it."""
    values = low * (high / low) ** unit if log else low + (high - low) * unit
    return [min(max(float(f"{value:.6g}"), low), high) for value in values.tolist()]
