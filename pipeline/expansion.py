"""Where the best lies at an edge of the box: further points of the grid beyond it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.points import learning_rate_grid
from pipeline.trial import Hyperparameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.design import Design
    from pipeline.outcome import RaceResult
    from pipeline.studies.pinned import Swept
    from pipeline.trial import Cell, Race

__all__ = ["expansion"]

_ORIGIN: Final = "expansion-"


def expansion(design: Design, found: Swept, number: int) -> list[Race]:
    """One round: every cell whose tuned learning rate lies at an edge of what was tried.

    The grid goes on beyond that edge with its own spacing and each replicate's own shift, so it is
    the grid that a larger box would have had. A function of the results alone, so that a sweep that
    was stopped goes on as if it had not been. A box of several hyperparameters has edges that one
    learning rate does not decide, so only the design ``grid`` is expanded. Source: Shallue et al.
    2018 (arXiv 1811.03600), section 4.1: search spaces whose best point lay near the boundary were
    enlarged until it did not.

    Args:
        design: Makes the races.
        found: Results of the sweep so far.
        number: Of the round, from 1.

    Returns:
        Races of origin ``expansion-<number>``; none where no edge is left.
    """
    sweep = design.settings.sweep
    if sweep.design != "grid":
        return []
    races: list[Race] = []
    for cell in design.feasible():
        if edge := found.row(cell)["edge"]:
            own = found.of(cell)
            races += [
                _race(design, cell, replicate, own, str(edge), number)
                for replicate in range(sweep.replicates)
            ]
    return races


def _race(
    design: Design,
    cell: Cell,
    replicate: int,
    own: Sequence[RaceResult],
    edge: str,
    number: int,
) -> Race:
    training, rates = design.settings.training, design.settings.sweep.learning_rates
    points = design.settings.sweep.expand.points
    beyond = [
        trial.learning_rate < rates.low
        for result in own
        if result.race.origin.startswith(_ORIGIN) and result.race.replicate == replicate
        for trial in result.race.trials
    ]
    if edge == "low":
        last = -sum(beyond)
        parts = range(last - points, last)
    else:
        first = rates.points + len(beyond) - sum(beyond)
        parts = range(first, first + points)
    tried = [
        Hyperparameters(rate, training.momentum, training.weight_decay)
        for rate in learning_rate_grid(rates, training.seed, replicate, parts)
    ]
    return design.sweep_race(cell, replicate, tried, f"{_ORIGIN}{number}")
