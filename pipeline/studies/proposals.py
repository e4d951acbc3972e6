"""Search rounds: what an Optuna sampler would try next, from a cell's finished trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.seeds import seed_of
from pipeline.studies.samplers import sampler_of
from pipeline.studies.space import contains, point, rounded, space_of, widened
from pipeline.studies.values import value_of
from pipeline.trial import Hyperparameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from pipeline.outcome import RaceResult
    from pipeline.settings import Settings, SweepSettings
    from pipeline.trial import Cell

__all__ = ["propose"]


def propose(
    cell: Cell, results: Sequence[RaceResult], settings: Settings, round_number: int
) -> tuple[Hyperparameters, ...]:
    """What the settings' sampler would try next in a cell.

    The sampler is made anew and seeded by study, cell and round, so that a resumed search proposes
    the same. It searches the box, and what lies beyond it as far as the cell was expanded.
    It sees every finished trial of the cell, all replicates alike, in one order whatever
    order they finished in.

    Args:
        cell: Model and batch size.
        results: Of the cell's races so far.
        settings: Of the study; its ``sweep.search.sampler`` is not ``none``.
        round_number: From 1.

    Returns:
        Different points in order of learning rate, to six significant digits; none where no trial
        of the cell says anything.
    """
    import optuna

    training, tried = settings.training, [t for result in results for t in result.race.trials]
    sweep = widened(settings.sweep, [trial.learning_rate for trial in tried])
    assert sweep.search.sampler != "none", "nothing proposes"
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = space_of(sweep)
    finished = _finished(results, sweep, space)
    if not finished:
        return ()
    seed = seed_of(training.seed, "search", cell.model, cell.batch_size, round_number)
    sampler = sampler_of(sweep.search.sampler, seed, finished)
    study = optuna.create_study(sampler=sampler, direction="minimize")
    study.add_trials(finished)
    fixed = Hyperparameters(0.0, training.momentum, training.weight_decay)
    asked = [study.ask(space).params for _ in range(sweep.search.proposals_of(round_number))]
    return tuple(sorted({fixed._replace(**rounded(sweep, params)) for params in asked}))


def _finished(
    results: Sequence[RaceResult], sweep: SweepSettings, space: dict[str, BaseDistribution]
) -> list[FrozenTrial]:
    """Trials that say something and lie in the box, as Optuna's, in order of their settings."""
    import optuna

    seen = sorted(
        (trial, value)
        for result in results
        for member, trial in enumerate(result.race.trials)
        for value in [
            value_of(result, member, quantity=sweep.goals.quantity, goal=sweep.goals.hardest)
        ]
        if value is not None and contains(sweep, trial.hyperparameters)
    )
    return [
        optuna.trial.create_trial(
            params=point(sweep, trial.hyperparameters), distributions=space, value=value
        )
        for trial, value in seen
    ]
