"""Optuna: rounds of a sampler that propose learning rates from a cell's finished trials."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.outcome import Ended, RaceResult, TrialResult
from pipeline.seeds import seed_of
from pipeline.settings import LearningRates, SearchSettings
from pipeline.trial import Cell

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

__all__ = ["propose", "value_of"]

_PENALTY = 1.0  # log2 steps, added where the goal was not reached: at best twice as many steps


def propose(
    cell: Cell,
    results: Sequence[RaceResult],
    *,
    box: LearningRates,
    search: SearchSettings,
    seed: int,
    round_number: int,
) -> tuple[float, ...]:
    """Learning rates that an Optuna sampler would try next in a cell.

    The sampler is made anew and seeded by study, cell and round, so that a resumed search proposes
    the same. It sees every finished trial of the cell, all replicates alike.

    Args:
        cell: Model and batch size.
        results: Of the cell's races so far.
        box: Where learning rates may lie.
        search: Which sampler, and how many proposals.
        seed: Root of the study's random streams.
        round_number: From 1.

    Returns:
        Different learning rates, ascending, to six significant digits; none where no trial of the
        cell says anything.
    """
    import optuna
    from optuna.distributions import BaseDistribution, FloatDistribution

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = _sampler(
            search, seed_of(seed, "search", cell.model, cell.batch_size, round_number)
        )
    study = optuna.create_study(sampler=sampler, direction="minimize")
    rates = FloatDistribution(box.low, box.high, log=True)
    space: dict[str, BaseDistribution] = {"learning_rate": rates}
    for result in results:
        for trial, outcome in zip(result.race.trials, result.results, strict=True):
            value = value_of(outcome, result.race.recipe.max_steps)
            if value is not None and box.low <= trial.learning_rate <= box.high:
                study.add_trial(
                    optuna.trial.create_trial(
                        params={"learning_rate": trial.learning_rate},
                        distributions=space,
                        value=value,
                    )
                )
    if not study.trials:
        return ()
    asked = [study.ask(space).params["learning_rate"] for _ in range(search.proposals)]
    return tuple(sorted({float(f"{rate:.6g}") for rate in asked}))


def value_of(outcome: TrialResult, max_steps: int) -> float | None:
    """What a study minimises: log2 of steps to the hardest goal.

    Trials that did not reach it get finite penalties, as samplers spend a search on the edge of
    divergence otherwise: exhausted and outraced ones count one doubling more than the steps they
    took, diverged ones one doubling more than the budget.

    Args:
        outcome: Of the trial.
        max_steps: Its budget.

    Returns:
        The value, or None where the trial failed or ran out of memory.
    """
    if not outcome.ended.measured:
        return None
    if outcome.ended is Ended.DIVERGED:
        return math.log2(max_steps) + _PENALTY
    steps = math.log2(max(1, outcome.curve.last_step))
    return steps if outcome.ended is Ended.REACHED else steps + _PENALTY


def _sampler(search: SearchSettings, seed: int) -> BaseSampler:
    from optuna import samplers

    seed %= 2**32  # numpy's limit
    match search.sampler:
        case "gp":
            return samplers.GPSampler(seed=seed, deterministic_objective=False)
        case "tpe":
            return samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
        case "random":
            return samplers.RandomSampler(seed=seed)
