"""Synthetic studies, whole and at the edges of what a report has to cope with."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import pandas as pd

from pipeline.estimates import Tables, estimates
from pipeline.figures import Study, gather, read_estimates
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from tests.pipeline.synthetic import TRAIN_EXAMPLES, synthetic_study

PARAMS = Path(__file__).parents[2] / "params.yaml"
EDGES = [
    "one model",
    "one batch size",
    "no goal reached",
    "no rule constant",
    "no confirm trials",
    "all trials failed",
    "a rate at the edge",
    "goals of loss",
]
SECONDS = pd.DataFrame([
    {
        "model": model,
        "batch_size": size,
        "seconds_per_step": 1e-4 + 1e-6 * size,
        "machine": "a machine",
    }
    for model in ("mlp", "conv", "lenet")
    for size in (1, 4, 16, 64, 256, TRAIN_EXAMPLES)
    if (model, size) != ("lenet", 1)  # which is infeasible
])


def settings_for(models: tuple[str, ...], sizes: tuple[int, ...]) -> Settings:
    whole = load_settings(PARAMS)
    sweep = whole.sweep.model_copy(update={"batch_sizes": sizes})
    reference = 64 if 64 in sizes else sizes[len(sizes) // 2]
    confirm = whole.confirm.model_copy(update={"reference_batch_size": reference})
    return whole.model_copy(update={"models": models, "sweep": sweep, "confirm": confirm})


@cache
def synthetic_tables(
    models: tuple[str, ...] = ("mlp", "conv", "lenet"),
    sizes: tuple[int, ...] = (1, 4, 16, 64, 256, TRAIN_EXAMPLES),
) -> Tables:
    made = synthetic_study(models, sizes)
    return Tables(
        made.sweep_trials,
        made.sweep_curves,
        made.sweep_cells,
        made.confirm_trials,
        made.confirm_curves,
        made.assignments,
    )


def study_of(tables: Tables, settings: Settings) -> Study:
    document = estimates(tables, settings, dataset="digits", train_examples=TRAIN_EXAMPLES)
    return gather(read_estimates(document), tables, settings.sweep.learning_rates)


@cache
def study_at(edge: str) -> Study:
    models: tuple[str, ...] = ("mlp", "conv")
    sizes: tuple[int, ...] = (1, 16, TRAIN_EXAMPLES)
    if edge == "one model":
        models = ("mlp",)
    if edge == "one batch size":
        sizes = (16,)
    tables, settings = synthetic_tables(models, sizes), settings_for(models, sizes)
    if edge == "no goal reached":
        curves = [
            table.assign(
                validation_error=0.9 + 0 * table["step"], test_error=0.9 + 0 * table["step"]
            )
            for table in (tables.sweep_curves, tables.confirm_curves)
        ]
        trials = tables.sweep_trials.assign(
            ended=tables.sweep_trials["ended"].replace({"reached": "exhausted"})
        )
        tables = replace(
            tables, sweep_trials=trials, sweep_curves=curves[0], confirm_curves=curves[1]
        )
    if edge == "no rule constant":
        confirm = settings.confirm.model_copy(update={"rules": ("tuned",)})
        settings = settings.model_copy(update={"confirm": confirm})
        assigned = tables.assignments
        tables = replace(tables, assignments=assigned[assigned["rule"] == "tuned"])
    if edge == "no confirm trials":
        tables = replace(
            tables,
            confirm_trials=tables.confirm_trials[:0],
            confirm_curves=tables.confirm_curves[:0],
            assignments=tables.assignments[:0],
        )
    if edge == "all trials failed":
        tables = all_failed(tables)
    if edge == "a rate at the edge":
        box = settings.sweep.learning_rates.model_copy(update={"high": 0.05})
        sweep = settings.sweep.model_copy(update={"learning_rates": box})
        settings = settings.model_copy(update={"sweep": sweep})
        inside = tables.sweep_trials["learning_rate"] <= box.high
        tables = replace(tables, sweep_trials=tables.sweep_trials[inside])
    if edge == "goals of loss":
        goals = settings.sweep.goals.model_copy(update={"quantity": "loss", "levels": (0.3, 0.15)})
        sweep = settings.sweep.model_copy(update={"goals": goals})
        settings = settings.model_copy(update={"sweep": sweep})
    return study_of(tables, settings)


def all_failed(tables: Tables) -> Tables:
    nothing = {name: math.nan for name in tables.sweep_trials.columns if "_validation_" in name} | {
        "ended": "failed",
        "message": "RuntimeError: planted",
        "steps": 0,
        "examples": 0,
    }
    return replace(
        tables,
        sweep_trials=tables.sweep_trials.assign(**nothing),
        sweep_curves=tables.sweep_curves[:0],
        confirm_trials=tables.confirm_trials.assign(**nothing),
        confirm_curves=tables.confirm_curves[:0],
    )
