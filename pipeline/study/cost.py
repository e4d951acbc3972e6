"""What a study will cost at most, before it runs: trials, steps, examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.study.catalogue import Entry
    from pipeline.study.survey import Phase, Survey
    from pipeline.trial import Cell

__all__ = ["cost"]


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
    return {
        "state": seen.state,
        "in_ledger": seen.sweep.done + seen.confirm.done,
        "most": {
            "trials": sum(row["sweep"] + row["confirm"] for row in rows),
            "steps": sum((row["sweep"] + row["confirm"]) * row["max_steps"] for row in rows),
            "examples": sum(
                (row["sweep"] + row["confirm"]) * row["max_steps"] * row["batch_size"]
                for row in rows
            ),
        },
        "cells": rows,
    }


def _rows(found: Entry, seen: Survey) -> list[dict[str, Any]]:
    if seen.design is None:
        return []
    sweep, confirm = found.settings.sweep, found.settings.confirm
    grid = {race.cell: race.recipe for race in seen.design.grid()}
    later = 0
    if not seen.sweep.complete:
        later = sweep.expansion + (sweep.search.limit if sweep.search.rounds else 0)
    return [
        {
            "model": cell.model,
            "batch_size": cell.batch_size,
            "kernel": recipe.kernel,
            "max_steps": recipe.max_steps,
            "sweep": _left(seen.sweep, cell) + later * sweep.replicates,
            "confirm": _left(seen.confirm, cell)
            if seen.sweep.complete
            else len(confirm.rules) * confirm.replicates,
        }
        for cell, recipe in grid.items()
    ]


def _left(phase: Phase, cell: Cell) -> int:
    return sum(len(race.trials) for race in phase.missing if race.cell == cell)
