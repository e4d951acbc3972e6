"""The design's grid once more, over what lies around a cell's optimum, in fresh replicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.cell_trials import WINDOW
from pipeline.outcome import Ended
from pipeline.points import learning_rate_grid
from pipeline.studies.space import widened
from pipeline.studies.values import value_of
from pipeline.trial import Hyperparameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.outcome import RaceResult
    from pipeline.settings import Goals, Settings

__all__ = ["vicinity", "zoomed"]


def zoomed(
    results: Sequence[RaceResult], settings: Settings, round_number: int
) -> dict[int, tuple[Hyperparameters, ...]]:
    """A grid over the `vicinity` of the optimum for each of as many fresh replicates as a sweep's.

    Grids are log-spaced and shifted per replicate as the design's (`learning_rate_grid`). Where no
    trial reached the goal they are over all that was tried. Why even, why fresh: docs/search.md.

    Args:
        results: Of a cell's races so far.
        settings: Of the study.
        round_number: From 1.

    Returns:
        Points of each replicate in order of learning rate; empty where no trial says anything.
    """
    if not any(outcome.ended.measured for result in results for outcome in result.results):
        return {}
    training, sweep = settings.training, settings.sweep
    tried = [trial.learning_rate for result in results for trial in result.race.trials]
    box = widened(sweep, tried).learning_rates
    low, high = vicinity(results, sweep.goals) or (box.low, box.high)
    points = sweep.search.proposals_of(round_number)
    box = box.model_copy(update={"low": low, "high": high, "points": points})
    first = round_number * sweep.replicates
    return {
        replicate: tuple(
            Hyperparameters(rate, training.momentum, training.weight_decay)
            for rate in sorted(set(learning_rate_grid(box, training.seed, replicate)))
        )
        for replicate in range(first, first + sweep.replicates)
    }


def vicinity(results: Sequence[RaceResult], goals: Goals) -> tuple[float, float] | None:
    """The next learning rates tried around those that reach the goal in nearly the fewest steps.

    These are the trials that the tuning curve is fitted to, within a factor 4 of the best of their
    replicate (`pipeline.tuning`), and all that is known of where its minimum lies.

    Args:
        results: Of the cell's races.
        goals: Of the sweep.

    Returns:
        The lowest and the highest, a near one itself where none was tried beyond; None where no
        trial reached the goal.
    """
    rates = [trial.learning_rate for result in results for trial in result.race.trials]
    steps: dict[int, list[tuple[float, float]]] = {}
    for result in results:
        for member, outcome in enumerate(result.results):
            if outcome.ended is Ended.REACHED:
                value = value_of(result, member, quantity=goals.quantity, goal=goals.hardest)
                assert value is not None
                own = steps.setdefault(result.race.replicate, [])
                own.append((value, result.race.trials[member].learning_rate))
    if not steps:
        return None
    limits = [(own, min(own)[0] + WINDOW) for own in steps.values()]
    near = [rate for own, limit in limits for value, rate in own if value <= limit]
    low = max((rate for rate in rates if rate < min(near)), default=min(near))
    high = min((rate for rate in rates if rate > max(near)), default=max(near))
    return low, high
