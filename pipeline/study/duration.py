"""How long the rest of a study may take here: a short calibration times what is left to train."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pipeline.images import load_prepared
from pipeline.machine import device_of, workers_of
from pipeline.stopping import evaluation_steps
from pipeline.study.cost import PHASES
from pipeline.trial import Cell

if TYPE_CHECKING:
    from pipeline.images import Prepared
    from pipeline.study.catalogue import Entry
    from pipeline.study.survey import Survey

__all__ = ["duration"]

_SECONDS = 0.2  # of measuring, a cell


def duration(found: Entry, seen: Survey, left: dict[str, Any]) -> dict[str, Any]:
    """Estimated wall-clock time of what is left to train, on this device as it is now.

    Each cell's step and evaluation are timed on one thread, at the width it would train at. All
    workers are taken to be busy to the end, and each to have a core of its own.

    Args:
        found: The study; its data are prepared.
        seen: How far it is.
        left: What `pipeline.study.cost.cost` says is left.

    Returns:
        ``workers``; ``most``: seconds if every trial spends its budget; ``likely``: seconds if the
        sweep's trials stop as early, of their budget, as those of the same model that have
        finished; None where a model has none.
    """
    prepared = load_prepared(found.places.prepared)
    device = device_of(found.settings.training)
    workers = workers_of(found.settings.training, device)
    stopping = _stopping(seen)
    most, likely = 0.0, 0.0
    for row in left["cells"]:
        if not sum(row[phase] for phase in PHASES):
            continue
        sweep, confirm = _seconds(found, seen, prepared, row)
        most += sweep + confirm
        likely += sweep * stopping.get(row["model"], math.nan if sweep else 0.0) + confirm
    return {
        "workers": workers,
        "most": most / workers,
        "likely": None if math.isnan(likely) else likely / workers,
    }


def _seconds(
    found: Entry, seen: Survey, prepared: Prepared, row: dict[str, Any]
) -> tuple[float, float]:
    """Core-seconds of a cell's sweep, and of its pilot and confirmation, to every budget's end."""
    from pipeline.calibration import Conditions, seconds_per_evaluation, seconds_per_step

    training = found.settings.training
    conditions = Conditions(training, device_of(training))
    cell = Cell(row["model"], row["batch_size"])
    recipe = seen.recipes[cell]
    evaluations = len(evaluation_steps(recipe))
    found_seconds: list[float] = []
    for trials in (row["sweep"], row["pilot"] + row["confirm"]):
        members = min(trials, training.cohort_width) if recipe.kernel == "stacked" else 1
        if not trials:
            found_seconds.append(0.0)
            continue
        step = seconds_per_step(
            cell.model, cell.batch_size, recipe.kernel, members, prepared, conditions,
            seconds=_SECONDS,
        )  # fmt: skip
        evaluation = seconds_per_evaluation(
            cell.model, recipe.kernel, members, prepared, conditions
        )
        cohort = recipe.max_steps * step + evaluations * evaluation
        found_seconds.append(trials / members * cohort)
    return found_seconds[0], found_seconds[1]


def _stopping(seen: Survey) -> dict[str, float]:
    """Share of its budget that a model's finished sweep trial took, on average over trials."""
    shares: dict[str, list[float]] = {}
    for result in seen.sweep.results:
        of_model = shares.setdefault(result.race.cell.model, [])
        of_model += [t.curve.last_step / result.race.recipe.max_steps for t in result.results]
    return {model: sum(each) / len(each) for model, each in shares.items() if each}
