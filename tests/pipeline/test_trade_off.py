from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline import hyperbola_fit as module
from pipeline import trade_off as whole
from pipeline.bounded import Bounded
from pipeline.hyperbola import Space
from pipeline.hyperbola_fit import HyperbolaFit, best_hyperbola
from pipeline.replicates import Replicates, usable
from pipeline.trade_off import TradeOff, trade_off
from tests.slow import slow

SIZES = (1, 4, 16, 64, 256, 1347)
S_MIN = 30.0


def planted(
    rng: np.random.Generator,
    b_crit: float,
    *,
    sizes: tuple[int, ...] = SIZES,
    replicates: int = 5,
    noise: float = 0.15,
    common: float = 0.0,
) -> pd.DataFrame:
    """The trade-off with lognormal noise, every replicate at the goal.

    ``common`` is the standard deviation of what a replicate has in common at all batch sizes.
    """
    size, label = np.repeat(sizes, replicates), np.tile(np.arange(replicates), len(sizes))
    off = noise * rng.normal(size=len(size)) + common * rng.normal(size=replicates)[label]
    steps = S_MIN * (1 + b_crit / size) * np.exp(off)
    return pd.DataFrame({"batch_size": size, "kind": "reached", "steps": steps, "replicate": label})


def critical(found: TradeOff) -> Bounded:
    assert found.resolved
    return found.b_crit.hyperbola


def hyperbola(table: pd.DataFrame) -> HyperbolaFit:
    """The fit alone, without the definitions that take most of the time."""
    columns = (table[name].to_numpy() for name in ("batch_size", "steps", "kind", "replicate"))
    return best_hyperbola(usable(Replicates(*columns)).apart(), 0.95, "log")


def covers(b_crit: Bounded, truth: float) -> bool:
    low, high = b_crit.low or 0.0, math.inf if b_crit.high is None else b_crit.high
    return low <= truth <= high


@pytest.mark.parametrize("replicates", [1, 3])
@pytest.mark.parametrize("truth", [2.0, 60.0, 900.0])
def test_without_noise_the_truth_is_found(replicates: int, truth: float) -> None:
    rng = np.random.default_rng(0)
    found = trade_off(planted(rng, truth, replicates=replicates, noise=0.0), 0.95)
    assert found.s_min.value == pytest.approx(S_MIN, rel=1e-6)
    assert found.e_min.value == pytest.approx(S_MIN * truth, rel=1e-6)
    b_crit = critical(found)
    assert [b_crit.low, b_crit.value, b_crit.high] == pytest.approx([truth] * 3, rel=1e-6)
    assert b_crit.bound is None
    assert (found.points, found.reason) == (6, "")


SETTINGS = [(b_crit, replicates) for b_crit in (5.0, 60.0, 400.0) for replicates in (1, 5)]


def coverage(tables: int) -> tuple[int, int]:
    rng = np.random.default_rng(1)
    hits = [
        covers(hyperbola(planted(rng, b_crit, replicates=replicates)).b_crit, b_crit)
        for b_crit, replicates in SETTINGS
        for _ in range(tables)
    ]
    return sum(hits), len(hits)


@pytest.mark.parametrize("tables", [50, slow(200)])
def test_intervals_cover_the_planted_critical_batch_size(tables: int) -> None:
    """In each of 6 settings, pooled: standard errors of 1.3 and 0.6 %, band of 999 in 1,000."""
    hits, total = coverage(tables)
    low, high = stats.binom.interval(0.999, total, 0.95)
    assert low <= hits <= high


LEVELS = {
    "s_min": lambda fit, _: (fit.s_min, S_MIN),
    "e_min": lambda fit, b_crit: (fit.e_min, S_MIN * b_crit),
    "b_crit": lambda fit, b_crit: (fit.b_crit, b_crit),
}


def held(common: float, tables: int, *, told: bool = True) -> dict[str, int]:
    """How often limits hold what was planted, of five replicates told or not which is which."""
    rng, hits = np.random.default_rng(6), dict.fromkeys(LEVELS, 0)
    for _ in range(tables):
        table = planted(rng, 30.0, common=common)
        if not told:
            table["replicate"] = np.arange(len(table))
        fit = hyperbola(table)
        for name, level in LEVELS.items():
            hits[name] += covers(*level(fit, 30.0))
    return hits


@pytest.mark.parametrize("common", [0.0, 0.1, 0.3])
def test_limits_cover_whatever_replicates_have_in_common(common: float) -> None:
    """400 tables, noise of 0.15 beside it: a standard error of 1.1 %, band of 999 in 1,000."""
    low, high = stats.binom.interval(0.999, 400, 0.95)
    assert all(low <= hits <= high for hits in held(common, 400).values())


def test_levels_would_not_be_covered_if_replicates_were_independent() -> None:
    """The test above can fail."""
    hits = held(0.3, 100, told=False)
    low, _ = stats.binom.interval(0.999, 100, 0.95)
    assert hits["s_min"] < low
    assert hits["e_min"] < low


def test_what_replicates_have_in_common_moves_levels_alone() -> None:
    alike = planted(np.random.default_rng(3), 60.0)
    apart = alike.assign(steps=alike["steps"] * np.exp(0.5 * (alike["replicate"] - 2)))
    before, after = (trade_off(table, 0.95) for table in (alike, apart))
    for one, other in zip(astuple(before.b_crit), astuple(after.b_crit), strict=True):
        assert other[:3] == pytest.approx(one[:3])
    assert before.lack_of_fit is not None
    assert after.lack_of_fit is not None
    assert after.lack_of_fit.p_value == pytest.approx(before.lack_of_fit.p_value)
    assert before.lack_of_fit.dof == (4, 20)
    for one, other in ((before.s_min, after.s_min), (before.e_min, after.e_min)):
        assert one.value == pytest.approx(other.value)
        assert math.log(other.high / other.low) > 2 * math.log(one.high / one.low)


def test_limits_of_two_replicates_far_apart_stay_numbers() -> None:
    table = planted(np.random.default_rng(3), 60.0, replicates=2)
    table["steps"] *= np.where(table["replicate"] == 0, 1e3, 1.0)
    found = trade_off(table, 0.9999)
    for number in (found.s_min, found.e_min):
        assert 0 < number.low < number.value < number.high < math.inf


@pytest.mark.parametrize("fault", ["one is missing", "one fell short", "no labels", "one alone"])
def test_where_blocks_are_not_whole_replicates_count_as_independent(fault: str) -> None:
    table = planted(np.random.default_rng(3), 60.0)
    if fault == "one is missing":
        table = table.iloc[1:]
    elif fault == "one fell short":
        table.loc[0, "kind"] = "censored"
    elif fault == "one alone":
        table = table[table["replicate"] == 0]
    columns = [table[name].to_numpy() for name in ("batch_size", "steps", "kind", "replicate")]
    rows = usable(Replicates(*(columns[:3] if fault == "no labels" else columns)))
    assert rows.apart() is rows


@pytest.mark.slow
def test_the_normal_quantile_would_not_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    """The acceptance test above can fail: χ² = 3.84 in place of F(1, dof) does."""
    monkeypatch.setattr(module, "t_quantile", lambda confidence, dof: 1.96)
    hits, total = coverage(200)
    assert hits < stats.binom.interval(0.999, total, 0.95)[0]


def test_the_estimate_is_unbiased_in_the_logarithm() -> None:
    """300 tables; the mean error lies within 3 of its standard errors."""
    rng = np.random.default_rng(2)
    errors = np.array([
        math.log(hyperbola(planted(rng, 60.0)).b_crit.value / 60) for _ in range(300)
    ])
    assert abs(errors.mean()) < 3 * errors.std() / math.sqrt(len(errors))


def test_batch_sizes_all_below_leave_a_lower_bound() -> None:
    found = trade_off(planted(np.random.default_rng(3), 1e6), 0.95)
    b_crit = critical(found)
    assert (b_crit.value, b_crit.high, b_crit.bound) == (None, None, "lower")
    assert SIZES[-1] < b_crit.low <= 1e6
    assert (found.s_min.value, found.s_min.low, found.s_min.bound) == (None, None, "upper")
    assert found.s_min.high > S_MIN
    assert found.e_min.value == pytest.approx(S_MIN * 1e6, rel=0.2)


def test_batch_sizes_all_above_leave_an_upper_bound() -> None:
    found = trade_off(planted(np.random.default_rng(3), 1e-3), 0.95)
    b_crit = critical(found)
    assert (b_crit.value, b_crit.low, b_crit.bound) == (None, None, "upper")
    assert 1e-3 <= b_crit.high < 1
    assert (found.e_min.value, found.e_min.low, found.e_min.bound) == (None, None, "upper")
    assert found.e_min.high > S_MIN * 1e-3
    assert found.s_min.value == pytest.approx(S_MIN, rel=0.2)


@pytest.mark.parametrize(("truth", "bound"), [(0.6, "upper"), (3000.0, "lower")])
def test_an_estimate_just_outside_keeps_the_limit_on_the_measured_side(
    truth: float, bound: str
) -> None:
    b_crit = critical(trade_off(planted(np.random.default_rng(3), truth, noise=0.02), 0.95))
    assert (b_crit.value, b_crit.bound) == (None, bound)
    assert b_crit.high == pytest.approx(truth, rel=0.2) if bound == "upper" else not b_crit.high
    assert b_crit.low == pytest.approx(truth, rel=0.2) if bound == "lower" else not b_crit.low


def test_an_estimate_inside_with_a_limit_at_infinity_keeps_its_value() -> None:
    steps = [1000.0, 220.0, 90.0, 30.0]
    table = pd.DataFrame({"batch_size": [1, 4, 16, 64], "kind": "reached", "steps": steps})
    b_crit = critical(trade_off(table, 0.95))
    assert b_crit.bound == "lower"
    assert 1 <= b_crit.value <= 64
    assert b_crit.low < b_crit.value


def test_data_that_bound_neither_side_are_unresolved() -> None:
    table = pd.DataFrame({"batch_size": [1, 4, 16], "kind": "reached", "steps": [50.0, 10.0, 30.0]})
    found = trade_off(table, 0.95)
    assert (found.resolved, found.b_crit.hyperbola, found.points) == (False, Bounded(), 3)
    assert found.reason == "the measured batch sizes bound B_crit on neither side"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_batch_sizes_are_unresolved(count: int) -> None:
    table = planted(np.random.default_rng(0), 60.0).query(f"batch_size in {list(SIZES[:count])}")
    found = trade_off(table, 0.95)
    assert (found.resolved, found.points) == (False, count)
    assert found.reason.startswith(f"{count} batch sizes with a replicate at the goal")


def test_a_batch_size_where_one_diverged_is_left_out_and_named() -> None:
    table = planted(np.random.default_rng(4), 60.0)
    without = trade_off(table.query("batch_size > 1"), 0.95)
    table.loc[2, ["kind", "steps"]] = ["infinite", math.inf]
    found = trade_off(table, 0.95)
    assert found.reason == "batch size 1 left out: 1 of 5 replicates diverged"
    assert (found.resolved, found.points, found.b_crit) == (True, 5, without.b_crit)


def test_runs_of_another_kind_are_left_out_and_named() -> None:
    """One that is still short at half a million times the steps of the others is no late one."""
    table = planted(np.random.default_rng(4), 60.0)
    without = trade_off(table.query("batch_size > 1"), 0.95)
    table.loc[2, ["kind", "steps"]] = ["censored", 1e9]
    found = trade_off(table, 0.95)
    assert found.reason == (
        "batch size 1 left out: 1 of 5 replicates fell short of the goal by more than the spread "
        "between replicates explains"
    )
    assert (found.points, found.b_crit) == (5, without.b_crit)


@pytest.mark.parametrize("space", ["log", "linear"])
def test_what_fell_short_says_that_it_takes_longer(space: Space) -> None:
    """Nothing is known of batch size 1 but that it takes 9,000 steps at least."""
    table = planted(np.random.default_rng(4), 400.0, noise=0.05).drop(columns="replicate")
    first = table["batch_size"] == 1
    without = trade_off(table[~first], 0.95, space)
    table.loc[first, ["kind", "steps"]] = ["censored", 12_500.0]
    found = trade_off(table, 0.95, space)
    assert found.points == without.points == 5
    assert found.reason == "batch size 1: 5 of 5 replicates fell short of the goal"
    assert critical(found).low > critical(without).low
    assert found.e_min.low > without.e_min.low
    assert found.b_crit.slope_half == without.b_crit.slope_half
    table.loc[first, "steps"] = 1.0  # which everyone takes
    assert critical(trade_off(table, 0.95, space)).low == pytest.approx(
        critical(without).low, rel=1e-3
    )


def test_a_budget_does_not_bias_the_estimate() -> None:
    """Its limit lies at the median of batch size 1: whoever is left out there would be slow.

    200 tables of one replicate; the mean error lies within 3 of its standard errors, and to leave
    out who fell short puts it outside.
    """
    rng = np.random.default_rng(8)
    errors, selected = [], []
    for _ in range(200):
        table = planted(rng, 60.0, replicates=1, noise=0.3)
        short = table["steps"] > 61 * S_MIN
        table.loc[short, ["kind", "steps"]] = ["censored", 61 * S_MIN]
        errors.append(math.log(hyperbola(table).e_min.value / S_MIN / 60))
        selected.append(math.log(hyperbola(table[~short]).e_min.value / S_MIN / 60))
    assert abs(np.mean(errors)) < 3 * np.std(errors) / math.sqrt(200)
    assert np.mean(selected) < np.mean(errors) - 0.02


def test_a_failed_replicate_is_counted_and_its_batch_size_stays() -> None:
    table = planted(np.random.default_rng(4), 60.0)
    without = trade_off(table.drop(index=2), 0.95)
    table.loc[2, ["kind", "steps"]] = ["missing", math.nan]
    found = trade_off(table, 0.95)
    assert found.reason == "batch size 1: 1 of 5 replicates failed"
    assert (found.points, found.b_crit) == (6, without.b_crit)


@pytest.mark.parametrize("labelled", [False, True])
def test_lack_of_fit_is_the_f_test_of_the_book(labelled: bool) -> None:
    """Misfit against the pooled variance between replicates, Bates & Watts 1988, section 1.3.2.

    Where replicates have labels, what is left of that variance once their own means are off.
    """
    table = planted(np.random.default_rng(5), 60.0)
    found = trade_off(table if labelled else table.drop(columns="replicate"), 0.95)
    cells = np.log(table["steps"].to_numpy()).reshape(len(SIZES), 5)
    if labelled:
        cells = cells - cells.mean(axis=0) + cells.mean()
    curve = np.log(found.s_min.value + found.e_min.value / np.array(SIZES))
    pure, dof = np.sum((cells - cells.mean(axis=1, keepdims=True)) ** 2), 20 if labelled else 24
    statistic = (np.sum((cells - curve[:, None]) ** 2) - pure) / 4 / (pure / dof)
    assert found.lack_of_fit.dof == (4, dof)
    assert found.lack_of_fit.statistic == pytest.approx(statistic, rel=1e-6)
    assert found.lack_of_fit.p_value == pytest.approx(stats.f.sf(statistic, 4, dof), rel=1e-5)


def test_another_shape_lacks_fit_and_the_true_one_rarely_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """400 tables: the share under 5 % lies in the binomial band of 999 in 1,000."""
    rng = np.random.default_rng(6)
    table = planted(rng, 60.0, noise=0.05)
    table["steps"] *= np.where(table["batch_size"] == 64, 2, 1)
    assert trade_off(table, 0.95).lack_of_fit.p_value < 1e-6
    monkeypatch.setattr(whole, "_shape_free", lambda *_: (Bounded(), Bounded()))  # not asked for
    low = [trade_off(planted(rng, 60.0), 0.95).lack_of_fit.p_value < 0.05 for _ in range(400)]
    first, last = stats.binom.interval(0.999, 400, 0.05)
    assert first <= sum(low) <= last


def test_without_replicates_nothing_is_said_of_fit() -> None:
    found = trade_off(planted(np.random.default_rng(7), 60.0, replicates=1), 0.95)
    assert found.lack_of_fit is None
    assert critical(found).low < critical(found).value < critical(found).high


ROWS = st.lists(
    st.tuples(
        st.integers(1, 10**6),
        st.sampled_from(["reached"] * 9 + ["censored", "infinite", "missing"]),
        st.floats(1.0, 1e9),
    ),
    max_size=25,
)


@given(rows=ROWS, sizes=st.lists(st.integers(1, 10**5), min_size=1, max_size=6), data=st.data())
def test_any_table_gives_numbers_or_none_and_their_order_moves_no_digit(
    rows: list[tuple[int, str, float]], sizes: list[int], data: st.DataObject
) -> None:
    of = {"censored": lambda s: s, "infinite": lambda _: math.inf, "missing": lambda _: math.nan}
    table = pd.DataFrame(
        [(sizes[i % len(sizes)], kind, of.get(kind, float)(s)) for i, kind, s in rows],
        columns=["batch_size", "kind", "steps"],
    )
    space: Space = data.draw(st.sampled_from(["log", "linear"]))
    found = trade_off(table, 0.95, space)
    shuffled = table.sample(frac=1, random_state=data.draw(st.integers(0, 99)))
    assert trade_off(shuffled, 0.95, space) == found
    assert found.resolved == found.b_crit.hyperbola.resolved
    assert found.resolved or found.reason
    numbers = [found.lack_of_fit.statistic, found.lack_of_fit.p_value] if found.lack_of_fit else []
    for answer in [found.s_min, found.e_min, *vars(found.b_crit).values()]:
        limits = [answer.low, answer.value, answer.high]
        known = [limit for limit in limits if limit is not None]
        assert known == sorted(known)
        assert not answer.resolved or (answer.bound == "lower") == (answer.high is None)
        assert not answer.resolved or (answer.bound == "upper") == (answer.low is None)
        numbers += known
    assert all(map(math.isfinite, numbers))


@given(
    sizes=st.lists(st.integers(1, 10**6), min_size=3, max_size=6, unique=True),
    steps=st.floats(1.0, 1e9),
    replicates=st.integers(1, 3),
)
def test_steps_that_never_change_bound_it_from_above(
    sizes: list[int], steps: float, replicates: int
) -> None:
    table = pd.DataFrame({
        "batch_size": sizes * replicates,
        "kind": "reached",
        "steps": float(steps),
    })
    b_crit = critical(trade_off(table, 0.95))
    assert b_crit.bound == "upper"
    assert b_crit.high < min(sizes)
