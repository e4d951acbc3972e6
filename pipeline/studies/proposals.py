"""Search rounds: what would be tried next, from a cell's finished trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.seeds import seed_of
from pipeline.studies.samplers import sampler_of
from pipeline.studies.space import contains, point, rounded, space_of, widened
from pipeline.studies.values import value_of
from pipeline.studies.zoom import zoomed
from pipeline.threads import sampling
from pipeline.trial import Hyperparameters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.outcome import RaceResult
    from pipeline.settings import Settings, SweepSettings
    from pipeline.trial import Cell

__all__ = ["Request", "answer", "propose"]


@dataclass(frozen=True)
class Request:
    """All that proposals depend on, besides the code and libraries that make them.

    Attributes:
        sweep: Settings, with a box that holds all that was tried.
        seed: Of the sampler.
        count: How many points to propose.
        fixed: Values of what is not searched.
        finished: Searched hyperparameters and value of each trial that says something and lies in
            the box, in order of their settings.
    """

    sweep: SweepSettings
    seed: int
    count: int
    fixed: Hyperparameters
    finished: tuple[tuple[dict[str, float], float], ...]


def answer(asked: Request) -> tuple[Hyperparameters, ...]:
    """What a sampler, made anew, proposes.

    Args:
        asked: What it is told.

    Returns:
        Different points in order of learning rate, to six significant digits; none where no trial
        of the cell says anything.
    """
    if not asked.finished:
        return ()
    import optuna

    sweep, name = asked.sweep, asked.sweep.search.sampler
    assert name != "zoom"
    assert name != "none"
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = space_of(sweep)
    finished = [
        optuna.trial.create_trial(params=params, distributions=space, value=value)
        for params, value in asked.finished
    ]
    sampler = sampler_of(name, asked.seed, finished)
    study = optuna.create_study(sampler=sampler, direction="minimize")
    study.add_trials(finished)
    with sampling(name):
        points = [study.ask(space).params for _ in range(asked.count)]
    return tuple(sorted({asked.fixed._replace(**rounded(sweep, params)) for params in points}))


def propose(
    cell: Cell,
    results: Sequence[RaceResult],
    settings: Settings,
    round_number: int,
    answering: Callable[[Request], tuple[Hyperparameters, ...]] = answer,
) -> dict[int, tuple[Hyperparameters, ...]]:
    """What a search would try next in a cell.

    With ``zoom``, what `zoomed` lays out for fresh replicates; else what a sampler of Optuna
    proposes to all replicates of the sweep.

    Args:
        cell: Model and batch size.
        results: Of the cell's races so far.
        settings: Of the study; its ``sweep.search.sampler`` is not ``none``.
        round_number: From 1.
        answering: Asks the sampler.

    Returns:
        Points of each replicate that trains in this round, in order of learning rate; empty where
        no trial of the cell says anything.
    """
    if settings.sweep.search.sampler == "zoom":
        return zoomed(results, settings, round_number)
    tried = answering(_request(cell, results, settings, round_number))
    return dict.fromkeys(range(settings.sweep.replicates), tried) if tried else {}


def _request(
    cell: Cell, results: Sequence[RaceResult], settings: Settings, round_number: int
) -> Request:
    """What to ask the settings' sampler for a cell.

    The sampler is seeded by study, cell and round, so that a resumed search proposes the same. It
    searches the box, and what lies beyond it as far as the cell was expanded. It sees every
    finished trial of the cell, all replicates alike, in one order whatever order they finished in.
    """
    training, tried = settings.training, [t for result in results for t in result.race.trials]
    sweep = widened(settings.sweep, [trial.learning_rate for trial in tried])
    return Request(
        sweep=sweep,
        seed=seed_of(training.seed, "search", cell.model, cell.batch_size, round_number),
        count=sweep.search.proposals_of(round_number),
        fixed=Hyperparameters(0.0, training.momentum, training.weight_decay),
        finished=_finished(results, sweep),
    )


def _finished(
    results: Sequence[RaceResult], sweep: SweepSettings
) -> tuple[tuple[dict[str, float], float], ...]:
    seen = sorted(
        (trial, value)
        for result in results
        for member, trial in enumerate(result.race.trials)
        for value in [
            value_of(result, member, quantity=sweep.goals.quantity, goal=sweep.goals.hardest)
        ]
        if value is not None and contains(sweep, trial.hyperparameters)
    )
    return tuple((point(sweep, trial.hyperparameters), value) for trial, value in seen)
