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


def test_without_a_race_everyone_runs_to_the_end() -> None:
    referee = Referee(replace(RECIPE(1.1, 100), race=None))
    assert referee.judge(1, [GOOD, SHORT]) == [Ended.REACHED, None]
    assert referee.judge(99, [SHORT]) == [None]
    assert referee.judge(100, [SHORT]) == [Ended.EXHAUSTED]


def test_without_a_goal_nobody_reaches_it() -> None:
    referee = Referee(replace(RECIPE(1.1, 100), race=None, goal=None))
    assert referee.judge(5, [Evaluation(0.0, 0.0, 0.0)]) == [None]
