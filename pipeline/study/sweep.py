"""Sweep: measure steps to goal over batch size × learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.expansion import expansion
from pipeline.race_tables import races_table
from pipeline.studies.kept_proposals import KeptProposals
from pipeline.studies.pinned import Swept, pinned
from pipeline.studies.proposals import propose
from pipeline.studies.samplers import require
from pipeline.study.goals import GOALS
from pipeline.study.places import ledger_folder
from pipeline.study.session import Session, tell_mixed, write_tables
from pipeline.tables import cells_table, curves_table, trials_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from pipeline.design import Design
    from pipeline.outcome import RaceResult
    from pipeline.settings import Settings
    from pipeline.study.pilot import Pilot
    from pipeline.trial import Cell, Hyperparameters, Race

    Proposer = Callable[
        [Cell, Sequence[RaceResult], Settings, int], dict[int, tuple[Hyperparameters, ...]]
    ]

__all__ = ["searched", "sweep", "swept_tables"]


def sweep(opened: Session, found: Pilot) -> None:
    """Train the design, its expansion and the search rounds, and write the sweep's tables.

    Args:
        opened: The session, of settings whose goals are numbers.
        found: What the pilot found; its tables go into a folder of their own.
    """
    results = searched(
        opened.design, opened.runner.run, KeptProposals(ledger_folder(), keep=True).propose
    )
    tables = swept_tables(opened.design, results)
    if found.results:
        tables |= {f"pilot/{name}": table for name, table in _tables(found.results).items()}
    write_tables(opened.places.sweep, tables, documents={GOALS: found.document})
    tell_mixed(result.environment for result in (*found.results, *results))


def swept_tables(design: Design, results: Sequence[RaceResult]) -> dict[str, pd.DataFrame]:
    """Tables of the sweep, by name: trials, curves, races and every cell of the design."""
    return _tables(results) | {"cells": cells_table(design.cells(), results)}


def _tables(results: Sequence[RaceResult]) -> dict[str, pd.DataFrame]:
    return {
        "trials": trials_table(results),
        "curves": curves_table(results),
        "races": races_table(results),
    }


def searched(
    design: Design,
    run: Callable[[Sequence[Race]], list[RaceResult]],
    proposer: Proposer = propose,
) -> list[RaceResult]:
    """Train the design, expand it, then propose until every cell is pinned or at its limit.

    Cells whose tuned learning rate lies at an edge of the box get further points beyond it, round
    by round up to ``sweep.expand.rounds``; an edge that is left stays flagged. What a round adds is
    a function of the results before it, so a sweep that was stopped anywhere goes on as if it had
    not been.

    Args:
        design: Makes the races.
        run: Trains those that the ledger lacks and returns the results of all.
        proposer: As `propose`, which it may remember the answers of.

    Returns:
        One result per race, the design's first.

    Raises:
        ValueError: If no cell is feasible.
    """
    search = design.settings.sweep.search
    require(search.sampler)
    grid = design.grid()
    if not grid:
        raise ValueError(
            "sweep.batch_sizes holds no batch size at which any of models can train; "
            "add a larger one"
        )
    found = Swept(design.settings)
    found.add(run(grid))
    for number in range(1, design.settings.sweep.expand.rounds + 1):
        races = expansion(design, found, number)
        if not races:
            break
        found.add(run(races))
    for number in range(1, search.rounds + 1):
        races = _round(design, found, number, proposer)
        if not races:
            break
        found.add(run(races))
    return found.results


def _round(design: Design, found: Swept, number: int, proposer: Proposer) -> list[Race]:
    """One round: proposals for every cell not yet pinned."""
    settings = design.settings
    races: list[Race] = []
    for cell in design.feasible():
        if pinned(found.row(cell), settings):
            continue
        races += [
            design.sweep_race(cell, replicate, tried, f"search-{number}")
            for replicate, tried in proposer(cell, found.of(cell), settings, number).items()
        ]
    return races
