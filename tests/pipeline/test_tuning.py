from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.tuning import tuned_learning_rates
from tests.pipeline.synthetic import BOX, SyntheticStudy, synthetic_study

GOAL = 0.05
Row = tuple[float, str, int]  # learning rate, ended, steps


def tuned(trials: pd.DataFrame, curves: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    return tuned_learning_rates(
        trials, curves, quantity="error", goal=GOAL, box=BOX, confidence=confidence
    )


def tables(*replicates: Sequence[Row], losses: Sequence[float] = ()) -> tuple[pd.DataFrame, ...]:
    """One cell. A trial that reached the goal did so at its steps, at no interpolation."""
    given_losses = iter(losses)
    rows, points = [], []
    for replicate, trials in enumerate(replicates):
        for member, (rate, ended, steps) in enumerate(trials):
            key = {"fingerprint": f"r{replicate}", "member": member}
            loss = next(given_losses, 1.0)
            cell = {"model": "mlp", "batch_size": 16, "replicate": replicate, "origin": "grid"}
            cell |= {"momentum": 0.0, "weight_decay": 0.0}
            outcome = {"ended": ended, "steps": steps, "last_validation_loss": loss}
            rows.append({**cell, "learning_rate": rate, **outcome, **key})
            errors = [0.9, GOAL if ended == "reached" else 0.8] if ended != "failed" else []
            points += [
                {**key, "step": step, "validation_error": error, "validation_loss": 1.0}
                for step, error in zip([0, steps], errors, strict=False)
            ]
    columns = ["fingerprint", "member", "step", "validation_error", "validation_loss"]
    return pd.DataFrame(rows), pd.DataFrame(points, columns=columns).assign(train_loss=1.0)


def parabola(best: float, shift: float = 1.0) -> list[Row]:
    """Exact: four times the steps at a factor 4 from the best learning rate."""
    rates = [best * shift * 2.0**k for k in range(-2, 3)]
    return [
        (rate, "reached", round(1e6 * 2 ** (math.log2(rate / best) ** 2 / 2))) for rate in rates
    ]


def only(found: pd.DataFrame) -> pd.Series:
    assert len(found) == 1
    return found.iloc[0]


@pytest.fixture(scope="module")
def study() -> SyntheticStudy:
    return synthetic_study()


def truths(study: SyntheticStudy, found: pd.DataFrame) -> np.ndarray:
    return np.array([
        study.planted[row.model].learning_rate(row.batch_size) for row in found.itertuples()
    ])


def test_without_noise_the_planted_learning_rates_are_found() -> None:
    study = synthetic_study(noise=0.0)
    found = tuned(study.sweep_trials, study.sweep_curves)
    assert found["method"].eq("fitted").all()
    assert found["edge"].eq("").all()
    np.testing.assert_allclose(found["learning_rate"], truths(study, found), rtol=0.03)


def test_intervals_cover_the_planted_learning_rates() -> None:
    """68 cells of 4 studies, standard error 2.6 %; the band holds a right method 999 in 1,000."""
    covered, errors = [], []
    for seed in range(4):
        study = synthetic_study(seed=seed, confirm_replicates=1)
        found = tuned(study.sweep_trials, study.sweep_curves)
        truth = truths(study, found)
        covered += list((found["low"] <= truth) & (truth <= found["high"]))
        errors += list(np.log2(found["learning_rate"] / truth))
    low, high = stats.binom.interval(0.999, len(covered), 0.95)
    assert len(covered) == 68
    assert low <= sum(covered) <= high
    assert abs(np.mean(errors)) < 3 * np.std(errors) / math.sqrt(len(errors))


def test_one_row_a_cell_with_trials_and_rows_in_order(study: SyntheticStudy) -> None:
    found = tuned(study.sweep_trials, study.sweep_curves)
    assert list(found) == [
        "model",
        "batch_size",
        "learning_rate",
        "low",
        "high",
        "edge",
        "method",
        "survived",
        "momentum",
        "weight_decay",
    ]
    feasible = study.sweep_cells.query("feasible").sort_values(["model", "batch_size"])
    assert found["model"].tolist() == feasible["model"].tolist()
    assert found["batch_size"].tolist() == feasible["batch_size"].tolist()
    assert (found["low"] <= found["learning_rate"]).all()
    assert (found["learning_rate"] <= found["high"]).all()


def test_the_order_of_rows_moves_no_digit(study: SyntheticStudy) -> None:
    shuffled = (
        table.sample(frac=1, random_state=3) for table in (study.sweep_trials, study.sweep_curves)
    )
    pd.testing.assert_frame_equal(
        tuned(study.sweep_trials, study.sweep_curves), tuned(*shuffled), check_exact=True
    )


def test_confidence_moves_limits_and_never_the_value(study: SyntheticStudy) -> None:
    """What confirm trains must not depend on a setting of the analysis."""
    narrow, wide = (
        tuned(study.sweep_trials, study.sweep_curves, confidence) for confidence in (0.5, 0.99)
    )
    unmoved = ["model", "batch_size", "learning_rate", "edge", "method"]
    pd.testing.assert_frame_equal(narrow[unmoved], wide[unmoved], check_exact=True)
    widths = [np.log(found["high"] / found["low"]) for found in (narrow, wide)]
    assert (widths[0] <= widths[1]).all()  # equal where the next rates tried are the limits
    assert widths[0].mean() < widths[1].mean() / 1.1


def test_search_trials_count_as_well() -> None:
    trials, curves = tables(parabola(0.2))
    few = trials.iloc[[0, 2, 4]]
    assert only(tuned(few, curves))["method"] == "best"
    trials.loc[[1, 3], "origin"] = "search-1"
    assert only(tuned(trials, curves))["method"] == "fitted"


def test_replicates_of_different_speed_share_one_parabola() -> None:
    slow = [(rate, ended, 3 * steps) for rate, ended, steps in parabola(0.2, 1.4)]
    found = only(tuned(*tables(parabola(0.2), slow)))
    assert found["learning_rate"] == pytest.approx(0.2, rel=1e-3)
    assert found["high"] / found["low"] < 1.6  # the next rates tried, and no more


def test_points_beyond_a_factor_four_do_not_bend_the_parabola() -> None:
    far = [(0.2 * 2.0**k, "reached", 10**8) for k in (-6, -5, -4, 5)]
    found = only(tuned(*tables(parabola(0.2) + far)))
    assert found["learning_rate"] == pytest.approx(0.2, rel=1e-3)


def test_the_value_stays_below_every_rate_that_diverged() -> None:
    """Steps fall as 1/η up to a cliff, and the parabola's minimum lies behind the cliff."""
    rates = [0.1 * 2 ** (k / 2) for k in range(-6, 1)]
    slope = [(rate, "reached", round(100 / rate * (1 + (rate / 0.1) ** 2 / 4))) for rate in rates]
    cliff = [(0.1 * 2 ** (k / 2), "diverged", 3) for k in range(1, 6)]
    found = only(tuned(*tables(slope + cliff)))
    assert found["method"] == "fitted"
    assert 0.05 <= found["learning_rate"] < 0.1001
    assert found["edge"] == ""
    early = [(0.09, "diverged", 3)]
    assert only(tuned(*tables(slope, early)))["learning_rate"] < 0.09


def test_one_replicate_whose_rates_are_all_nearly_as_good_answers_with_the_box() -> None:
    steps = [2500, 1600, 900, 1700, 950, 1500]
    rates = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32]
    rows = [(rate, "reached", count) for rate, count in zip(rates, steps, strict=True)]
    found = only(tuned(*tables(rows)))
    assert found["method"] == "fitted"
    assert found[["low", "high"]].tolist() == pytest.approx(BOX)


def test_too_few_points_give_the_geometric_mean_of_the_best() -> None:
    first = [(0.1, "reached", 50), (0.2, "reached", 40), (0.4, "outraced", 160)]
    second = [(0.15, "reached", 90), (0.3, "outraced", 300)]
    found = only(tuned(*tables(first, second)))
    assert found["method"] == "best"
    assert found["learning_rate"] == pytest.approx(math.sqrt(0.2 * 0.15))
    # One degree of freedom: t = 12.7 makes an interval beyond what was tried, and beyond the box.
    reach = 12.706 * math.log(0.2 / 0.15) / 2
    expected = math.log(math.sqrt(0.03)) + np.array([-reach, reach])
    assert np.log(found[["low", "high"]].to_numpy(dtype=float)) == pytest.approx(
        np.clip(expected, *np.log(BOX)), abs=1e-3
    )


def test_one_best_is_known_to_the_next_rates_tried() -> None:
    rows = [(0.1, "outraced", 160), (0.2, "reached", 40), (0.4, "diverged", 3)]
    found = only(tuned(*tables(rows)))
    assert found[["learning_rate", "low", "high"]].tolist() == pytest.approx([0.2, 0.1, 0.4])


def test_losses_of_one_replicate_tell_no_interval() -> None:
    """Its neighbours held the optimum in 4 of 5 cells whose losses were noisy, not in 19 of 20."""
    rows = [(0.1 * 2**k, "exhausted", 400) for k in range(4)]
    found = only(tuned(*tables(rows, losses=[0.7, 0.6, 0.5, 0.6])))
    assert found[["low", "high"]].tolist() == pytest.approx(BOX)
    both = only(tuned(*tables(rows, rows, losses=[0.7, 0.6, 0.5, 0.6] * 2)))
    assert both[["low", "high"]].tolist() == pytest.approx([0.2, 0.8])


def test_the_curve_of_one_replicate_tells_no_interval() -> None:
    """It says nothing of how the minimum moves to the next one: all that was nearly as good may."""
    rows = [(0.2 * 2.0**k, "reached", round(1e6 * 2 ** (k**2 / 2))) for k in range(-3, 4)]
    found = only(tuned(*tables(rows)))
    assert found["method"] == "fitted"
    assert found[["low", "high"]].tolist() == pytest.approx([0.2 / 8, 0.2 * 8])


def test_where_rates_tie_the_interval_holds_them_all() -> None:
    """Whatever the rate the goal is reached at the first step: which is best is not known."""
    rates = [0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4]
    shifted = [[(rate * shift, "reached", 1) for rate in rates] for shift in (1.0, 1.1, 1.2)]
    found = only(tuned(*tables(*shifted)))
    assert found["low"] <= 0.05 * (1 + 1e-9)
    assert found["high"] >= 0.4 * 1.2 * (1 - 1e-9)
    shifted[0][3] = (0.14, "reached", 3)
    assert only(tuned(*tables(*shifted)))["low"] <= 0.05 * (1 + 1e-9)


@pytest.mark.parametrize("how", ["outraced", "exhausted", "diverged"])
def test_survived_is_the_largest_rate_up_to_which_every_replicate_got_there(how: str) -> None:
    rows = parabola(0.2)
    assert only(tuned(*tables(rows, rows)))["survived"] == math.inf
    shifted = parabola(0.2, 1.1)
    shifted[3] = (shifted[3][0], how, shifted[3][2])
    found = only(tuned(*tables(rows, shifted)))
    # What diverged at 0.44 diverges beyond it; of what took too long the next one below is known.
    assert found["survived"] == pytest.approx(0.22)


def test_no_rate_survived_where_the_lowest_of_all_diverged() -> None:
    rows = parabola(0.2)
    broken = [(rows[0][0] / 2, "diverged", 3), *parabola(0.2, 1.1)]
    assert only(tuned(*tables(rows, broken)))["survived"] == 0


def test_a_goal_that_nobody_reached_falls_back_to_the_loss_at_the_end() -> None:
    rows = [(0.1, "exhausted", 400), (0.2, "exhausted", 400), (0.4, "diverged", 3)]
    found = only(tuned(*tables(rows, losses=[0.7, 0.6, math.nan])))
    assert (found["method"], found["learning_rate"]) == ("best", pytest.approx(0.2))
    found = only(tuned(*tables(rows, losses=[0.5, 0.6, 0.1])))
    assert found["learning_rate"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("ended", "edge"), [(["diverged"] * 3, "low"), (["failed"] * 3, ""), (["failed"], "")]
)
def test_a_cell_without_a_survivor_has_no_learning_rate(ended: list[str], edge: str) -> None:
    found = only(tuned(*tables([(0.1 * (i + 1), how, 1) for i, how in enumerate(ended)])))
    assert (found["method"], found["edge"]) == ("none", edge)
    assert found[["learning_rate", "low", "high"]].isna().all()


@pytest.mark.parametrize(("edge", "factor"), [("high", 2.0), ("low", 0.5)])
def test_an_optimum_at_the_end_of_what_was_tried_is_flagged(edge: str, factor: float) -> None:
    rows = [(0.1 * factor**k, "reached", 1000 // (k + 1)) for k in range(6)]
    assert only(tuned(*tables(rows)))["edge"] == edge
    beyond = (0.1 * factor**6, "outraced", 10**5)
    assert only(tuned(*tables([*rows, beyond])))["edge"] == ""
    # One replicate that ends short of it is enough.
    assert only(tuned(*tables([*rows, beyond], rows[:4])))["edge"] == edge


def test_a_failed_trial_brackets_nothing() -> None:
    rows = [(0.1 * 2**k, "reached", 1000 // (k + 1)) for k in range(6)]
    assert only(tuned(*tables([*rows, (6.4, "failed", 0)])))["edge"] == "high"


ROWS = st.lists(
    st.tuples(
        st.floats(*BOX),
        st.sampled_from(["reached", "exhausted", "outraced", "diverged", "failed"]),
        st.integers(1, 10**6),
    ),
    min_size=1,
    max_size=8,
)


@given(replicates=st.lists(ROWS, min_size=1, max_size=3))
def test_any_cell_gives_a_rate_in_the_box_inside_its_interval_or_none(
    replicates: list[list[Row]],
) -> None:
    found = only(tuned(*tables(*replicates)))
    alive = any(how not in {"diverged", "failed"} for rows in replicates for _, how, _ in rows)
    assert (found["method"] != "none") == alive
    if alive:
        value, low, high = found[["learning_rate", "low", "high"]]
        assert BOX[0] * (1 - 1e-9) <= low <= value <= high <= BOX[1] * (1 + 1e-9)
