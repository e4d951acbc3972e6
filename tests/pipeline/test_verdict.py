from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.ladder_answer import ladder_answer
from pipeline.verdict import RULE, Verdict, verdicts

GOALS = (0.10, 0.07, 0.05)
Octaves = dict[int, Sequence[float]]


def rows(model: str, octaves: Octaves, **lost: str) -> pd.DataFrame:
    """Regrets by batch size; ``lost`` names kinds by b<size>r<replicate>, t<size>… for tuned."""
    return pd.DataFrame([
        {
            "model": model,
            "batch_size": size,
            "replicate": replicate,
            "goal": goal,
            "rule": RULE,
            "kind": lost.get(f"b{size}r{replicate}", "reached"),
            "tuned_kind": lost.get(f"t{size}r{replicate}", "reached"),
            "regret": math.nan if lost.get(f"b{size}r{replicate}") == "missing" else octave,
        }
        for size, own in octaves.items()
        for replicate, octave in enumerate(own)
        for goal in GOALS
    ])


def judge(
    *tables: pd.DataFrame, goals: Sequence[float] = GOALS, noise: float | None = 0.0
) -> tuple[Verdict, ...]:
    table = pd.concat(tables, ignore_index=True)
    models = list(dict.fromkeys(table["model"]))
    return verdicts(table, models, 64, goals, 0.95, lambda *_: noise)


NEAR = [0.1, 0.2, 0.15, 0.12]
FAR = [1.1, 1.3, 1.2, 1.05]


def test_a_larger_regret_is_a_verdict() -> None:
    (one,) = judge(rows("conv", {4: FAR, 16: FAR}), rows("dense", {4: NEAR, 16: NEAR}))
    known = stats.ttest_rel(FAR, NEAR)
    assert one.more_finicky == "conv"
    assert one.p_value == pytest.approx(known.pvalue)
    assert one.difference.value == pytest.approx(np.mean(FAR) - np.mean(NEAR))
    assert one.difference.low == pytest.approx(known.confidence_interval(0.95).low)
    assert (one.batch_sizes, one.replicates, one.reason) == ((4, 16), 4, "")
    assert one.signs == tuple([pytest.approx(one.difference.value)] * 3)


def test_the_reference_and_other_rules_take_no_part() -> None:
    extra = rows("dense", {16: [9, 9, 9, 9]}).assign(rule="linear")
    reference = rows("conv", {64: [9, 9, 9, 9]})
    (one,) = judge(rows("conv", {4: NEAR}), reference, rows("dense", {4: NEAR}), extra)
    assert one.batch_sizes == (4,)
    assert one.difference.value == 0
    assert one.more_finicky is None


def test_batch_sizes_that_one_model_alone_reaches_stand_beside() -> None:
    conv = rows("conv", {1: FAR, 4: NEAR, 16: NEAR, 256: FAR}, b1r2="censored", b16r0="infinite")
    dense = rows("dense", {1: FAR, 4: NEAR, 16: NEAR, 256: FAR}, b1r1="censored", t256r1="censored")
    (one,) = judge(conv, dense)
    assert one.batch_sizes == (4,)
    assert one.beside.only_first == (256,)
    assert one.beside.only_second == (16,)
    assert one.beside.neither == (1,)
    # 256 has no tuned steps in dense; the others count, at the budget where they must.
    assert one.beside.counted_at_budget.value == 0


def test_a_batch_size_at_which_one_model_alone_can_train_stands_beside() -> None:
    conv, dense = rows("conv", {4: FAR, 16: FAR}), rows("dense", {1: NEAR, 16: NEAR})
    (one,) = judge(conv, dense)
    beside = one.beside
    assert (beside.only_first, beside.only_second, beside.neither) == ((4,), (1,), ())


def test_two_replicates_give_no_verdict() -> None:
    """Cochran's limits would reject up to 6.1 % of true hypotheses at 5 %."""
    few = [rows(m, {4: [x, x + 0.001], 16: [x, x + 0.001]}) for m, x in (("a", 9.0), ("b", 0.1))]
    (one,) = judge(*few)
    assert (one.more_finicky, one.p_value) == (None, None)
    assert one.reason == "fewer than 3 replicates to pair"


def test_holm_corrects_over_all_pairs() -> None:
    tables = [rows(name, {4: np.array(NEAR) + 0.05 * i}) for i, name in enumerate("abc")]
    rng = np.random.default_rng(0)
    for table in tables:
        table["regret"] += np.repeat(rng.normal(0, 0.02, 4), 3)
    found = judge(*tables)
    p_values = np.array([one.p_value for one in found], dtype=float)
    corrected = [one.p_corrected for one in found]
    assert corrected[int(p_values.argmin())] == pytest.approx(min(3 * p_values.min(), 1))
    assert all(c is not None and c >= p for c, p in zip(corrected, p_values, strict=True))
    assert [one.consecutive for one in found] == [True, False, True]
    for one in found:
        assert one.corrected.low is not None and one.corrected.high is not None
        excludes = one.corrected.low > 0 or one.corrected.high < 0
        assert excludes or one.more_finicky is None


def test_a_sign_that_turns_at_one_goal_is_not_resolved() -> None:
    conv = rows("conv", {4: FAR})
    conv.loc[conv["goal"] == 0.10, "regret"] = 0.0
    (one,) = judge(conv, rows("dense", {4: NEAR}))
    assert one.more_finicky is None
    assert "sign" in one.reason


def test_a_difference_of_exactly_nothing_has_no_sign_whichever_model_comes_first() -> None:
    """Where both reach an easy goal at once, regrets are 0 and speak for neither."""
    far, near = rows("conv", {4: FAR}), rows("dense", {4: NEAR})
    for table in (far, near):
        table.loc[table["goal"] == 0.10, "regret"] = 0.0
    (one,), (other,) = judge(far, near), judge(near, far)
    assert (one.signs[0], other.signs[0]) == (0, 0)
    assert one.more_finicky is other.more_finicky is None
    assert "sign" in one.reason and one.reason == other.reason


def test_two_goals_are_too_few() -> None:
    (one,) = judge(rows("conv", {4: FAR}), rows("dense", {4: NEAR}), goals=(0.07, 0.05))
    assert one.reason == "2 goals, of 3 needed"
    assert one.replicates_needed is None  # more of them would not make a third goal
    answer = ladder_answer([one])
    assert "2 goals, of 3 needed)" in answer
    assert "would" not in answer


def test_what_the_sweep_might_have_chosen_widens_the_interval() -> None:
    tables = rows("conv", {4: FAR}), rows("dense", {4: NEAR})
    (sure,), (wide,) = judge(*tables), judge(*tables, noise=1.0)
    assert wide.difference.value == sure.difference.value
    assert wide.choice_noise == pytest.approx(math.sqrt(2))
    assert sure.more_finicky == "conv"
    assert wide.more_finicky is None
    assert wide.replicates_needed is None
    (unknown,) = judge(*tables, noise=None)
    assert "choice of learning rates" in unknown.reason
    assert unknown.corrected.value is None


@pytest.mark.parametrize("shared", [{}, {4: [1.0]}])
def test_nothing_to_pair_is_not_resolved(shared: Octaves) -> None:
    (one,) = judge(rows("conv", {1: [1.0], **shared}), rows("dense", {16: [1.0], **shared}))
    assert one.more_finicky is None
    assert one.p_value is None
    assert one.reason


def test_a_failed_replicate_leaves_its_pair() -> None:
    conv = rows("conv", {4: FAR, 16: FAR}, b4r1="missing")
    (one,) = judge(conv, rows("dense", {4: NEAR, 16: NEAR}))
    assert one.replicates == 3


def test_the_order_of_rows_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    table = pd.concat([rows(m, {b: rng.normal(size=6) for b in (1, 4)}) for m in ("a", "b", "c")])
    models = ["a", "b", "c"]
    one = verdicts(table, models, 64, GOALS, 0.95, lambda *_: 0.1)
    shuffled = table.sample(frac=1, random_state=0)
    assert verdicts(shuffled, models, 64, GOALS, 0.95, lambda *_: 0.1) == one


def test_replicates_needed_resolve_it() -> None:
    few = [0.9, -0.3, 0.5, 0.1]
    (one,) = judge(rows("conv", {4: few}), rows("dense", {4: np.zeros(4)}))
    assert one.more_finicky is None
    assert one.replicates_needed is not None
    assert one.replicates_needed > 4
    assert one.detectable is not None
    assert one.difference.value is not None
    assert one.detectable > abs(one.difference.value)


def test_the_ladders_answer() -> None:
    found = judge(rows("dense", {4: NEAR}), rows("local", {4: FAR}), rows("conv", {4: FAR}))
    answer = ladder_answer(found)
    assert "In part: more finicky than dense (+1.0" in answer
    assert "against local not resolved (+0.00 octaves" in answer
    other = ladder_answer(judge(rows("mlp", {4: NEAR}), rows("lenet", {4: FAR})))
    assert "not asked here" in other
    unpaired = judge(rows("dense", {4: [1.0]}), rows("conv", {4: [1.0]}))
    assert "Not resolved: against dense not resolved (fewer" in ladder_answer(unpaired)
    less = judge(rows("conv", {4: NEAR}), rows("dense", {4: FAR}))
    assert "So: less finicky than dense (-1.0" in ladder_answer(less)
