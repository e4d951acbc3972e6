from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.intervals import UNKNOWN, Interval
from pipeline.steps_to_goal import steps_to_goal


def replicates(*rows: tuple[str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["kind", "steps"])


def test_the_mean_is_geometric_and_the_interval_students() -> None:
    found = steps_to_goal(replicates(("reached", 10.0), ("reached", 1000.0)), 0.95)
    reach = 12.7062 * math.log(10)  # t at one degree of freedom × s/√2
    assert found.value == pytest.approx(100)
    limits = [math.exp(math.log(100) + sign * reach) for sign in (-1, 1)]
    assert [found.low, found.high] == pytest.approx(limits, rel=1e-3)


def test_intervals_cover_the_planted_median() -> None:
    """1,000 samples of 5, standard error 0.7 %; the band of 999 in 1,000."""
    rng = np.random.default_rng(0)
    covered = 0
    for steps in 300 * rng.lognormal(sigma=0.3, size=(1000, 5)):
        found = steps_to_goal(replicates(*(("reached", s) for s in steps)), 0.95)
        covered += found.low <= 300 <= found.high
    low, high = stats.binom.interval(0.999, 1000, 0.95)
    assert low <= covered <= high


def test_one_replicate_has_no_limits() -> None:
    assert steps_to_goal(replicates(("reached", 1.0)), 0.95) == Interval(1.0, None, None)


def test_equal_steps_say_nothing_of_how_they_scatter() -> None:
    assert steps_to_goal(replicates(*[("reached", 1.0)] * 5), 0.95) == Interval(1.0, None, None)


def test_no_replicate_or_only_failed_ones_say_nothing() -> None:
    assert steps_to_goal(replicates(), 0.95) == UNKNOWN
    assert steps_to_goal(replicates(("missing", math.nan)), 0.95) == UNKNOWN


def test_failed_replicates_do_not_count() -> None:
    rows = [("reached", 10.0), ("reached", 12.0)]
    assert steps_to_goal(replicates(*rows, ("missing", math.nan)), 0.95) == steps_to_goal(
        replicates(*rows), 0.95
    )


@pytest.mark.parametrize(
    ("straggler", "low"),
    [(("censored", 400.0), 10), (("infinite", math.inf), 10), (("censored", 5.0), 5)],
)
def test_a_straggler_leaves_a_lower_limit_of_the_median(
    straggler: tuple[str, float], low: float
) -> None:
    rows = [("reached", float(steps)) for steps in (10, 11, 12, 13)]
    assert steps_to_goal(replicates(*rows, straggler), 0.95) == Interval(None, low, None)
    assert steps_to_goal(replicates(*rows[:2], straggler), 0.95) == UNKNOWN  # too few for 0.95


def test_replicates_that_all_diverged_have_no_finite_limit() -> None:
    assert steps_to_goal(replicates(*[("infinite", math.inf)] * 5), 0.95) == UNKNOWN
