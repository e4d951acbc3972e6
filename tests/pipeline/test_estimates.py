from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.estimates import Tables, estimates
from pipeline.settings import Settings
from tests.pipeline.planted import GOALS, TRAIN_EXAMPLES
from tests.pipeline.synthetic import RULES, SyntheticStudy, synthetic_settings, synthetic_study


@pytest.fixture(scope="module")
def study() -> SyntheticStudy:
    return synthetic_study()


def tables(study: SyntheticStudy) -> Tables:
    return Tables(
        study.sweep_trials,
        study.sweep_curves,
        study.sweep_cells,
        study.confirm_trials,
        study.confirm_curves,
        study.assignments,
    )


def document(of: Tables, **confirm: object) -> dict[str, Any]:
    raw = synthetic_settings()
    raw["confirm"].update(confirm)
    settings = Settings.model_validate(raw)
    return estimates(of, settings, dataset="synthetic", train_examples=TRAIN_EXAMPLES)


@pytest.fixture(scope="module")
def made(study: SyntheticStudy) -> dict[str, Any]:
    return document(tables(study))


def cell(made: dict[str, Any], model: str, batch_size: int) -> dict[str, Any]:
    (found,) = [c for c in made["models"][model]["cells"] if c["batch_size"] == batch_size]
    return found


def numbers(part: Any) -> list[float]:
    if isinstance(part, dict):
        return [number for value in part.values() for number in numbers(value)]
    if isinstance(part, list):
        return [number for value in part for number in numbers(value)]
    return [part] if isinstance(part, float) else []


def test_the_document_says_what_it_is_about(made: dict[str, Any]) -> None:
    head = {name: value for name, value in made.items() if name not in {"models", "verdicts"}}
    assert head == {
        "schema": 2,
        "dataset": "synthetic",
        "confidence": 0.95,
        "quantity": "error",
        "goals": [0.1, 0.07, 0.05],
        "train_examples": TRAIN_EXAMPLES,
        "epochs": 20.0,
        "reference_batch_size": 64,
    }
    assert list(made["models"]) == ["mlp", "conv", "lenet"]


def test_full_is_the_training_split(study: SyntheticStudy) -> None:
    made = document(tables(study), reference_batch_size="full")
    assert made["reference_batch_size"] == TRAIN_EXAMPLES


def test_the_planted_truth_is_inside_most_intervals(
    study: SyntheticStudy, made: dict[str, Any]
) -> None:
    """17 cells: of 95 % intervals, fewer than 13 cover in 1 study of 1,000."""
    steps, rates = 0, 0
    for model, truth in study.planted.items():
        for found in made["models"][model]["cells"]:
            if not found["feasible"]:
                continue
            size = found["batch_size"]
            hardest = found["goals"][-1]
            assert hardest["goal"] == GOALS[-1]
            steps += hardest["steps"]["low"] <= truth.steps(size) <= hardest["steps"]["high"]
            tuned = found["tuned_learning_rate"]
            rates += tuned["low"] <= truth.learning_rate(size) <= tuned["high"]
    assert steps >= 13
    assert rates >= 13


def test_the_planted_trade_off_is_found_at_every_goal(
    study: SyntheticStudy, made: dict[str, Any]
) -> None:
    for model, truth in study.planted.items():
        fits = made["models"][model]["trade_off"]
        assert [fit["goal"] for fit in fits] == [0.1, 0.07, 0.05]
        for fit in fits:
            assert fit["resolved"]
            assert fit["points"] == (5 if model == "lenet" else 6)
            assert list(fit["b_crit"]) == ["hyperbola", "overhead20", "slope_half"]
            critical = fit["b_crit"]["hyperbola"]
            assert critical["bound"] is None
            assert critical["value"] == pytest.approx(truth.b_crit, rel=0.2)
            fewest, examples = fit["s_min"]["value"], fit["e_min"]["value"]
            assert examples == pytest.approx(fewest * critical["value"])
            assert fewest == pytest.approx(truth.steps(10**9, fit["goal"]), rel=0.2)
            assert fit["b_crit"]["slope_half"]["low"] < truth.b_crit
            assert fit["b_crit"]["overhead20"]["high"] > truth.b_crit / 5


def test_examples_are_steps_times_batch_size(made: dict[str, Any]) -> None:
    for goal in cell(made, "conv", 16)["goals"]:
        for part in ("value", "low", "high"):
            assert goal["examples"][part] == pytest.approx(16 * goal["steps"][part])
        assert (goal["reached"], goal["replicates"], goal["missing"]) == (5, 5, 0)


def test_an_infeasible_cell_keeps_its_place_and_its_reason(made: dict[str, Any]) -> None:
    found = cell(made, "lenet", 1)
    assert found["feasible"] is False
    assert found["reason"].startswith("BatchNorm")
    assert found["tuned_learning_rate"] is None
    assert (found["goals"], found["plain"], found["final"]) == ([], {}, {})
    assert set(found["ended"].values()) == {0}


def test_every_trial_of_the_sweep_is_counted_by_how_it_ended(
    study: SyntheticStudy, made: dict[str, Any]
) -> None:
    counted = [c["ended"] for model in made["models"].values() for c in model["cells"]]
    assert sum(sum(ended.values()) for ended in counted) == len(study.sweep_trials)
    assert cell(made, "mlp", TRAIN_EXAMPLES)["ended"]["failed"] == 1


def test_confirmed_is_the_rate_that_was_trained(
    study: SyntheticStudy, made: dict[str, Any]
) -> None:
    trained = study.assignments.query("model == 'mlp' and batch_size == 4 and rule == 'tuned'")
    confirmed = cell(made, "mlp", 4)["tuned_learning_rate"]["confirmed"]
    assert confirmed == pytest.approx(trained["learning_rate"].unique().item())


def test_the_plain_picture_is_made_of_every_rules_replicates(
    study: SyntheticStudy, made: dict[str, Any]
) -> None:
    for moment, column in (("plain", "epoch_steps"), ("final", "max_steps")):
        found = cell(made, "mlp", 256)[moment]
        assert list(found) == list(RULES)
        chosen = study.assignments.query("model == 'mlp' and batch_size == 256").merge(
            study.confirm_trials[["fingerprint", "member", column]]
        )
        for rule in ("tuned", "constant"):
            at = chosen[chosen["rule"] == rule].merge(
                study.confirm_curves,
                left_on=["fingerprint", "member", column],
                right_on=["fingerprint", "member", "step"],
            )
            for measure in ("validation_error", "test_error", "validation_loss"):
                assert found[rule][measure]["value"] == pytest.approx(at[measure].mean())
            assert (found[rule]["replicates"], found[rule]["diverged"]) == (5, 0)
    diverged = cell(made, "mlp", 1)["plain"]["constant"]
    assert (diverged["replicates"], diverged["diverged"]) == (5, 5)
    assert diverged["test_error"] == {"value": None, "low": None, "high": None}


def test_rules_share_the_trial_of_the_reference(made: dict[str, Any]) -> None:
    plain = cell(made, "mlp", 64)["plain"]
    assert plain["tuned"] == plain["constant"] == plain["linear"] == plain["sqrt"]


def test_a_straggler_leaves_a_bound_and_leaves_the_fit(study: SyntheticStudy) -> None:
    """One replicate at batch size 4 diverges late: between its easiest goal and the next."""
    key = study.assignments.query(
        "model == 'mlp' and batch_size == 4 and rule == 'tuned' and replicate == 1001"
    )[["fingerprint", "member"]].iloc[0]
    trials, curves = study.confirm_trials.copy(), study.confirm_curves.copy()
    own = (trials["fingerprint"] == key["fingerprint"]) & (trials["member"] == key["member"])
    trials.loc[own, "ended"] = "diverged"
    own = (curves["fingerprint"] == key["fingerprint"]) & (curves["member"] == key["member"])
    curves = curves[~own | (curves["validation_error"] > GOALS[1])]
    made = document(replace(tables(study), confirm_trials=trials, confirm_curves=curves))
    easy, *harder = cell(made, "mlp", 4)["goals"]
    assert easy["reached"] == 5
    assert easy["steps"]["value"] is not None
    for goal in harder:
        assert (goal["reached"], goal["replicates"]) == (4, 5)
        assert (goal["steps"]["value"], goal["steps"]["high"]) == (None, None)
        assert goal["steps"]["low"] > 0
    fits = made["models"]["mlp"]["trade_off"]
    assert [fit["points"] for fit in fits] == [6, 5, 5]
    assert fits[-1]["reason"] == "batch size 4 left out: 1 of 5 replicates diverged"
    assert cell(made, "mlp", 4)["plain"]["tuned"]["diverged"] == 1


def test_a_failed_replicate_is_counted_as_missing(study: SyntheticStudy) -> None:
    key = study.assignments.query("model == 'conv' and batch_size == 16 and rule == 'tuned'")
    trials = study.confirm_trials.copy()
    own = trials["fingerprint"].eq(key["fingerprint"].iloc[0]) & trials["member"].eq(
        key["member"].iloc[0]
    )
    trials.loc[own, "ended"] = "failed"
    found = cell(document(replace(tables(study), confirm_trials=trials)), "conv", 16)
    for part in [*found["goals"], found["plain"]["tuned"], found["final"]["tuned"]]:
        assert (part["replicates"], part["missing"]) == (4, 1)
    assert found["goals"][-1]["steps"]["value"] is not None


def test_cells_that_confirm_left_out_have_no_goals(study: SyntheticStudy) -> None:
    kept = study.assignments.query("model != 'mlp' or batch_size > 16")
    made = document(replace(tables(study), assignments=kept))
    found = cell(made, "mlp", 4)
    assert (found["goals"], found["plain"]) == ([], {})
    assert found["tuned_learning_rate"]["confirmed"] is None
    assert found["tuned_learning_rate"]["value"] is not None
    assert made["models"]["mlp"]["trade_off"][-1]["points"] == 3


def test_one_batch_size_and_one_replicate_are_enough_to_get_a_document() -> None:
    small = synthetic_study(("mlp", "other"), (16,), replicates=1, confirm_replicates=1)
    made = document(tables(small))
    assert made["models"]["mlp"]["trade_off"][-1]["resolved"] is False
    goal = cell(made, "mlp", 16)["goals"][-1]
    assert goal["steps"]["low"] is None
    assert goal["steps"]["value"] == pytest.approx(small.planted["mlp"].steps(16), rel=0.5)
    assert made["models"]["conv"]["cells"] == []
    assert made["models"]["conv"] == made["models"]["lenet"]
    json.dumps(made, allow_nan=False)


def test_no_number_is_nan_infinite_or_a_numpy_type(made: dict[str, Any]) -> None:
    json.dumps(made, allow_nan=False)  # refuses numpy's types too
    assert all(math.isfinite(number) for number in numbers(made))
    assert len(numbers(made)) > 500


def test_the_order_of_rows_moves_no_byte(study: SyntheticStudy, made: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    shuffled = Tables(**{
        name: table.sample(frac=1, random_state=int(rng.integers(99)))
        for name, table in vars(tables(study)).items()
        if table is not None
    })
    assert json.dumps(document(shuffled)) == json.dumps(made)
