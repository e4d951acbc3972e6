"""Sweep: measure steps to goal over batch size × learning rate."""

from __future__ import annotations

from pipeline.design import Design
from pipeline.outcome import RaceResult
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.stages.guard import stage
from pipeline.stages.places import SWEEP
from pipeline.stages.session import session, write_tables
from pipeline.studies import propose
from pipeline.tables import cells_table, curves_table, trials_table

__all__ = ["main"]


@stage
def main() -> None:
    """Train the grid and the search rounds, and write the sweep's tables.

    Raises:
        ValueError: If no cell is feasible.
    """
    with session("sweep") as opened:
        grid = opened.design.grid()
        if not grid:
            raise ValueError(
                "sweep.batch_sizes holds no batch size at which any of models can train; "
                "add a larger one"
            )
        found = _by_fingerprint(opened.runner.run(grid))
        for number in range(1, opened.settings.sweep.search.rounds + 1):
            results = list(found.values())
            found |= _by_fingerprint(
                _search(opened.settings, opened.design, opened.runner, results, number)
            )
        results = list(found.values())
        write_tables(
            SWEEP,
            {
                "trials": trials_table(results),
                "curves": curves_table(results),
                "cells": cells_table(opened.design.cells(), results),
            },
        )


def _by_fingerprint(results: list[RaceResult]) -> dict[str, RaceResult]:
    """A sampler may propose again what was trained before; that is still one race."""
    return {result.race.fingerprint: result for result in results}


def _search(
    settings: Settings, design: Design, runner: Runner, results: list[RaceResult], number: int
) -> list[RaceResult]:
    """One round: proposals for every feasible cell, each trained with every replicate."""
    sweep = settings.sweep
    races = [
        design.sweep_race(plan.cell, replicate, rates, f"search-{number}")
        for plan in design.cells()
        if not plan.infeasible
        for rates in [
            propose(
                plan.cell,
                [result for result in results if result.race.cell == plan.cell],
                box=sweep.learning_rates,
                search=sweep.search,
                seed=settings.training.seed,
                round_number=number,
            )
        ]
        if rates
        for replicate in range(sweep.replicates)
    ]
    return runner.run(races)


if __name__ == "__main__":
    main()
