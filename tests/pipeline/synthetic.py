"""A study whose truth is planted: tables as the sweep and confirm stages write them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from tests.pipeline.planted import EPOCHS, GOALS, MIN_STEPS, TRAIN_EXAMPLES, Planted, PlantedRace

DEFAULTS: Final = Path(__file__).parents[2] / "params.yaml"
BOX: Final = (0.003, 10.0)
POINTS: Final = 12
RULES: Final = ("tuned", "constant", "linear", "sqrt")
INFEASIBLE: Final = "BatchNorm needs more than one value per channel to train"
_TRIAL_ORDER: Final = ["model", "batch_size", "replicate", "origin", "learning_rate"]
_CURVE_COLUMNS: Final = [
    "fingerprint",
    "member",
    "step",
    "examples",
    "validation_loss",
    "validation_error",
    "train_loss",
    "test_loss",
    "test_error",
]
_ASSIGNMENT_COLUMNS: Final = [
    "model",
    "batch_size",
    "rule",
    "learning_rate",
    "replicate",
    "fingerprint",
    "member",
]


@dataclass(frozen=True)
class SyntheticStudy:
    """Tables of the contract, and what was planted in them."""

    sweep_trials: pd.DataFrame
    sweep_curves: pd.DataFrame
    sweep_cells: pd.DataFrame
    confirm_trials: pd.DataFrame
    confirm_curves: pd.DataFrame
    confirm_cells: pd.DataFrame
    assignments: pd.DataFrame
    planted: dict[str, Planted]
    reference_batch_size: int
    goals: tuple[float, ...] = GOALS
    train_examples: int = TRAIN_EXAMPLES
    epochs: int = EPOCHS


def synthetic_study(
    models: Sequence[str] = ("mlp", "conv", "lenet"),
    batch_sizes: Sequence[int] = (1, 4, 16, 64, 256, TRAIN_EXAMPLES),
    seed: int = 0,
    *,
    replicates: int = 3,
    confirm_replicates: int = 5,
    noise: float = 0.1,
) -> SyntheticStudy:
    """A study of ``models``; the last is infeasible at the smallest batch size.

    One trial of the sweep failed: the first model's highest learning rate at its largest batch
    size, last replicate.
    """
    rng = np.random.default_rng(seed)
    planted = {
        model: Planted(30.0 + 10 * k, 60.0 * 2**k, 1.0 / 2**k, 20.0 * 2**k)
        for k, model in enumerate(models)
    }
    sizes = sorted(batch_sizes)
    reference = 64 if 64 in sizes else sizes[len(sizes) // 2]
    cells = [(m, b) for m in models for b in sizes if (m, b) != (models[-1], sizes[0])]
    sweep = [
        PlantedRace(planted[model], model, size, replicate, _grid(rng), "sweep", noise)
        for model, size in cells
        for replicate in range(replicates)
    ]
    carried = {cell: _rates(planted[cell[0]], cell[1], reference) for cell in cells}
    confirm = [
        PlantedRace(planted[m], m, b, replicate, sorted(set(rates.values())), "confirm", noise)
        for (m, b), rates in carried.items()
        for replicate in range(1000, 1000 + confirm_replicates)
    ]
    assigned = [
        (*cell, rule, rate, race.replicate, race.fingerprint, list(race.rates).index(rate))
        for race in confirm
        for cell in [(race.model, race.batch_size)]
        for rule, rate in carried[cell].items()
    ]
    sweep_trials, sweep_curves = _tables(rng, sweep)
    confirm_trials, confirm_curves = _tables(rng, confirm)
    sweep_trials, sweep_curves = _break_one(sweep_trials, sweep_curves, models[0])
    return SyntheticStudy(
        sweep_trials,
        sweep_curves,
        _cells(models, sizes, sweep_trials),
        confirm_trials,
        confirm_curves,
        _cells(models, sizes, confirm_trials),
        pd.DataFrame(assigned, columns=_ASSIGNMENT_COLUMNS),
        planted,
        reference,
    )


def _grid(rng: np.random.Generator) -> list[float]:
    """Log-spaced learning rates, shifted at random by less than a spacing."""
    shifted = (np.arange(POINTS) + rng.uniform()) / POINTS
    return [float(rate) for rate in BOX[0] * (BOX[1] / BOX[0]) ** shifted]


def _rates(truth: Planted, size: int, reference: int) -> dict[str, float]:
    tuned, carried, ratio = (
        truth.learning_rate(size),
        truth.learning_rate(reference),
        size / reference,
    )
    rates = (tuned, carried, carried * ratio, carried * math.sqrt(ratio))
    return dict(zip(RULES, rates, strict=True))


def _tables(
    rng: np.random.Generator, races: Sequence[PlantedRace]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, curves = [], []
    for race in races:
        of_race = race.tables(rng)
        rows += of_race[0]
        curves += of_race[1]
    trials = pd.DataFrame(rows).sort_values(_TRIAL_ORDER, ignore_index=True)
    evaluations = pd.concat(curves)[_CURVE_COLUMNS]
    return trials, evaluations.sort_values(_CURVE_COLUMNS[:3], ignore_index=True)


def _break_one(
    trials: pd.DataFrame, curves: pd.DataFrame, model: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Let a model's last trial fail before its first evaluation."""
    row = trials.index[trials["model"] == model][-1]
    key = trials.loc[row, ["fingerprint", "member"]]
    trials.loc[row, ["ended", "message"]] = ["failed", "RuntimeError: planted"]
    trials.loc[row, ["steps", "examples"]] = 0
    trials.loc[row, [name for name in trials if "_validation_" in name]] = np.nan
    own = (curves["fingerprint"] == key["fingerprint"]) & (curves["member"] == key["member"])
    return trials, curves[~own].reset_index(drop=True)


def _cells(models: Sequence[str], sizes: Sequence[int], trials: pd.DataFrame) -> pd.DataFrame:
    planned = trials.groupby(["model", "batch_size"]).size()
    rows = [
        (model, size, cell in planned.index, "" if cell in planned.index else INFEASIBLE, count)
        for model in models
        for size in sizes
        for cell in [(model, size)]
        for count in [int(planned.get(cell, 0))]
    ]
    return pd.DataFrame(rows, columns=["model", "batch_size", "feasible", "reason", "trials"])


def synthetic_settings() -> dict[str, Any]:
    """Those of the default study, with what the synthetic study was made with."""
    raw = YAML(typ="safe", pure=True).load(DEFAULTS.read_text(encoding="utf-8"))
    raw["models"] = ["mlp", "conv", "lenet"]
    raw["sweep"]["batch_sizes"] = [1, 4, 16, 64, 256, "full"]
    raw["sweep"]["learning_rates"] = {"low": BOX[0], "high": BOX[1], "points": 12}
    raw["sweep"]["goals"] = {"quantity": "error", "levels": [0.05, 0.10, 0.07]}
    raw["sweep"]["budget"] = {"epochs": float(EPOCHS), "min_steps": MIN_STEPS}
    raw["training"]["kernel"]["overrides"] = {}
    raw["confirm"] |= {"replicates": 5, "reference_batch_size": 64, "rules": list(RULES)}
    raw["analysis"]["confidence"] = 0.95
    return raw
