from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.estimates import Tables, estimates
from pipeline.figures import read_estimates
from pipeline.figures.probes import noise_scale, sharpness
from pipeline.figures.study import gather
from pipeline.probe_estimates import probe_estimates
from pipeline.probe_tables import stability_limit
from pipeline.settings import LearningRates, Settings
from pipeline.trial import Recipe, Trial
from tests.pipeline.planted import TRAIN_EXAMPLES
from tests.pipeline.synthetic import synthetic_settings, synthetic_study

STEPS = (0, 1, 10, 100, 1000)


def probes(
    signals: dict[str, tuple[float, ...]], *, model: str = "mlp", batch_size: int = 4
) -> pd.DataFrame:
    """Probes of some races, whose tr Σ is 12 and λ_max 3 throughout."""
    rows = [
        {
            "fingerprint": name, "member": 0, "model": model, "batch_size": batch_size,
            "replicate": place, "learning_rate": 0.5, "weight_decay": 0.1, "stability_limit": 2.0,
            "step": step, "group": 1, "signal": signal, "noise": 12.0, "largest_eigenvalue": 3.0,
            "keskar": math.nan,
        }
        for place, (name, along) in enumerate(signals.items())
        for step, signal in zip(STEPS, along, strict=False)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def observed(steps: dict[str, float | None], goal: float = 0.1) -> pd.DataFrame:
    return pd.DataFrame([
        {
            "fingerprint": name,
            "member": 0,
            "goal": goal,
            "kind": "censored" if at is None else "reached",
            "steps": math.nan if at is None else at,
        }
        for name, at in steps.items()
    ])


def found(table: pd.DataFrame, seen: pd.DataFrame) -> dict[str, Any]:
    made = probe_estimates(table, seen, 0.95)
    assert made is not None
    return made


def test_parts_are_averaged_before_they_are_divided() -> None:
    table = probes({"a": (1, 2, 4, 8, 16), "b": (3, 2, -1, -9, 16)})
    made = found(table, observed({"a": None, "b": None}))
    along = made["along"]
    assert [point["examples"] for point in along] == [4 * step for step in STEPS]
    assert [point["noise_scale"]["value"] for point in along] == [6, 6, 8, None, 0.75]
    assert [point["signal"]["value"] for point in along] == [2, 2, 1.5, -0.5, 16]
    assert along[0]["sharpness"]["value"] == pytest.approx(0.5 * (3 + 0.1))
    assert along[0]["keskar"]["value"] is None
    assert (made["group"], made["stability_limit"]) == (1, 2.0)


def test_a_replicate_that_ended_early_is_counted_as_long_as_it_lasts() -> None:
    along = found(probes({"a": (1,) * 5, "b": (3, 3)}), observed({}).reindex(columns=["goal"]))
    assert [point["replicates"] for point in along["along"]] == [2, 2, 1, 1, 1]


def test_goals_are_read_between_probes_in_log_steps() -> None:
    table = probes({"a": (1, 2, 4, 8, 16), "b": (1, 2, 4, 8, 16), "c": (1,) * 5})
    seen = pd.concat([
        observed({"a": math.sqrt(1000), "b": 100.0, "c": None}),
        observed({"a": None, "b": None, "c": None}, goal=0.05),
    ])
    first, hardest = found(table, seen)["goals"]
    assert (first["goal"], first["replicates"]) == (0.1, 2)
    assert first["signal"]["value"] == pytest.approx((6 + 8) / 2)
    assert first["noise_scale"]["value"] == pytest.approx(12 / 7)
    assert (hardest["goal"], hardest["replicates"]) == (0.05, 0)
    assert hardest["noise_scale"] == {"value": None, "low": None, "high": None}


def test_nothing_probed_is_nothing_estimated() -> None:
    assert probe_estimates(None, observed({"a": 3.0}), 0.95) is None
    assert probe_estimates(probes({}), observed({"a": 3.0}), 0.95) is None


@pytest.mark.parametrize(
    ("momentum", "nesterov", "limit"), [(0.0, False, 2), (0.9, False, 3.8), (0.5, True, 1.5)]
)
def test_the_stability_limit_is_where_descent_on_a_parabola_breaks(
    momentum: float, nesterov: bool, limit: float, recipe: Recipe
) -> None:
    from dataclasses import replace

    shared = replace(recipe, nesterov=nesterov)
    assert stability_limit(Trial("mlp", 1, 0, 0.1, momentum), shared) == pytest.approx(limit)
    for factor, ends in ((0.99, True), (1.01, False)):
        x = np.float64(1.0)
        velocity = 0.0
        for _ in range(4000):
            gradient = factor * limit * x
            velocity = momentum * velocity + gradient
            x = x - (gradient + momentum * velocity if nesterov else velocity)
        assert (abs(x) < 1) == ends
    assert math.isnan(stability_limit(Trial("mlp", 1, 0, 0.1), replace(shared, optimiser="adamw")))


@pytest.fixture(scope="module")
def document() -> tuple[dict[str, Any], Tables]:
    study = synthetic_study()
    tuned = study.assignments[study.assignments["rule"] == "tuned"]
    table = pd.concat([
        probes({name: (1.0, 2.0, 1.0, 0.5, -0.1) for name in part["fingerprint"]},
               model=str(model), batch_size=int(size))
        for (model, size), part in tuned.groupby(["model", "batch_size"])
    ])  # fmt: skip
    tables = Tables(
        study.sweep_trials, study.sweep_curves, study.sweep_cells,
        study.confirm_trials, study.confirm_curves, study.assignments, table,
    )  # fmt: skip
    settings = Settings.model_validate(synthetic_settings())
    made = estimates(tables, settings, dataset="synthetic", train_examples=TRAIN_EXAMPLES)
    return made, tables


def test_estimates_hold_the_probes_of_every_cell(
    document: tuple[dict[str, Any], Tables],
) -> None:
    made, _ = document
    json.dumps(made, allow_nan=False)
    for model in made["models"].values():
        for cell in model["cells"]:
            assert (cell["probes"] is not None) == cell["feasible"]
            if cell["probes"]:
                assert len(cell["probes"]["along"]) == len(STEPS)
                assert [goal["goal"] for goal in cell["probes"]["goals"]] == made["goals"]


def test_figures_draw_every_cell_or_say_why_not(
    document: tuple[dict[str, Any], Tables],
) -> None:
    made, tables = document
    box = LearningRates(low=0.003, high=10.0, points=12)
    study = gather(read_estimates(made), tables, box)
    for draw in (noise_scale, sharpness):
        figure = draw(study)
        assert figure.reason == ""
        assert "<svg" in figure.svg()
        assert "mlp at batch size 4: " in figure.summary
    assert "not resolved at the end" in noise_scale(study).summary
    for model in made["models"].values():
        for cell in model["cells"]:
            cell["probes"] = None
    assert "confirm.probes" in noise_scale(gather(read_estimates(made), tables, box)).reason
