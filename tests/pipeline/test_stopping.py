from __future__ import annotations

import itertools
import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipeline.outcome import Ended
from pipeline.stopping import Evaluation, Referee, evaluation_steps
from pipeline.trial import Recipe


@given(st.floats(1.01, 2.0), st.integers(1, 100_000), st.lists(st.integers(1, 200_000), max_size=3))
def test_evaluation_steps_are_geometric_and_hold_landmarks(
    recipe_ratio: float, max_steps: int, landmarks: list[int]
) -> None:
    steps = evaluation_steps(RECIPE(recipe_ratio, max_steps, tuple(landmarks)))
    assert steps[0] == 0
    assert steps[-1] == max_steps
    assert list(steps) == sorted(set(steps))
    assert all(s in steps for s in landmarks if s <= max_steps)
    for before, after in itertools.pairwise(steps):
        assert after <= max(before + 1, math.floor(before * recipe_ratio))


def RECIPE(ratio: float, max_steps: int, landmarks: tuple[int, ...] = ()) -> Recipe:  # noqa: N802
    return Recipe(
        0, "epoch", "sgd", False, "stacked", "32-true", "cpu", max_steps, landmarks, ratio,
        64, False, "error", 0.1, 4.0,
    )  # fmt: skip


GOOD = Evaluation(1.0, 1.0, 0.1)
SHORT = Evaluation(1.0, 1.0, 0.11)
NOT_A_NUMBER = Evaluation(1.0, math.nan, 0.9)
INFINITE = Evaluation(math.inf, 1.0, 0.0)


def test_goal_is_reached_at_or_under_it() -> None:
    assert Referee(RECIPE(1.1, 100)).judge(5, [GOOD, SHORT]) == [Ended.REACHED, None]


def test_loss_goals_look_at_the_loss() -> None:
    recipe = replace(RECIPE(1.1, 100), quantity="loss", goal=0.5)
    evaluations = [Evaluation(1.0, 0.5, 0.9), Evaluation(1.0, 0.51, 0.0)]
    assert Referee(recipe).judge(5, evaluations) == [Ended.REACHED, None]


def test_losses_that_are_not_finite_diverge_even_at_the_goal() -> None:
    verdicts = Referee(RECIPE(1.1, 100)).judge(5, [NOT_A_NUMBER, INFINITE])
    assert verdicts == [Ended.DIVERGED, Ended.DIVERGED]


def test_race_mates_stop_at_the_factor_and_not_before() -> None:
    referee = Referee(RECIPE(1.1, 1000))
    assert referee.judge(10, [GOOD, SHORT, SHORT]) == [Ended.REACHED, None, None]
    assert referee.judge(39, [SHORT, SHORT]) == [None, None]
    assert referee.judge(40, [GOOD, SHORT]) == [Ended.REACHED, Ended.OUTRACED]


SLOW, BETTER = Evaluation(1.0, 2.0, 0.8), Evaluation(1.0, 1.5, 0.5)


def outpaced_at(slow: Evaluation, *, race: float | None = 4.0) -> list[int]:
    """Steps at which a mate that stays at ``slow`` is outpaced by one that is at the goal at 16."""
    referee = Referee(replace(RECIPE(1.1, 1000), race=race))
    ended: list[int] = []
    for step in (1, 2, 3, 4, 8, 15, 16, 17, 20, 24, 25, 32, 40, 63):
        seen = [BETTER] if step < 16 else []
        if step == 2:
            seen = [SHORT]
        if step == 16:
            seen = [GOOD]
        verdicts = referee.judge(step, [*seen, slow])
        if verdicts[-1] is Ended.OUTPACED:
            ended.append(step)
            break
    return ended


def test_who_lies_twice_the_factor_behind_is_outpaced_once_the_goal_is_reached() -> None:
    """At 16 steps it is as good as the best was at 16 / (2 · 4) = 2, or not; never before."""
    assert outpaced_at(SLOW) == [16]
    assert outpaced_at(SHORT) == [], "it is no worse than the best at 2 steps was"
    assert outpaced_at(replace(SLOW, validation_error=0.11)) == [], "its error keeps up"
    assert outpaced_at(replace(SLOW, validation_loss=1.0)) == [], "its loss keeps up"
    assert outpaced_at(SLOW, race=None) == []
    assert outpaced_at(SLOW, race=16.0) == [32], "judged by the first step, 1, which BETTER took"


def test_the_lowest_so_far_counts_and_not_the_last() -> None:
    """A trial that was good once and is not now may still be the next to arrive."""
    referee = Referee(RECIPE(1.1, 1000))
    assert referee.judge(2, [BETTER, SHORT, SLOW]) == [None, None, None]
    assert referee.judge(4, [NOT_A_NUMBER, SLOW, SLOW]) == [Ended.DIVERGED, None, None]
    assert referee.judge(16, [SLOW, GOOD]) == [None, Ended.REACHED], "SHORT at step 2"
    assert referee.judge(40, [SLOW]) == [None]
    assert referee.judge(64, [SLOW]) == [Ended.OUTRACED]


def test_a_step_before_the_first_evaluation_judges_nobody() -> None:
    referee = Referee(RECIPE(1.1, 1000))
    assert referee.judge(4, [GOOD, SLOW]) == [Ended.REACHED, None]
    assert referee.judge(15, [SLOW]) == [None]
    assert referee.judge(16, [SLOW]) == [Ended.OUTRACED]


def test_without_a_race_everyone_runs_to_the_end() -> None:
    referee = Referee(replace(RECIPE(1.1, 100), race=None))
    assert referee.judge(1, [GOOD, SHORT]) == [Ended.REACHED, None]
    assert referee.judge(99, [SHORT]) == [None]
    assert referee.judge(100, [SHORT]) == [Ended.EXHAUSTED]


def test_without_a_goal_nobody_reaches_it() -> None:
    referee = Referee(replace(RECIPE(1.1, 100), race=None, goal=None))
    assert referee.judge(5, [Evaluation(0.0, 0.0, 0.0)]) == [None]
