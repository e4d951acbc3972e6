from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.finickiness.transfer_regret import TransferRegret, regrets, transfer_regret
from tests.pipeline.finickiness.regret_tables import BUDGET, Run, confirm_tables

REFERENCE = 64


def regret(runs: list[Run], rule: str = "constant") -> TransferRegret:
    trials, assignments, observed = confirm_tables(runs)
    table = regrets(trials, assignments, observed)
    return transfer_regret(table[table["rule"] == rule], REFERENCE, 0.95)


def pairs(size: int, octaves: list[float], tuned: float = 10) -> list[Run]:
    return [
        run
        for replicate, octave in enumerate(octaves)
        for run in (
            Run(size, ("tuned",), replicate, tuned),
            Run(size, ("constant",), replicate, tuned * 2**octave),
        )
    ]


def test_it_is_the_mean_of_octaves_over_the_other_batch_sizes() -> None:
    one, other = [1.0, 2.0, 3.0], [0.5, 0.0, 1.0]
    made = regret([*pairs(4, one), *pairs(256, other, 20), *pairs(REFERENCE, [5, 5, 5])])
    averages = [(a + b) / 2 for a, b in zip(one, other, strict=True)]
    reach = stats.t.ppf(0.975, 2) * np.std(averages, ddof=1) / math.sqrt(3)
    assert made.regret.value == pytest.approx(1.25)
    assert made.regret.low == pytest.approx(1.25 - reach)
    assert made.regret.high == pytest.approx(1.25 + reach)
    assert [cell.batch_size for cell in made.cells] == [4, 256]
    assert [cell.regret.value for cell in made.cells] == [pytest.approx(2), pytest.approx(0.5)]
    assert (made.bound, made.never_reached, made.replicates) == (None, 0, 3)


@pytest.mark.parametrize(("kind", "steps"), [("censored", 377.0), ("infinite", math.inf)])
def test_what_never_reached_the_goal_counts_at_the_budget(kind: str, steps: float) -> None:
    lost = Run(4, ("constant",), 1, steps, kind)
    made = regret([*pairs(4, [1.0]), Run(4, ("tuned",), 1, 10), lost])
    assert made.cells[0].regret.value == pytest.approx((1 + math.log2(BUDGET / 10)) / 2)
    assert (made.bound, made.never_reached, made.cells[0].reached) == ("lower", 0.5, 1)


def test_a_rule_that_shares_the_tuned_race_has_no_regret_at_all() -> None:
    made = regret([Run(4, ("tuned", "constant"), r, 10 + r) for r in range(3)])
    assert (made.regret.value, made.regret.low, made.regret.high) == (0, 0, 0)
    assert made.cells[0].same


def test_a_batch_size_without_tuned_steps_is_left_out_and_named() -> None:
    short = [Run(1, ("tuned",), 0, BUDGET, "censored"), Run(1, ("constant",), 0, 20)]
    made = regret([*short, *pairs(4, [1.0])])
    assert made.regret.value == pytest.approx(1)
    assert [(cell.batch_size, cell.reason) for cell in made.left_out] == [
        (1, "tuned, 0 of 1 replicates reached the goal")
    ]
    assert regret(short).reason == "no batch size is left"


def test_failed_trials_take_their_replicate_or_their_batch_size_with_them() -> None:
    gone = [Run(1, ("constant",), r, math.nan, "missing") for r in range(3)]
    gone += [Run(1, ("tuned",), r, 10) for r in range(3)]
    runs = [*gone, *pairs(4, [1.0, 2.0, 3.0]), *pairs(16, [0.0, 0.0])]
    runs += [Run(16, ("constant",), 2, 10), Run(16, ("tuned",), 2, math.nan, "missing")]
    made = regret(runs)
    assert made.replicates == 2
    assert made.regret.value == pytest.approx((0.5 + 1.0) / 2)
    assert [cell.reason for cell in made.left_out] == ["every replicate failed"]


def test_every_replicate_with_a_failed_trial_leaves_none() -> None:
    lost = [Run(16, ("constant",), r, math.nan, "missing") for r in (0,)]
    runs = [*pairs(4, [1.0, 1.0]), *lost, Run(16, ("tuned",), 0, 10), *pairs(16, [0, 0])[2:]]
    runs += [Run(4, ("linear",), 0, 10)]
    made = regret(runs)
    assert made.replicates == 1
    assert (made.regret.value, made.regret.low) == (pytest.approx(0.5), None)


def test_a_model_without_a_reference_has_a_reason() -> None:
    made = regret([Run(4, ("tuned",), 0, 10)])
    assert made.regret.value is None
    assert "reference" in made.reason


def test_the_order_of_rows_changes_no_digit() -> None:
    rng = np.random.default_rng(0)
    runs = pairs(4, rng.normal(size=7).tolist()) + pairs(16, rng.normal(size=7).tolist())
    trials, assignments, observed = confirm_tables(runs)

    def shuffled(table: pd.DataFrame) -> pd.DataFrame:
        return table.sample(frac=1, random_state=1)

    one = regrets(trials, assignments, observed)
    other = regrets(shuffled(trials), shuffled(assignments), shuffled(observed))
    pd.testing.assert_frame_equal(one, other)
    own = one[one["rule"] == "constant"]
    assert transfer_regret(own, 64, 0.95) == transfer_regret(shuffled(own), 64, 0.95)


def test_the_tuned_rule_has_no_regret() -> None:
    trials, assignments, observed = confirm_tables(pairs(4, [1.0, 2.0]))
    table = regrets(trials, assignments, observed)
    assert (table.loc[table["rule"] == "tuned", "regret"] == 0).all()
