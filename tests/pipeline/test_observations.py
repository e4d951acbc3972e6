from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.observations import observations, sound
from pipeline.outcome import Ended
from tests.pipeline.synthetic import SyntheticStudy, synthetic_study

Evaluations = Sequence[tuple[int, float]]


@pytest.fixture(scope="module")
def study() -> SyntheticStudy:
    return synthetic_study()


def tables(*trials: tuple[str, Evaluations]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trials of one race, given how they ended and their validation errors by step."""
    rows = [
        {
            "model": "mlp",
            "batch_size": 4,
            "replicate": 0,
            "learning_rate": 0.1 * (member + 1),
            "origin": "grid",
            "ended": ended,
            "steps": evaluations[-1][0] if evaluations else 0,
            "fingerprint": "f",
            "member": member,
        }
        for member, (ended, evaluations) in enumerate(trials)
    ]
    points = [
        {
            "fingerprint": "f",
            "member": member,
            "step": step,
            "validation_error": value,
            "validation_loss": 10 * value,
            "train_loss": value if step else math.nan,
        }
        for member, (_, evaluations) in enumerate(trials)
        for step, value in evaluations
    ]
    columns = ["fingerprint", "member", "step", "validation_error", "validation_loss", "train_loss"]
    return pd.DataFrame(rows), pd.DataFrame(points, columns=columns)


def one(ended: str, evaluations: Evaluations, goal: float = 0.1) -> pd.Series:
    return observations(*tables((ended, evaluations)), quantity="error", goals=[goal]).iloc[0]


def observed_by_estimand_1(
    trial: pd.Series, curve: pd.DataFrame, column: str, goal: float
) -> tuple[str, float, float, float]:
    """docs/science.md, estimand 1, one evaluation at a time: kind, steps, low, high."""
    if trial["ended"] in {"failed", "out_of_memory"}:
        return "missing", math.nan, math.nan, math.nan
    before = None
    for row in curve.itertuples():
        finite = math.isfinite(row.validation_loss)
        value = getattr(row, column) if finite else math.inf
        if value <= goal:
            low = before.step if before else 0
            if before is None:
                return "reached", max(row.step, 1), low, max(row.step, 1)
            above = getattr(before, column)
            share = (above - goal) / (above - value)
            start, end = math.log(max(low, 1)), math.log(row.step)
            return "reached", math.exp(start + share * (end - start)), low, row.step
        before = row
    if trial["ended"] == "diverged":
        return "infinite", math.inf, math.inf, math.inf
    return "censored", trial["steps"], trial["steps"], math.inf


@pytest.mark.parametrize(("quantity", "scale"), [("error", 1.0), ("loss", 2.3 / 0.9)])
def test_a_slow_twin_observes_the_same(study: SyntheticStudy, quantity: str, scale: float) -> None:
    goals = [goal * scale for goal in study.goals]
    found = observations(study.sweep_trials, study.sweep_curves, quantity=quantity, goals=goals)
    curves = dict(list(study.sweep_curves.groupby(["fingerprint", "member"])))
    empty = study.sweep_curves.iloc[:0]
    expected = [
        observed_by_estimand_1(
            trial,
            curves.get((trial["fingerprint"], trial["member"]), empty),
            f"validation_{quantity}",
            goal,
        )
        for goal in goals
        for _, trial in study.sweep_trials.iterrows()
    ]
    assert found["kind"].tolist() == [kind for kind, *_ in expected]
    numbers = np.array([numbers for _, *numbers in expected], dtype=float)
    np.testing.assert_allclose(found[["steps", "low", "high"]], numbers, rtol=1e-12)
    assert found["kind"].nunique() == 4  # the planted study shows every kind


def test_planted_steps_are_found_between_evaluations() -> None:
    """Without noise; evaluations are 10 % apart, interpolation leaves 2 % at the fewest steps."""
    study = synthetic_study(noise=0.0)
    found = observations(
        study.confirm_trials, study.confirm_curves, quantity="error", goals=study.goals
    ).merge(study.assignments.query("rule == 'tuned'")[["fingerprint", "member"]])
    truth = [study.planted[row.model].steps(row.batch_size, row.goal) for row in found.itertuples()]
    assert len(found) == 17 * 5 * 3
    assert (found["kind"] == "reached").all()
    assert ((found["low"] < truth) & (truth <= found["high"])).all()
    np.testing.assert_allclose(found["steps"], truth, rtol=0.02)


def test_no_trial_is_dropped_and_rows_keep_the_order_of_trials(study: SyntheticStudy) -> None:
    trials = study.sweep_trials.sample(frac=1, random_state=1)
    found = observations(trials, study.sweep_curves, quantity="error", goals=study.goals)
    assert found["goal"].tolist() == [g for g in study.goals for _ in range(len(trials))]
    assert found["learning_rate"].tolist() == trials["learning_rate"].tolist() * 3
    assert (found["kind"] == "missing").sum() == 3  # the failed trial, once a goal


def test_the_order_of_evaluations_does_not_matter(study: SyntheticStudy) -> None:
    shuffled = study.sweep_curves.sample(frac=1, random_state=2)
    first, second = (
        observations(study.sweep_trials, curves, quantity="error", goals=study.goals)
        for curves in (study.sweep_curves, shuffled)
    )
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize(
    ("ended", "kind", "numbers"),
    [
        (Ended.EXHAUSTED, "censored", (20, 20, math.inf)),
        (Ended.OUTRACED, "censored", (20, 20, math.inf)),
        (Ended.REACHED, "censored", (20, 20, math.inf)),  # an easier goal than this one
        (Ended.DIVERGED, "infinite", (math.inf,) * 3),
        (Ended.OUT_OF_MEMORY, "missing", (math.nan,) * 3),
        (Ended.FAILED, "missing", (math.nan,) * 3),
    ],
)
def test_a_goal_not_reached_is_observed_by_how_the_trial_ended(
    ended: Ended, kind: str, numbers: tuple[float, ...]
) -> None:
    seen = one(ended, [(0, 0.9), (10, 0.5), (20, 0.2)])
    assert seen["kind"] == kind
    np.testing.assert_equal(seen[["steps", "low", "high"]].to_numpy(dtype=float), numbers)


@pytest.mark.parametrize("ended", [Ended.FAILED, Ended.OUT_OF_MEMORY])
def test_a_failed_trial_is_missing_whatever_its_curve_shows(ended: Ended) -> None:
    assert one(ended, [(0, 0.9), (10, 0.1)])["kind"] == "missing"


def test_an_outpaced_trial_is_censored_where_its_race_would_have_ended() -> None:
    """Per goal: four times the evaluation at which the first had reached it, the budget at most."""
    trials, curves = tables(
        ("reached", [(0, 0.9), (10, 0.2), (30, 0.05)]),
        ("outpaced", [(0, 0.9), (10, 0.8), (30, 0.15)]),
        ("outraced", [(0, 0.9), (10, 0.8), (30, 0.7)]),
    )
    trials = trials.assign(race=4.0, max_steps=100)
    goals = [0.15, 0.3, 0.05, 0.01]
    seen = observations(trials, curves, quantity="error", goals=goals).set_index(["goal", "member"])
    assert seen.loc[(0.15, 1), "kind"] == "reached", "a goal that its own curve shows"
    judged = seen.loc[[(0.05, 1), (0.01, 1)]]
    assert judged["kind"].tolist() == ["censored"] * 2
    assert judged["low"].tolist() == judged["steps"].tolist() == [100, 30], "nobody reached 0.01"
    assert seen.loc[(0.05, 2), "low"] == 30, "outraced trials are censored where they stopped"
    generous = observations(
        trials.assign(max_steps=1000), curves, quantity="error", goals=[0.05]
    ).set_index("member")
    assert generous.loc[1, "low"] == 4 * 30
    easier = tables(
        ("reached", [(0, 0.9), (10, 0.25), (40, 0.05)]),
        ("outpaced", [(0, 0.9), (10, 0.8), (40, 0.5)]),
    )
    found = observations(
        easier[0].assign(race=3.0, max_steps=1000), easier[1], quantity="error", goals=[0.3, 0.05]
    )
    assert found["low"].tolist()[1::2] == [40, 120], "never less than the steps it took"


@pytest.mark.parametrize("ended", [Ended.DIVERGED, Ended.OUTRACED, Ended.EXHAUSTED])
def test_what_comes_after_a_goal_does_not_take_it_back(ended: Ended) -> None:
    seen = one(ended, [(0, 0.9), (10, 0.1), (20, 0.8)])
    assert (seen["kind"], seen["steps"], seen["high"]) == ("reached", 10, 10)


def test_the_first_of_two_crossings_counts() -> None:
    seen = one("reached", [(0, 0.9), (4, 0.2), (8, 0.1), (16, 0.3), (32, 0.05)])
    assert (seen["low"], seen["high"]) == (4, 8)


@pytest.mark.parametrize(
    ("evaluations", "expected"),
    [
        ([(0, 0.9), (1, 0.05)], (0, 1, 1)),
        ([(0, 0.15), (100, 0.05)], (0, 10, 100)),  # half way from 1 to 100 in log steps
        ([(0, 0.05), (1, 0.04)], (0, 1, 1)),  # a goal that holds before training
        ([(7, 0.05)], (0, 7, 7)),
        ([(0, 0.9), (5, math.nan), (10, 0.05)], (5, 10, 10)),  # nothing to interpolate from
    ],
)
def test_the_beginning_of_a_curve(
    evaluations: Evaluations, expected: tuple[float, float, float]
) -> None:
    seen = one("reached", evaluations)
    assert seen["kind"] == "reached"
    assert (seen["low"], seen["steps"], seen["high"]) == pytest.approx(expected)


def test_an_error_beside_a_loss_that_is_not_finite_is_no_measurement() -> None:
    trials, curves = tables(("diverged", [(0, 0.9), (10, 0.8), (20, 0.05)]))
    curves.loc[2, "validation_loss"] = math.nan
    seen = observations(trials, curves, quantity="error", goals=[0.1])
    assert seen.loc[0, "kind"] == "infinite"
    curves.loc[2, ["validation_loss", "train_loss"]] = [0.5, math.inf]
    assert sound(curves).tolist() == [True, True, False]


@given(
    steps=st.lists(st.integers(1, 10**7), min_size=2, max_size=20, unique=True).map(sorted),
    slope=st.floats(0.01, 10.0),
    at=st.floats(0.0, 1.0),
)
def test_a_value_linear_in_log_steps_is_interpolated_exactly(
    steps: list[int], slope: float, at: float
) -> None:
    first, last = math.log(steps[0]), math.log(steps[-1])
    crossing = first + at * (last - first)
    curve = [(step, 100 - slope * math.log(step)) for step in steps]
    seen = one("exhausted", curve, goal=100 - slope * crossing + 1e-12)
    assert seen["kind"] == "reached"
    assert seen["steps"] == pytest.approx(math.exp(crossing), rel=1e-6)


@given(
    values=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30),
    goals=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4),
)
def test_harder_goals_take_no_fewer_steps(values: list[float], goals: list[float]) -> None:
    curve = [(0, 1.0), *((3 * i + 3, value) for i, value in enumerate(values))]
    goals = sorted(goals, reverse=True)
    seen = observations(*tables(("exhausted", curve)), quantity="error", goals=goals)
    assert np.all(np.diff(seen["steps"]) >= -1e-9)
    assert ((seen["low"] <= seen["steps"]) & (seen["steps"] <= seen["high"])).all()
    assert (seen["steps"] >= 1).all()


def test_curves_of_other_trials_are_ignored(study: SyntheticStudy) -> None:
    few = study.sweep_trials.iloc[5:8]
    alone = observations(few, study.sweep_curves, quantity="error", goals=[0.05])
    among = observations(study.sweep_trials, study.sweep_curves, quantity="error", goals=[0.05])
    pd.testing.assert_frame_equal(alone, among.iloc[5:8].reset_index(drop=True))


def test_tables_without_rows_have_no_observations(study: SyntheticStudy) -> None:
    none = observations(
        study.sweep_trials.iloc[:0], study.sweep_curves, quantity="error", goals=[0.05, 0.1]
    )
    assert len(none) == 0
    assert "steps" in none


def test_doubled_rows_are_refused() -> None:
    trials, curves = tables(("exhausted", [(0, 0.9), (1, 0.8)]))
    with pytest.raises(ValueError, match="a trial twice"):
        observations(pd.concat([trials] * 2), curves, quantity="error", goals=[0.1])
    with pytest.raises(ValueError, match="an evaluation twice"):
        observations(trials, pd.concat([curves] * 2), quantity="error", goals=[0.1])
