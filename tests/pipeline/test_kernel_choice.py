"""Settings from timings whose best choice is known."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernel_choice import Choice, Timing, choose
from pipeline.trial import Cell

STEPS = {1: 1000, 16: 100, 256: 10}
NOW = Choice(16, {}, 8)


def timings(
    model: str, solo: dict[int, float], stacked: dict[int, dict[int, float]]
) -> list[Timing]:
    found = [Timing(Cell(model, b), "solo", 1, t, t, t) for b, t in solo.items()]
    found += [
        Timing(Cell(model, b), "stacked", w, t, t, t)
        for b, times in stacked.items()
        for w, t in times.items()
    ]
    return found


def seconds_naive(measured: list[Timing], choice: Choice) -> float:
    """One trial of each cell, summed as the settings would train it."""
    total = 0.0
    for cell in {t.cell for t in measured}:
        stacked = cell.batch_size <= choice.threshold(cell.model)
        wanted = ("stacked", choice.cohort_width) if stacked else ("solo", 1)
        found = [t.median for t in measured if t.cell == cell and (t.kernel, t.members) == wanted]
        total += STEPS[cell.batch_size] * (found[0] if found else math.inf)
    return total


def test_stacked_up_to_the_batch_size_where_solo_wins() -> None:
    measured = timings("mlp", {1: 1.0, 16: 1.0, 256: 1.0},
                       {1: {8: 0.1}, 16: {8: 0.5}, 256: {8: 3.0}})  # fmt: skip
    choice, before, after = choose(measured, Choice(0, {}, 8), STEPS)
    assert choice == Choice(16, {}, 8)
    assert (before, after) == (1110.0, 160.0)


def test_settings_stay_where_others_save_little() -> None:
    """A kernel retrains its cells: 4 % are not worth it, 10 % are."""
    nearly = timings("mlp", {1: 1.04}, {1: {8: 1.0}})
    assert choose(nearly, Choice(0, {}, 8), STEPS)[0] == Choice(0, {}, 8)
    clearly = timings("mlp", {1: 1.10}, {1: {8: 1.0}})
    assert choose(clearly, Choice(0, {}, 8), STEPS)[0] == Choice(1, {}, 8)


def test_the_models_that_differ_are_overrides() -> None:
    fast = {1: {8: 0.1}, 16: {8: 0.1}, 256: {8: 0.1}}
    slow = {1: {8: 9.0}, 16: {8: 9.0}, 256: {8: 9.0}}
    solo = {1: 1.0, 16: 1.0, 256: 1.0}
    measured = timings("a", solo, fast) + timings("b", solo, fast) + timings("c", solo, slow)
    choice, _, _ = choose(measured, Choice(16, {"elsewhere": 4, "a": 1}, 8), STEPS)
    assert choice == Choice(256, {"elsewhere": 4, "c": 0}, 8)


def test_the_width_that_saves_enough() -> None:
    measured = timings("mlp", {1: 1.0}, {1: {8: 0.5, 32: 0.2}})
    assert choose(measured, Choice(16, {}, 8), STEPS)[0].cohort_width == 32
    level = timings("mlp", {1: 1.0}, {1: {8: 0.5, 32: 0.49}})
    assert choose(level, Choice(16, {}, 8), STEPS)[0].cohort_width == 8


def test_a_kernel_that_does_not_work_is_not_proposed() -> None:
    measured = timings("mlp", {1: 1.0, 16: 1.0}, {})
    choice, before, after = choose(measured, NOW, STEPS)
    assert choice.threshold("mlp") == 0
    assert (before, after) == (math.inf, 1100.0)


def test_a_width_that_does_not_fit_memory_is_not_proposed() -> None:
    measured = timings("mlp", {1: 1.0, 16: 1.0}, {1: {2: 0.5, 8: 0.1}, 16: {2: 0.5}})
    choice, _, after = choose(measured, NOW, STEPS)
    assert after == seconds_naive(measured, choice) < math.inf


def test_nothing_to_choose_changes_nothing() -> None:
    assert choose([], NOW, STEPS)[0] == NOW


TIMES = st.floats(0.01, 10)
CELLS = st.fixed_dictionaries({b: st.tuples(TIMES, TIMES, TIMES) for b in STEPS})


@given(st.dictionaries(st.sampled_from("abc"), CELLS, min_size=1))
def test_no_other_settings_would_save_more_than_is_worth_it(
    drawn: dict[str, dict[int, tuple[float, float, float]]],
) -> None:
    """All thresholds of all models at all widths, tried one by one."""
    measured = [
        t
        for model, cells in drawn.items()
        for t in timings(model, {b: c[0] for b, c in cells.items()},
                         {b: {2: c[1], 8: c[2]} for b, c in cells.items()})
    ]  # fmt: skip
    choice, before, after = choose(measured, NOW, STEPS)
    assert math.isclose(before, seconds_naive(measured, NOW))
    assert math.isclose(after, seconds_naive(measured, choice))
    best = min(
        seconds_naive(measured, Choice(0, dict(zip(drawn, thresholds, strict=True)), width))
        for thresholds in itertools.product([0, *STEPS], repeat=len(drawn))
        for width in (2, 8)
    )
    assert best * (1 - 1e-9) <= after <= best * 1.05**2 * (1 + 1e-9)
