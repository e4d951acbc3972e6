"""Near a cliff the tuned learning rate is one that every replicate survived."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.cliff import cliff
from tests.pipeline.test_tuning import Row, only, parabola, tables, tuned

STEPS = (4000, 3200, 2620, 2200, 1890, 1660)


def falling(last: float, how: str = "outraced") -> list[Row]:
    """Steps fall up to the last rate that reaches the goal, and twice that one does not."""
    rates = [last * 2.0 ** (k - 5) for k in range(6)]
    reached = [(rate, "reached", steps) for rate, steps in zip(rates, STEPS, strict=True)]
    return [*reached, *((last * 2.0**k, how, 5400) for k in range(1, 4))]


@pytest.mark.parametrize("how", ["outraced", "exhausted"])
def test_over_a_cliff_the_value_is_where_all_replicates_got_to(how: str) -> None:
    replicates = [falling(last, how) for last in (0.048, 0.062, 0.073)]
    found = only(tuned(*tables(*replicates)))
    assert found["method"] == "fitted"
    assert found["learning_rate"] <= 0.048 * 1.0001
    assert found["low"] <= 0.048 <= found["high"]
    assert found["high"] >= 0.062, "the optimum may lie higher, but not what is safe"


def test_an_optimum_short_of_the_cliff_stays() -> None:
    """Trials too slow by a factor of four stand on the high side of every optimum."""
    far = [(0.2 * 2.0**k, "outraced", 10**8) for k in (3, 4)]
    found = only(tuned(*tables([*parabola(0.2), *far], [*parabola(0.2, 1.3), *far])))
    assert found["learning_rate"] == pytest.approx(0.2, rel=1e-3)


def test_one_replicate_that_fell_counts() -> None:
    brave = [row for row in falling(0.064) if row[1] == "reached"]
    found = only(tuned(*tables(falling(0.032), brave, brave)))
    assert found["learning_rate"] <= 0.032 * 1.0001


def test_steps_that_rise_in_some_replicate_are_no_steep_cliff() -> None:
    """One that was tried sparsely falls right above its best, and the others say more."""
    rate = np.log([0.1, 0.4, 1.6, 0.1, 0.2, 0.4, 0.8])
    replicate = np.repeat([0, 1], [3, 4])
    gentle = np.array([9.0, 8.0, math.nan, 9.0, 8.0, 8.1, 8.6])
    for second, steep in ((gentle, False), (np.array([*gentle[:3], 9.0, 8.5, 8.2, 8.0]), True)):
        found = cliff(rate, np.concatenate([gentle[:3], second[3:]]), replicate)
        assert found is not None
        assert found.steep is steep
        assert np.exp(found.edge) == pytest.approx(1.6)


def test_the_cliff_is_between_the_last_that_reached_and_the_first_that_did_not() -> None:
    rate = np.log([0.1, 0.2, 0.4, 0.8, 0.1, 0.2, 0.4, 0.8])
    cost = np.array([9.0, 8.0, math.nan, math.nan, 9.0, 8.5, 8.0, math.nan])
    replicate = np.repeat([0, 1], 4)
    found = cliff(rate, cost, replicate)
    assert found is not None
    assert np.exp(found.safe) == pytest.approx(0.2)
    assert np.exp(found.edge) == pytest.approx(0.4)


@pytest.mark.parametrize(
    "cost", [[9.0, 8.0, 7.5], [math.nan, 8.0, 9.0], [math.nan] * 3], ids=["all", "slow", "none"]
)
def test_without_a_fall_above_the_best_there_is_no_cliff(cost: list[float]) -> None:
    assert cliff(np.log([0.1, 0.2, 0.4]), np.array(cost), np.zeros(3, dtype=int)) is None
