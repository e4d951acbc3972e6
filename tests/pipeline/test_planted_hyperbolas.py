"""A small part of benchmarks/planted_hyperbolas.py: intervals cover, bounds are right."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.planted_hyperbolas import Place, holds, plant, share, sound
from pipeline import hyperbola_fit
from pipeline.hyperbola_fit import best_hyperbola
from pipeline.replicates import usable
from pipeline.trade_off import fit_trade_off

TABLES = 300


def answers(place: Place, tables: int = TABLES) -> tuple[list[bool], list[bool]]:
    """Whether each two-sided interval, and each bound, of the hyperbola holds the truth."""
    rng = np.random.default_rng(7)
    intervals: list[bool] = []
    bounds: list[bool] = []
    for planted in (plant(rng, place) for _ in range(tables)):
        rows = usable(planted.rows)
        if rows.fitted.points < 3:
            continue
        found = best_hyperbola(rows, 0.95, "log").b_crit
        if found.resolved:
            (bounds if found.bound else intervals).append(holds(found, planted.b_crit))
    return intervals, bounds


def band(answers: int) -> tuple[float, float]:
    return stats.binom.interval(0.999, answers, 0.95)


def test_intervals_cover_what_was_planted() -> None:
    """About 280 tables with an interval: standard error 1.3 %, band of 999 in 1,000."""
    intervals, bounds = answers("inside")
    assert len(intervals) > 0.85 * TABLES
    low, high = band(len(intervals))
    assert low <= sum(intervals) <= high
    assert sum(bounds) >= band(len(bounds))[0]


def test_half_the_variance_would_not_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail."""
    whole = hyperbola_fit.t_quantile
    monkeypatch.setattr(hyperbola_fit, "t_quantile", lambda *of: whole(*of) / math.sqrt(2))
    intervals, _ = answers("inside")
    assert sum(intervals) < band(len(intervals))[0]


@pytest.mark.parametrize("place", ["below", "above"])
def test_what_is_not_bracketed_gets_a_bound_that_is_right(place: Place) -> None:
    """The bound is the limit of a two-sided interval: right in 97.5 % and so in 95 %."""
    intervals, bounds = answers(place, 150)
    assert len(bounds) > 0.95 * 150
    assert sum(intervals) + sum(bounds) >= band(len(intervals) + len(bounds))[0]


@pytest.mark.parametrize("place", ["inside", "below", "above"])
def test_no_answer_is_unsound(place: Place) -> None:
    rng = np.random.default_rng(8)
    assert all(sound(fit_trade_off(plant(rng, place).rows, 0.95)) for _ in range(10))


@pytest.mark.parametrize(("right", "said"), [(950, "±"), (800, "!"), (999, "*")])
def test_shares_outside_the_band_are_marked(right: int, said: str) -> None:
    marks = set(share(right, 1000)) & {"±", "!", "*"}
    assert marks == {"±", said}
