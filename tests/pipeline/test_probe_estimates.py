from __future__ import annotations

import json
import math
import re
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.estimates import Tables, estimates
from pipeline.figures import Figure, read_estimates
from pipeline.figures.probes import noise_scale, sharpness
from pipeline.figures.study import gather
from pipeline.outcome import Ended, ProbeRow, RaceResult, TrialResult
from pipeline.probe_estimates import probe_estimates
from pipeline.probe_tables import probes_table, stability_limit
from pipeline.schedules import Schedule
from pipeline.settings import LearningRates, Settings
from pipeline.tracking.projection import project
from pipeline.tracking.runs import Data, Study
from pipeline.trial import Race, Recipe, Trial
from tests.pipeline.mirrored import curve
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


def test_replicates_whose_noise_scale_is_unknown_are_not_counted() -> None:
    known, unknown = (1.0, 2.0, 4.0), (math.nan,) * 3
    table = probes({"a": known, **dict.fromkeys("bcde", unknown)})
    made = found(table, observed({"a": 5.0, "b": 5.0, "c": 500.0}))
    assert [point["replicates"] for point in made["along"]] == [1, 1, 1]
    assert made["goals"][0]["replicates"] == 1
    beyond = found(table, observed({"a": 500.0}))["goals"][0]
    assert (beyond["replicates"], beyond["noise_scale"]["value"]) == (0, None)


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


@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_the_last_probe_has_the_rate_of_the_last_step(warmup: float, recipe: Recipe) -> None:
    """No step follows the budget, whose factor would be 0 here."""
    steps = (0, 10, 19, 20)
    decaying = replace(recipe, schedule="cosine", warmup=warmup, final=0.0, max_steps=20)
    race = Race("f", (Trial("mlp", 4, 0, 0.5),), decaying, "confirm")
    rows = tuple(ProbeRow(step, 1, 1.0, 12.0, 3.0, 0.0, 1, math.nan, "") for step in steps)
    trial = TrialResult(Ended.EXHAUSTED, curve(), "", probes=rows)
    result = RaceResult(race, (trial,), 1.0, 1.0, {})
    schedule = Schedule.of(decaying)
    rates = [0.5 * schedule.factor(step) for step in (0, 10, 19, 19)]
    assert rates[-1] > 0
    assert probes_table([result], "d")["learning_rate"].tolist() == rates
    (run,) = project(result, Study(Data("digits", "d1"), "confirm", None))
    assert [p.value for p in run.points if p.key == "sharpness"] == [3.0 * rate for rate in rates]


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
    unprobed = deepcopy(made)
    for model in unprobed["models"].values():
        for cell in model["cells"]:
            cell["probes"] = None
    assert "confirm.probes" in noise_scale(gather(read_estimates(unprobed), tables, box)).reason


def noise_scales_of(made: dict[str, Any], tables: Tables, *found: dict[str, Any]) -> Figure:
    """The figure where every cell's probes after the first found this and nothing else."""
    changed = deepcopy(made)
    for model in changed["models"].values():
        for probed in filter(None, (cell["probes"] for cell in model["cells"])):
            probed["along"] = [
                {**point, "noise_scale": dict.fromkeys(("value", "low", "high")) | one}
                for point, one in zip(probed["along"][1:], found, strict=False)
            ]
    box = LearningRates(low=0.003, high=10.0, points=12)
    return noise_scale(gather(read_estimates(changed), tables, box))


def test_a_noise_scale_without_upper_limit_is_not_drawn_as_resolved(
    document: tuple[dict[str, Any], Tables],
) -> None:
    figure = noise_scales_of(
        *document,
        {"value": 20.0, "low": 0.0, "high": 50.0},
        {"value": 35.7, "low": 12.0},
        {"value": 36.7},
        {"low": 14.0},
    )
    spec: Any = figure.specification
    drawn: dict[str, set[float]] = {}
    for layer in (layer for panel in spec["concat"] for layer in panel["layer"]):
        field = layer["encoding"]["y"]["field"]
        key = "bar" if "y2" in layer["encoding"] else layer["mark"].get("shape", field)
        rows = spec["datasets"][layer["data"]["name"]]
        drawn.setdefault(key, set()).update(row[field] for row in rows if row[field] is not None)
    assert drawn["value"] == {20.0}
    assert drawn["triangle-up"] == {12.0, 14.0}
    assert len(drawn["bar"]) == 1
    assert 0 < min(drawn["bar"]) < 12  # a limit of 0 is off the axis, and its bar ends there
    assert "mlp at batch size 4: at least 14 at the end" in figure.summary
    assert not re.search(r"NaN|Infinity|undefined|null", figure.svg())
    assert "a hollow triangle is then its lower one" in figure.caption


def test_noise_scales_that_no_probe_resolves_are_not_said_to_be_unmeasured(
    document: tuple[dict[str, Any], Tables],
) -> None:
    figure = noise_scales_of(*document, {"value": 35.7}, {"value": 35.7, "low": 0.0})
    assert figure.chart is None
    assert "at no probe is it resolved" in figure.reason
