"""What a study will cost at most, before it runs: trials, steps, examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pipeline.study.catalogue import Entry
    from pipeline.study.survey import Phase, Survey
    from pipeline.trial import Cell

__all__ = ["PHASES", "cost"]

PHASES: Final = ("pilot", "sweep", "confirm")


def cost(found: Entry, seen: Survey) -> dict[str, Any]:
    """What is left to train of a study, cell by cell, at most.

    Races and goals stop most trials of the sweep well before their budget. While the sweep is
    incomplete, what confirm will train is counted as every rule training a learning rate of its
    own, and expansion and search rounds as asking for all they may.

    Args:
        found: The study; its data are prepared.
        seen: How far it is.

    Returns:
        ``most``: ``trials``, ``steps`` and ``examples`` that are left; ``in_ledger``: trials that
        need not be trained; ``cells``: a row a cell with ``model``, ``batch_size``, ``kernel`` and
        what is ``left`` of each phase as trials, and ``max_steps`` of one trial.
    """
    rows = _rows(found, seen)
    trials = [sum(row[phase] for phase in PHASES) for row in rows]
    steps = [count * row["max_steps"] for count, row in zip(trials, rows, strict=True)]
    return {
        "state": seen.state,
        "in_ledger": seen.pilot.done + seen.sweep.done + seen.confirm.done,
        "most": {
            "trials": sum(trials),
            "steps": sum(steps),
            "examples": sum(n * row["batch_size"] for n, row in zip(steps, rows, strict=True)),
        },
        "cells": rows,
    }


def _rows(found: Entry, seen: Survey) -> list[dict[str, Any]]:
    sweep, confirm = found.settings.sweep, found.settings.confirm
    later = 0
    if not seen.sweep.complete:
        later = sweep.expansion + (sweep.search.limit if sweep.search.rounds else 0)
    if not seen.goals_known:  # the grid is planned once the pilot has been trained
        later += sweep.learning_rates.points
    return [
        {
            "model": cell.model,
            "batch_size": cell.batch_size,
            "kernel": recipe.kernel,
            "max_steps": recipe.max_steps,
            "pilot": _left(seen.pilot, cell),
            "sweep": _left(seen.sweep, cell) + later * sweep.replicates,
            "confirm": _left(seen.confirm, cell)
            if seen.sweep.complete
            else len(confirm.rules) * confirm.replicates,
        }
        for cell, recipe in seen.recipes.items()
    ]


def _left(phase: Phase, cell: Cell) -> int:
    return sum(len(race.trials) for race in phase.missing if race.cell == cell)
