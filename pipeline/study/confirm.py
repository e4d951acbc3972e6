"""Confirm: train what the sweep found again, with fresh replicates and to the full budget."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.batch_sizes import resolved_reference
from pipeline.carried import TunedSetting
from pipeline.design import Assignment
from pipeline.fingerprint import probe_digest
from pipeline.ledger import Ledger
from pipeline.probe_plan import Probed, ProbePlan
from pipeline.probe_tables import probes_table
from pipeline.race_tables import races_table
from pipeline.settings import MAX_REPLICATES, ProbeSettings, Settings
from pipeline.study.guard import say
from pipeline.study.places import ledger_folder
from pipeline.study.seconds import seconds_table
from pipeline.study.session import Session, tell_mixed, write_tables
from pipeline.study.table_file import read_table
from pipeline.tables import assignments_table, cells_table, curves_table, trials_table
from pipeline.trial import Cell, Hyperparameters
from pipeline.tuned import tuned_by

__all__ = ["confirm", "to_keep", "to_probe", "tuned_cells"]


def confirm(opened: Session) -> None:
    """Train every rule's learning rate at every batch size, and write the tables.

    Args:
        opened: The session.

    Raises:
        ValueError: If the sweep left nothing to confirm.
    """
    tuned = tuned_cells(
        opened.settings,
        read_table(opened.places.sweep / "trials.parquet"),
        read_table(opened.places.sweep / "curves.parquet"),
    )
    reference = resolved_reference(opened.settings, opened.manifest.train_examples)
    assignments = opened.design.confirm(tuned, reference)
    if not assignments:
        raise ValueError(
            "the sweep found no learning rate to confirm: look at ended and message in "
            f"{opened.places.sweep}/trials.parquet; if all diverged, lower sweep.learning_rates"
        )
    _tell_what_is_left_out(opened.settings.models, tuned, reference)
    keep = to_keep(assignments)
    probed = to_probe(assignments, opened.settings.confirm.probes)
    results = opened.runner.run([assignment.race for assignment in assignments], keep, probed)
    write_tables(
        opened.places.confirm,
        {
            "trials": trials_table(results),
            "curves": curves_table(results),
            "cells": cells_table(opened.design.cells(), results),
            "assignments": assignments_table(assignments),
            "races": races_table(results),
            "seconds": seconds_table(
                opened.design,
                list(dict.fromkeys(assignment.race.cell for assignment in assignments)),
                opened.places.prepared,
                ledger_folder(),
            ),
            "probes": probes_table(results, probed.digest if probed else ""),
        },
        _weights(opened.runner.ledger, keep),
    )
    swept = read_table(opened.places.sweep / "races.parquet")["environment"]
    tell_mixed([*map(json.loads, swept), *(result.environment for result in results)])


def to_keep(assignments: Sequence[Assignment]) -> frozenset[str]:
    """The tuned race of each cell whose network is exported: its first replicate's."""
    return frozenset(
        assignment.race.fingerprint
        for assignment in assignments
        if assignment.rule == "tuned" and assignment.race.replicate == MAX_REPLICATES
    )


def to_probe(assignments: Sequence[Assignment], settings: ProbeSettings) -> Probed | None:
    """The tuned races, all replicates, and how they are probed; None where nothing is asked."""
    plan = ProbePlan(**settings.model_dump())
    if not plan.asked:
        return None
    tuned = frozenset(a.race.fingerprint for a in assignments if a.rule == "tuned")
    return Probed(plan, probe_digest(plan), tuned)


def _weights(ledger: Ledger, keep: frozenset[str]) -> dict[str, Path]:
    """Files of weights by where they go; a race that failed has none."""
    files = {f"weights/{name}.npz": ledger.weights_file(name) for name in sorted(keep)}
    return {name: path for name, path in files.items() if path.exists()}


def tuned_cells(
    settings: Settings, trials: pd.DataFrame, curves: pd.DataFrame
) -> dict[Cell, TunedSetting]:
    """Tuned settings of a sweep, where there are any.

    Args:
        settings: Of the study.
        trials: The sweep's table of trials.
        curves: The sweep's table of curves.

    Returns:
        By cell; cells where all trials diverged or failed are left out.
    """
    table = tuned_by(settings, trials, curves)
    found = table[table["method"] != "none"]
    return {
        Cell(model, size): TunedSetting(Hyperparameters(rate, momentum, weight_decay), survived)
        for model, size, rate, survived, momentum, weight_decay in zip(
            found["model"].tolist(),
            found["batch_size"].tolist(),
            found["learning_rate"].tolist(),
            found["survived"].tolist(),
            found["momentum"].tolist(),
            found["weight_decay"].tolist(),
            strict=True,
        )
    }


def _tell_what_is_left_out(
    models: tuple[str, ...], tuned: dict[Cell, TunedSetting], reference: int
) -> None:
    for model in models:
        if Cell(model, reference) not in tuned:
            say(
                f"warning: {model} has no tuned learning rate at the reference batch size "
                f"{reference:,}; only the rule tuned is confirmed for it"
            )
