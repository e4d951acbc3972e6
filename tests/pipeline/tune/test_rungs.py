from __future__ import annotations

import math

import pytest

from pipeline.outcome import Row
from pipeline.tune.question import Question
from pipeline.tune.rungs import RUNGS, Climb, Rungs
from tests.pipeline.tune.conftest import asking


def row(step: int, loss: float, error: float = 0.5) -> Row:
    return Row(step, loss, error, 0.0, math.nan, math.nan)


def test_batch_sizes_meet_at_equal_examples(question: Question) -> None:
    """A rung is passed at the first evaluation that has cost as much, whatever the batch size."""
    rungs = Rungs(asking(question, "loss"), unit=64.0)
    small, large = Climb(rungs, 8), Climb(rungs, 64)
    for step in range(1, 33):
        small.see(row(step, 10.0 - step / 8))
    for step in range(1, 5):
        large.see(row(step, 10.0 - step))
    assert small.heights == large.heights == [9.0, 8.0, 6.0]


def test_steps_are_compared_at_equal_steps(question: Question) -> None:
    rungs = Rungs(asking(question, "steps"), unit=2.0)
    climbs = [Climb(rungs, size) for size in (1, 1024)]
    for climb in climbs:
        climb.see(row(4, 1.0))
        assert climb.heights == [1.0, 1.0]


def test_the_best_so_far_counts_and_infinities_do_not(question: Question) -> None:
    climb = Climb(Rungs(asking(question, "error"), unit=1.0), 1)
    for step, error in ((1, 0.4), (2, math.nan), (4, 0.6), (8, 0.1)):
        climb.see(row(step, 1.0, error))
    assert climb.heights == [0.4, 0.4, 0.4, 0.1]
    before = list(climb.heights)
    climb.see(row(1, 1.0, 0.4))  # told again by a worker that took over
    assert climb.heights == before


def test_a_trial_that_ended_early_stays_on_every_rung(question: Question) -> None:
    climb = Climb(Rungs(question, unit=1.0), 1)
    climb.see(row(3, 0.25))
    climb.end()
    assert climb.heights == [0.25] * len(RUNGS)


@pytest.mark.parametrize("objective", ["loss", "examples", "seconds"])
def test_what_is_reported_is_the_loss(objective: str, question: Question) -> None:
    climb = Climb(Rungs(asking(question, objective), unit=1.0), 1)
    climb.see(row(1, 2.5, 0.1))
    assert climb.heights == [2.5]


def test_an_error_beside_a_loss_that_is_not_finite_is_not_reported(question: Question) -> None:
    climb = Climb(Rungs(asking(question, "error"), unit=1.0), 1)
    climb.see(row(1, 1.0, 0.8))
    climb.see(row(2, math.nan, 0.1))
    assert climb.heights == [0.8, 0.8]


@pytest.mark.parametrize("objective", ["loss", "error"])
def test_nothing_is_reported_beside_a_training_loss_that_is_not_finite(
    objective: str, question: Question
) -> None:
    climb = Climb(Rungs(asking(question, objective), unit=1.0), 1)
    climb.see(row(0, 0.9, 0.9)._replace(train_loss=math.nan))  # step 0 has none
    assert climb.best == 0.9
    climb.see(row(1, 0.1, 0.1)._replace(train_loss=math.inf))
    assert climb.heights == [0.9]
