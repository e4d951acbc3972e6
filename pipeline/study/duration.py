"""How long the rest of a study may take here: a short calibration times what is left to train."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final, Literal

from pipeline.batch_sizes import resolved_reference
from pipeline.images import load_prepared
from pipeline.machine import device_of, workers_of
from pipeline.study.cell_seconds import paces, probing_seconds
from pipeline.study.cost import sweep_left
from pipeline.trial import Cell

if TYPE_CHECKING:
    from pipeline.images import Prepared
    from pipeline.study.catalogue import Entry
    from pipeline.study.survey import Survey

__all__ = ["duration", "likely_share"]

# Shares of their budgets that trials took in studies of digits with usual goals and boxes.
# docs/performance.md, "What a study will cost, before it runs", says how well that carries over.
_FASTEST: Final = 0.12  # a race's first trial to reach the hardest goal
_UNRACED: Final = 0.6  # a trial of the design that no race stops
_ZOOMED: Final = 1.3  # of the design's share, in a search around the fewest steps; measured 1.28
_PROPOSED: Final = 0.8  # likewise, where a sampler proposes ever nearer to them; 0.73 with gp
_CONFIRMED: Final = 0.85  # a trial of confirm: some rules' learning rates diverge
_STARTS: Final = 9.0  # all that is no training, as times the imports of a worker's modules


def likely_share(race: float | Literal["off"]) -> float:
    """Share of its budget that a trial of the design takes on average, before any has finished.

    The first of a race reaches the goal after about an eighth. Replayed on the default study's
    curves (0.09), races that stop the others at 1, 2, 3 and 4 times its steps, or sooner those that
    lie far behind, take 0.09, 0.11, 0.13 and 0.14, a power of 0.3, and unraced ones 0.6; studies of
    fewer or slower networks take more.

    Args:
        race: As in params.yaml.

    Returns:
        The share, in (0, 1].
    """
    return _UNRACED if race == "off" else min(_UNRACED, _FASTEST * race**0.3)


def duration(found: Entry, seen: Survey, left: dict[str, Any]) -> dict[str, Any]:
    """Estimated wall-clock time of what is left to train, on this device as it is now.

    Each cell's step, evaluation and probe are timed on one thread, at the width it would train at.
    All workers are taken to be busy to the end, and each to have a core of its own.

    Args:
        found: The study; its data are prepared.
        seen: How far it is.
        left: What `pipeline.study.cost.cost` says is left.

    Returns:
        ``workers``; ``most``: seconds if every trial spends its budget and every round that may
        follow does; ``likely``: seconds if no box needs to be expanded, and trials stop as early,
        of their budget, as those of the same model that have finished, or else as studies of
        digits did.
    """
    prepared = load_prepared(found.places.prepared)
    training = found.settings.training
    workers = workers_of(training, device_of(training))
    stopping, typical = _stopping(seen), likely_share(found.settings.sweep.race)
    most, likely = 0.0, 0.0
    for row in left["cells"]:
        if row["pilot"] + row["sweep"] + row["confirm"]:
            share = stopping.get(row["model"], typical)
            cell_most, cell_likely = _core_seconds(found, seen, prepared, row, share)
            most += cell_most
            likely += cell_likely
    starts = _STARTS * _import_seconds()
    return {
        "workers": workers,
        "most": most / workers + starts,
        "likely": likely / workers + starts,
    }


def _core_seconds(
    found: Entry, seen: Survey, prepared: Prepared, row: dict[str, Any], share: float
) -> tuple[float, float]:
    """Core-seconds of what is left of a cell: at most, and likely."""
    settings = found.settings
    cell = Cell(row["model"], row["batch_size"])
    recipe = seen.recipes[cell]
    counts = row["sweep"], row["pilot"], row["confirm"]
    sweep, pilot, confirm = paces(cell, recipe, counts, prepared, settings)
    probes = 0.0
    if row["confirm"]:  # of the rule tuned, whose share of the trials is not known exactly
        probed = min(settings.confirm.replicates, row["confirm"])
        probes = probed * probing_seconds(cell.model, recipe, prepared, settings)
    splits = 1 + len(prepared.test) / len(prepared.validation)
    always = row["pilot"] * pilot.seconds() + probes
    design, proposed, confirmed = _expected(found, seen, row, len(prepared.train))
    searched = _ZOOMED if settings.sweep.search.sampler == "zoom" else _PROPOSED
    return (
        always + row["sweep"] * sweep.seconds() + row["confirm"] * confirm.seconds(1, splits),
        always
        + design * sweep.seconds(share)
        + proposed * sweep.seconds(min(1.0, share * searched))
        + confirmed * confirm.seconds(_CONFIRMED, splits),
    )


def _expected(
    found: Entry, seen: Survey, row: dict[str, Any], train_examples: int
) -> tuple[int, int, int]:
    """Trials of the design, of search rounds and of confirm that a cell is likely to train."""
    sweep, confirm = found.settings.sweep, found.settings.confirm
    left = sweep_left(sweep, seen, Cell(row["model"], row["batch_size"]))
    if seen.sweep.complete:
        return left.design, left.search, row["confirm"]
    # All rules leave the reference batch size's own learning rate as it is.
    reference = row["batch_size"] == resolved_reference(found.settings, train_examples)
    confirmed = (1 if reference else len(confirm.rules)) * confirm.replicates
    return left.design, left.search, confirmed


def _import_seconds() -> float:
    """CPU seconds that a process takes to import what a worker needs."""
    program = "import time, pipeline.training; print(time.process_time())"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True
    )
    return float(done.stdout.split()[-1])


def _stopping(seen: Survey) -> dict[str, float]:
    """Share of its budget that a model's finished sweep trial took, on average over trials."""
    shares: dict[str, list[float]] = {}
    for result in seen.sweep.results:
        of_model = shares.setdefault(result.race.cell.model, [])
        of_model += [t.curve.last_step / result.race.recipe.max_steps for t in result.results]
    return {model: sum(each) / len(each) for model, each in shares.items() if each}
