"""What a sweep searches, as Optuna's distributions, and a trial as one point of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.distributions import BaseDistribution

    from pipeline.settings import LearningRates, Range, SweepSettings
    from pipeline.trial import Hyperparameters

__all__ = ["RATE", "contains", "point", "rounded", "space_of", "widened"]

RATE: Final = "learning_rate"


def space_of(sweep: SweepSettings) -> dict[str, BaseDistribution]:
    """The box of every searched hyperparameter, the learning rate's first."""
    from optuna.distributions import FloatDistribution

    rates = sweep.learning_rates
    space: dict[str, BaseDistribution] = {RATE: FloatDistribution(rates.low, rates.high, log=True)}
    for name, box in sorted(sweep.hyperparameters.items()):
        space[name] = FloatDistribution(box.low, box.high, log=box.log)
    return space


def widened(sweep: SweepSettings, rates: Sequence[float]) -> SweepSettings:
    """The same with a box that holds these learning rates too: some lie beyond an edge."""
    box = sweep.learning_rates
    low, high = min([box.low, *rates]), max([box.high, *rates])
    return sweep.model_copy(
        update={"learning_rates": box.model_copy(update={"low": low, "high": high})}
    )


def contains(sweep: SweepSettings, tried: Hyperparameters) -> bool:
    """Whether a point lies in the box of every searched hyperparameter."""
    boxes = _boxes(sweep)
    return all(
        boxes[name].low <= value <= boxes[name].high for name, value in point(sweep, tried).items()
    )


def point(sweep: SweepSettings, tried: Hyperparameters) -> dict[str, float]:
    """The searched hyperparameters of a trial by name."""
    return {
        name: value
        for name, value in tried._asdict().items()
        if name == RATE or name in sweep.hyperparameters
    }


def rounded(sweep: SweepSettings, params: dict[str, float]) -> dict[str, float]:
    """The values to six significant digits, kept in their boxes."""
    boxes = _boxes(sweep)
    return {
        name: min(max(float(f"{value:.6g}"), boxes[name].low), boxes[name].high)
        for name, value in params.items()
    }


def _boxes(sweep: SweepSettings) -> dict[str, LearningRates | Range]:
    return {RATE: sweep.learning_rates, **sweep.hyperparameters}
