"""Sweep: measure steps to goal over batch size × learning rate."""

from __future__ import annotations

from pipeline.outcome import RaceResult
from pipeline.race_tables import races_table
from pipeline.studies import propose
from pipeline.study.session import Session, write_tables
from pipeline.tables import cells_table, curves_table, trials_table

__all__ = ["sweep", "sweep_results"]


def sweep(opened: Session) -> None:
    """Train the grid and the search rounds, and write the sweep's tables."""
    results = sweep_results(opened)
    write_tables(
        opened.places.sweep,
        {
            "trials": trials_table(results),
            "curves": curves_table(results),
            "cells": cells_table(opened.design.cells(), results),
            "races": races_table(results),
        },
    )


def sweep_results(opened: Session) -> list[RaceResult]:
    """Results of the grid and of the search rounds.

    Args:
        opened: The session.

    Returns:
        One result per race.

    Raises:
        ValueError: If no cell is feasible.
    """
    grid = opened.design.grid()
    if not grid:
        raise ValueError(
            "sweep.batch_sizes holds no batch size at which any of models can train; "
            "add a larger one"
        )
    found = _by_fingerprint(opened.runner.run(grid))
    for number in range(1, opened.settings.sweep.search.rounds + 1):
        found |= _by_fingerprint(_search(opened, list(found.values()), number))
    return list(found.values())


def _by_fingerprint(results: list[RaceResult]) -> dict[str, RaceResult]:
    """A sampler may propose again what was trained before; that is still one race."""
    return {result.race.fingerprint: result for result in results}


def _search(opened: Session, results: list[RaceResult], number: int) -> list[RaceResult]:
    """One round: proposals for every feasible cell, each trained with every replicate."""
    settings, design = opened.settings, opened.design
    races = [
        design.sweep_race(plan.cell, replicate, rates, f"search-{number}")
        for plan in design.cells()
        if not plan.infeasible
        for rates in [
            propose(
                plan.cell,
                [result for result in results if result.race.cell == plan.cell],
                box=settings.sweep.learning_rates,
                search=settings.sweep.search,
                seed=settings.training.seed,
                round_number=number,
            )
        ]
        if rates
        for replicate in range(settings.sweep.replicates)
    ]
    return opened.runner.run(races)
