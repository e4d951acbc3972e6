"""Everything the report states, as one dictionary: the content of estimates.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.batch_sizes import resolved_reference
from pipeline.finickiness.document import finickiness
from pipeline.fixed_budget import MEASURES, at_landmark, mean_of
from pipeline.observations import observations
from pipeline.outcome import Ended
from pipeline.plain_values import plain_values
from pipeline.probe_estimates import probe_estimates
from pipeline.steps_to_goal import steps_to_goal
from pipeline.trade_off import trade_off
from pipeline.tuned import tuned_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pipeline.settings import Settings

__all__ = ["Tables", "estimates"]

_SCHEMA: Final = 2
_KEY: Final = ["fingerprint", "member"]

Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Tables:
    """What the sweep and confirm stages wrote.

    Attributes:
        sweep_trials: Planned trials of the sweep.
        sweep_curves: Their evaluations.
        sweep_cells: Cells of the plan, infeasible ones too.
        confirm_trials: Planned trials of confirm.
        confirm_curves: Their evaluations.
        assignments: Which of them stands for which rule.
        probes: What probes found along the tuned rule's trials; None where nothing was probed.
    """

    sweep_trials: pd.DataFrame
    sweep_curves: pd.DataFrame
    sweep_cells: pd.DataFrame
    confirm_trials: pd.DataFrame
    confirm_curves: pd.DataFrame
    assignments: pd.DataFrame
    probes: pd.DataFrame | None = None


@dataclass(frozen=True, eq=False)
class _Evidence:
    """Tables read once, of which every cell takes its part.

    Attributes:
        tuned: Tuned learning rates of the sweep.
        observed: Observations of the tuned rule's replicates.
        plain: Every rule's replicates after the study's epochs.
        final: Every rule's replicates at the end of the budget.
    """

    tuned: pd.DataFrame
    observed: pd.DataFrame
    plain: pd.DataFrame
    final: pd.DataFrame


def estimates(tables: Tables, settings: Settings, *, dataset: str, train_examples: int) -> Json:
    """Assemble estimates.json.

    Steps and examples to a goal are geometric means over the tuned rule's fresh replicates with a
    Student interval of their logarithm (`steps_to_goal`); errors and losses at a fixed budget are
    means with a Student interval, that of an error kept in [0, 1], over the replicates that had
    not diverged by then, whose number stands beside. ``replicates`` counts what was measured,
    ``missing`` what failed. Source: docs/science.md, estimands 2 to 5, each in its own module.

    Args:
        tables: Results of sweep and confirm, rows in any order.
        settings: Of the study; nothing that trains anything is read from it.
        dataset: Name of the data set.
        train_examples: Examples N of the training split.

    Returns:
        Plain numbers, strings, lists and dictionaries; None where a number is not known, never NaN
        or infinity. The same tables give the same document, down to the last digit.
    """
    evidence = _evidence(tables, settings)
    reference = resolved_reference(settings, train_examples)
    finicky = finickiness(
        (tables.sweep_trials, tables.sweep_curves),
        (tables.confirm_trials, tables.confirm_curves),
        tables.assignments,
        evidence.tuned,
        settings,
        reference=reference,
        train_examples=train_examples,
    )
    models = {
        model: {
            "cells": [
                _cell(row, tables, evidence, settings)
                for cells in [_part(tables.sweep_cells, model=model)]
                for _, row in cells.sort_values("batch_size").iterrows()
            ],
            "trade_off": [
                {"goal": goal, **asdict(trade_off(seen, settings.analysis.confidence))}
                for goal in _goals(settings)
                for seen in [_part(evidence.observed, model=model, goal=goal)]
            ],
            "finickiness": finicky.model(model),
            "scaling": finicky.scaling(model),
        }
        for model in settings.models
    }
    return plain_values({
        "schema": _SCHEMA,
        "dataset": dataset,
        "confidence": settings.analysis.confidence,
        "quantity": settings.sweep.goals.quantity,
        "goals": _goals(settings),
        "train_examples": train_examples,
        "epochs": settings.sweep.budget.epochs,
        "reference_batch_size": reference,
        "models": models,
        "verdicts": finicky.verdicts(),
    })


def _evidence(tables: Tables, settings: Settings) -> _Evidence:
    goals = settings.sweep.goals
    trials, curves, assigned = tables.confirm_trials, tables.confirm_curves, tables.assignments
    keys = assigned.loc[assigned["rule"] == "tuned", _KEY]
    chosen = trials.merge(keys, on=_KEY, validate="one_to_one")
    return _Evidence(
        tuned=tuned_by(settings, tables.sweep_trials, tables.sweep_curves),
        observed=observations(chosen, curves, quantity=goals.quantity, goals=_goals(settings)),
        plain=assigned.merge(at_landmark(trials, curves, "epoch_steps"), on=_KEY),
        final=assigned.merge(at_landmark(trials, curves, "max_steps"), on=_KEY),
    )


def _cell(row: pd.Series[Any], tables: Tables, evidence: _Evidence, settings: Settings) -> Json:
    own = {"model": row["model"], "batch_size": row["batch_size"]}
    ended = _part(tables.sweep_trials, **own)["ended"]
    confidence, rules = settings.analysis.confidence, settings.confirm.rules
    observed = _part(evidence.observed, **own)
    return {
        "batch_size": row["batch_size"],
        "feasible": row["feasible"],
        "reason": row["reason"],
        "ended": {str(how): int((ended == how).sum()) for how in Ended},
        "tuned_learning_rate": _tuned(
            _part(evidence.tuned, **own), _part(tables.assignments, **own, rule="tuned")
        ),
        "goals": [
            _goal(goal, seen, row["batch_size"], confidence)
            for goal in _goals(settings)
            for seen in [_part(observed, goal=goal)]
            if len(seen)
        ],
        "plain": _budgets(_part(evidence.plain, **own), rules, confidence),
        "final": _budgets(_part(evidence.final, **own), rules, confidence),
        "probes": probe_estimates(
            None if tables.probes is None else _part(tables.probes, **own), observed, confidence
        ),
    }


def _tuned(tuned: pd.DataFrame, assigned: pd.DataFrame) -> Json | None:
    if not len(tuned):
        return None
    row = tuned.iloc[0]
    return {
        "value": row["learning_rate"],
        "low": row["low"],
        "high": row["high"],
        "edge": row["edge"],
        "method": row["method"],
        "confirmed": assigned["learning_rate"].min() if len(assigned) else None,
    }


def _goal(goal: float, seen: pd.DataFrame, batch_size: int, confidence: float) -> Json:
    steps = steps_to_goal(seen, confidence)
    missing = int((seen["kind"] == "missing").sum())
    return {
        "goal": goal,
        "steps": asdict(steps),
        "examples": asdict(steps.map(lambda number: number * batch_size)),
        "reached": int((seen["kind"] == "reached").sum()),
        "replicates": len(seen) - missing,
        "missing": missing,
    }


def _budgets(rows: pd.DataFrame, rules: Sequence[str], confidence: float) -> Json:
    return {
        rule: _budget(_part(rows, rule=rule), confidence)
        for rule in rules
        if bool((rows["rule"] == rule).any())
    }


def _budget(rows: pd.DataFrame, confidence: float) -> Json:
    missing = int((rows["kind"] == "missing").sum())
    return {
        **{measure: asdict(mean_of(measure, rows, confidence)) for measure in MEASURES},
        "replicates": len(rows) - missing,
        "diverged": int((rows["kind"] == "diverged").sum()),
        "missing": missing,
    }


def _part(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """Rows whose columns have the values given."""
    chosen = np.ones(len(table), dtype=np.bool_)
    for column, value in values.items():
        chosen &= (table[column] == value).to_numpy(dtype=np.bool_)
    return table.loc[chosen]


def _goals(settings: Settings) -> list[float]:
    """All levels, hardest last."""
    return sorted(settings.sweep.goals.numbers, reverse=True)
