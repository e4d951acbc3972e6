"""From the ledger to tables: one row a trial, one row an evaluation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.design import Assignment, CellPlan
from pipeline.outcome import Curve, RaceResult
from pipeline.trial import Cell

__all__ = ["assignments_table", "cells_table", "curves_table", "trials_table"]

_TRIAL_ORDER = ["model", "batch_size", "replicate", "origin", "learning_rate"]
_CURVE_COLUMNS = (
    "validation_loss",
    "validation_error",
    "train_loss",
    "test_loss",
    "test_error",
)


def trials_table(results: Sequence[RaceResult]) -> pd.DataFrame:
    """One row per trial.

    ``steps`` are those of the last evaluation, ``examples`` are steps times batch size; best
    values are minima over finite evaluations. (fingerprint, member) is the key.

    Args:
        results: Of races, in any order.

    Returns:
        Rows sorted by model, batch size, replicate, origin and learning rate.
    """
    rows = [row for result in results for row in _trial_rows(result)]
    return pd.DataFrame(rows).sort_values(_TRIAL_ORDER, ignore_index=True)


def curves_table(results: Sequence[RaceResult]) -> pd.DataFrame:
    """One row per evaluation, sorted by fingerprint, member and step.

    Args:
        results: Of races, in any order.

    Returns:
        Columns fingerprint, member, step, examples and what was measured.
    """
    ordered = sorted(results, key=lambda result: result.race.fingerprint)
    curves = [trial.curve for result in ordered for trial in result.results]
    lengths = [len(curve.steps) for curve in curves]
    keys = [
        (result.race.fingerprint, member, result.race.cell.batch_size)
        for result in ordered
        for member in range(len(result.results))
    ]
    steps = np.concatenate([curve.steps for curve in curves])
    sizes = np.repeat(np.array([size for _, _, size in keys], dtype=np.int64), lengths)
    return pd.DataFrame({
        "fingerprint": np.repeat(np.array([name for name, _, _ in keys], dtype=object), lengths),
        "member": np.repeat(np.array([member for _, member, _ in keys], dtype=np.int64), lengths),
        "step": steps,
        "examples": steps * sizes,
        **{
            name: np.concatenate([getattr(curve, name) for curve in curves])
            for name in _CURVE_COLUMNS
        },
    })


def cells_table(plans: Sequence[CellPlan], results: Sequence[RaceResult]) -> pd.DataFrame:
    """One row per cell of the design, infeasible ones with the reason.

    Args:
        plans: Every cell.
        results: Gives the number of trials.

    Returns:
        Columns model, batch_size, feasible, reason and trials.
    """
    trials = Counter[Cell]()
    for result in results:
        trials[result.race.cell] += len(result.results)
    return pd.DataFrame([
        {
            "model": plan.cell.model,
            "batch_size": plan.cell.batch_size,
            "feasible": not plan.infeasible,
            "reason": plan.infeasible,
            "trials": trials[plan.cell],
        }
        for plan in plans
    ])


def assignments_table(assignments: Sequence[Assignment]) -> pd.DataFrame:
    """One row per rule, cell and replicate of the confirmation, with the trial's key.

    Args:
        assignments: Of the design, at least one.

    Returns:
        Columns model, batch_size, rule, learning_rate, momentum, weight_decay, replicate,
        fingerprint and member.
    """
    return pd.DataFrame([
        {
            "model": race.cell.model,
            "batch_size": race.cell.batch_size,
            "rule": assignment.rule,
            **race.trials[0].hyperparameters._asdict(),
            "replicate": race.replicate,
            "fingerprint": race.fingerprint,
            "member": 0,
        }
        for assignment in assignments
        for race in [assignment.race]
    ])


def _trial_rows(result: RaceResult) -> list[dict[str, Any]]:
    race = result.race
    return [
        {
            "model": trial.model,
            "batch_size": trial.batch_size,
            "replicate": trial.replicate,
            "learning_rate": trial.learning_rate,
            "momentum": trial.momentum,
            "weight_decay": trial.weight_decay,
            "origin": race.origin,
            "kernel": race.recipe.kernel,
            "max_steps": race.recipe.max_steps,
            "epoch_steps": race.recipe.landmarks[0],
            "race": math.nan if race.recipe.race is None else race.recipe.race,
            "ended": str(outcome.ended),
            "message": outcome.message,
            "steps": outcome.curve.last_step,
            "examples": outcome.curve.last_step * trial.batch_size,
            **_extremes(outcome.curve),
            "fingerprint": race.fingerprint,
            "member": member,
        }
        for member, (trial, outcome) in enumerate(zip(race.trials, result.results, strict=True))
    ]


def _extremes(curve: Curve) -> dict[str, float]:
    """Best and last validation loss and error; NaN where there is none."""
    found: dict[str, float] = {}
    for name in ("validation_loss", "validation_error"):
        values = getattr(curve, name)
        finite = values[np.isfinite(values)]
        found[f"best_{name}"] = float(finite.min()) if len(finite) else float("nan")
        found[f"last_{name}"] = float(values[-1]) if len(values) else float("nan")
    return found
