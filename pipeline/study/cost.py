"""What a study will cost at most, before it runs: trials, steps, examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.settings import SweepSettings
    from pipeline.study.catalogue import Entry
    from pipeline.study.survey import Phase, Survey
    from pipeline.trial import Cell, Race

__all__ = ["PHASES", "SweepLeft", "cost", "sweep_left"]

PHASES: Final = ("pilot", "sweep", "confirm")


@dataclass(frozen=True)
class SweepLeft:
    """Trials that a cell's sweep has yet to train, at most.

    Attributes:
        design: Of the grid, and of expansion rounds that are planned.
        expansion: Of expansion rounds that may follow.
        search: Of search rounds that are planned or may follow.
    """

    design: int
    expansion: int
    search: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.design + self.expansion + self.search


def cost(found: Entry, seen: Survey) -> dict[str, Any]:
    """What is left to train of a study, cell by cell, at most.

    Races and goals stop most trials of the sweep well before their budget. While the sweep is
    incomplete, what confirm will train is counted as every rule training a learning rate of its
    own, and expansion and search rounds that may follow as asking for all they may.

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


def sweep_left(sweep: SweepSettings, seen: Survey, cell: Cell) -> SweepLeft:
    """What is left of a cell's sweep, at most.

    A round is planned for all cells at once, and what a cell gets depends on its own results alone:
    one that a round leaves out is in no later one, and the first search round ends all expansion.

    Args:
        sweep: Settings of the study's sweep.
        seen: How far the study is.
        cell: A feasible one.
    """
    phase, search = seen.sweep, sweep.search
    missing = [race for race in phase.missing if race.cell == cell]
    proposed = _trials(race for race in missing if race.origin.startswith("search-"))
    design, expansion, replicates = _trials(missing) - proposed, 0, sweep.replicates
    if not seen.goals_known:  # the grid is planned once the pilot has been trained
        design += sweep.learning_rates.points * replicates
    if not phase.complete:
        expanded = _begun(phase, cell, "expansion", sweep.expand.rounds)
        searched = _begun(phase, cell, "search", search.rounds)
        if not searched:
            expansion = max(0, sweep.expansion - expanded * sweep.expand.points) * replicates
        rounds = range(searched + 1, search.rounds + 1)
        proposed += sum(search.proposals_of(number) for number in rounds) * replicates
    return SweepLeft(design, expansion, proposed)


def _begun(phase: Phase, cell: Cell, kind: str, rounds: int) -> int:
    """Rounds of a kind that a cell has behind it or planned; all, where the last left it out."""
    cells: dict[int, set[Cell]] = {}
    for race in phase.races:
        origin, _, number = race.origin.partition("-")
        if origin == kind:
            cells.setdefault(int(number), set()).add(race.cell)
    last = max(cells, default=0)
    return last if not last or cell in cells[last] else rounds


def _rows(found: Entry, seen: Survey) -> list[dict[str, Any]]:
    sweep, confirm = found.settings.sweep, found.settings.confirm
    return [
        {
            "model": cell.model,
            "batch_size": cell.batch_size,
            "kernel": recipe.kernel,
            "max_steps": recipe.max_steps,
            "pilot": _left(seen.pilot, cell),
            "sweep": sweep_left(sweep, seen, cell).total,
            "confirm": _left(seen.confirm, cell)
            if seen.sweep.complete
            else len(confirm.rules) * confirm.replicates,
        }
        for cell, recipe in seen.recipes.items()
    ]


def _left(phase: Phase, cell: Cell) -> int:
    return _trials(race for race in phase.missing if race.cell == cell)


def _trials(races: Iterable[Race]) -> int:
    return sum(len(race.trials) for race in races)
