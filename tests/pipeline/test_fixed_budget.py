from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from pipeline.fixed_budget import MEASURES, at_landmark, mean_of
from pipeline.intervals import UNKNOWN, Interval
from tests.pipeline.synthetic import synthetic_study


def one(ended: str, steps: list[int], *, broken: bool = False) -> pd.Series:
    """One trial with landmark 20 and budget 40; its errors are steps per cent."""
    trials = pd.DataFrame([
        {"fingerprint": "f", "member": 0, "ended": ended, "epoch_steps": 20, "max_steps": 40}
    ])
    step = np.array(steps, dtype=np.int64)
    curves = pd.DataFrame({
        "fingerprint": "f",
        "member": np.zeros(len(step), dtype=np.int64),
        "step": step,
        **dict.fromkeys([*MEASURES, "train_loss"], step / 100),
    })
    if broken:
        curves.loc[len(curves) - 1, "validation_loss"] = math.nan
    found = at_landmark(trials, curves, "epoch_steps")
    assert len(found) == 1
    return found.iloc[0]


def test_every_trial_is_read_at_its_own_landmark() -> None:
    study = synthetic_study(models=("mlp", "conv"), batch_sizes=(16, 256))
    trials, curves = study.confirm_trials, study.confirm_curves
    for landmark in ("epoch_steps", "max_steps"):
        found = at_landmark(trials, curves, landmark)
        assert found["fingerprint"].tolist() == trials["fingerprint"].tolist()
        assert found["member"].tolist() == trials["member"].tolist()
        for (_, trial), row in zip(trials.iterrows(), found.itertuples(), strict=True):
            key = (curves["fingerprint"] == row.fingerprint) & (curves["member"] == row.member)
            at = curves[key & (curves["step"] == trial[landmark])]
            assert row.kind == ("diverged" if trial["ended"] == "diverged" else "measured")
            if row.kind == "measured":
                expected = [at[measure].item() for measure in MEASURES]
                assert [getattr(row, measure) for measure in MEASURES] == expected


@pytest.mark.parametrize(
    ("ended", "steps", "broken", "kind", "error"),
    [
        ("exhausted", [0, 10, 20, 40], False, "measured", 0.2),
        ("exhausted", [0, 10, 40], False, "measured", 0.1),  # no evaluation at the landmark
        ("diverged", [0, 10, 20, 30], True, "measured", 0.2),  # later
        ("diverged", [0, 10, 20], True, "diverged", math.nan),  # found there
        ("diverged", [0, 10], True, "diverged", math.nan),
        ("failed", [0, 10, 20, 30], False, "missing", math.nan),
        ("out_of_memory", [], False, "missing", math.nan),
    ],
)
def test_how_a_trial_ended_and_when_decides_what_it_says(
    ended: str, steps: list[int], broken: bool, kind: str, error: float
) -> None:
    found = one(ended, steps, broken=broken)
    assert found["kind"] == kind
    np.testing.assert_equal(found[list(MEASURES)].to_numpy(dtype=float), [error] * 3)


def test_the_interval_of_an_error_stays_between_0_and_1_and_that_of_a_loss_does_not() -> None:
    values = np.array([0.001, 0.002, 0.05, math.nan])
    found = pd.DataFrame(dict.fromkeys(MEASURES, values))
    error, loss = (mean_of(name, found, 0.99) for name in ("test_error", "validation_loss"))
    assert (error.value, error.low) == (pytest.approx(0.053 / 3), 0.0)
    assert loss.low < 0
    assert loss.high == error.high
    near_one = mean_of("test_error", 1 - found, 0.99)
    assert near_one.high == 1.0


def test_errors_that_are_all_equal_say_nothing_of_how_they_scatter() -> None:
    """Two survivors that took every image for the same digit are no interval of no width."""
    found = pd.DataFrame(dict.fromkeys(MEASURES, np.array([0.796, 0.796, math.nan])))
    assert mean_of("test_error", found, 0.95) == Interval(0.796, None, None)
    assert mean_of("validation_loss", found, 0.95) == Interval(0.796, 0.796, 0.796)


def test_replicates_that_all_diverged_have_no_mean() -> None:
    found = pd.DataFrame(dict.fromkeys(MEASURES, np.array([math.nan] * 3)))
    assert mean_of("test_error", found, 0.95) == UNKNOWN
    assert mean_of("test_error", found.iloc[:0], 0.95) == UNKNOWN
    found.loc[0, "test_error"] = 0.25
    assert mean_of("test_error", found, 0.95) == Interval(0.25, None, None)
