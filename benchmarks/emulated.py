"""Races of the noisy quadratic that are simulated exactly instead of trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.refereed import refereed
from pipeline.outcome import Curve, RaceResult
from pipeline.quadratic.closed_form import NoisyQuadratic
from pipeline.quadratic.first_passage import losses_of_runs
from pipeline.seeds import seed_of
from pipeline.stopping import evaluation_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.trial import Race

__all__ = ["emulated"]


def emulated(races: Sequence[Race]) -> list[RaceResult]:
    """Takes a runner's place: what the product's referee makes of simulated races.

    Runs of a replicate share their batches within a race, as in training, and not between races.
    """
    return [_result(race) for race in races]


def _result(race: Race) -> RaceResult:
    at = np.array(evaluation_steps(race.recipe), dtype=np.int64)
    losses = _losses(race, at)
    untested = np.full(len(at), np.nan)
    curves = [
        # The error, which the referee asks for too, is larger where the loss is.
        Curve(at, loss, loss, np.where(at == 0, np.nan, loss), untested, untested)
        for loss in losses
    ]
    return RaceResult(race, refereed(race.recipe, curves), 0.0, 0.0, {})


def _losses(race: Race, at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Validation losses [member, evaluation]; from learning rate 2 on, their growing mean."""
    problem, size = NoisyQuadratic(), race.cell.batch_size
    rates = np.array([trial.learning_rate for trial in race.trials])
    stable = rates < 2
    random = np.random.default_rng(seed_of(race.recipe.seed, race.fingerprint))
    losses = np.empty((len(rates), len(at)))
    if stable.any():
        runs = losses_of_runs(problem, size, rates[stable], at.tolist(), 1, random)
        losses[stable] = runs[:, 0].T
    with np.errstate(over="ignore", invalid="ignore"):
        for member in np.flatnonzero(~stable):
            losses[member] = problem.expected_loss(at, size, rates[member])
    return losses
