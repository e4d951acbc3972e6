"""Boxes that change on the way: who can follow, and that nobody else tries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import optuna
import pytest

from pipeline.tune.boxes import boxes_of, check_boxes
from pipeline.tune.method import Method, study_of
from pipeline.tune.question import Question
from pipeline.tune.samplers import SAMPLERS, sampler
from tests.pipeline.tune.conftest import asking

FOLLOW = ("valley", "random")
STAY = tuple(name for name in SAMPLERS if name not in FOLLOW)
HIGHER: dict[str, Any] = {"batch_sizes": (700, 1347), "learning_rates": (20.0, 30.0)}


def going_on(question: Question, storage: str, name: str) -> optuna.Study:
    return study_of(question, Method(name, startup=2), (storage, "t"), "digest")


def searched(
    question: Question, storage: str, name: str = "random", trials: int = 2
) -> optuna.Study:
    study = going_on(question, storage, name)
    for value in range(trials):
        study.tell(study.ask(boxes_of(question)), [float(value) for _ in question.objectives])
    return study


@pytest.mark.parametrize("name", STAY)
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"batch_sizes": (1, 512)}, "batch_sizes was 1..1347 in its trial 0, not 1..512"),
        ({"learning_rates": (0.003, 20.0)}, "learning_rates was 0.003..10.0 in .*, not .*..20.0"),
    ],
)
def test_samplers_that_need_one_box_refuse_another(
    name: str, changes: dict[str, Any], says: str, question: Question, storage: str
) -> None:
    study = searched(question, storage, name)
    before = study.trials
    with pytest.raises(ValueError, match=rf"{says}.*{name}.*--study.*--sampler valley"):
        going_on(replace(question, **changes), storage, name)
    assert optuna.load_study(study_name="t", storage=storage).trials == before
    going_on(question, storage, name)


@pytest.mark.parametrize("name", FOLLOW)
def test_the_others_search_the_box_of_today(name: str, question: Question, storage: str) -> None:
    searched(question, storage, name)
    elsewhere = replace(question, **HIGHER)
    study = searched(elsewhere, storage, name, 4)
    for trial in study.trials[2:]:
        assert 700 <= trial.params["batch_size"] <= 1347
        assert 20 <= trial.params["learning_rate"] <= 30


@pytest.mark.parametrize("name", SAMPLERS)
def test_who_refuses_is_who_would_not_search_the_new_box(name: str, question: Question) -> None:
    """Optuna's own behaviour, which another version of it may change."""
    wider = replace(question, batch_sizes=(1, 2000), learning_rates=(0.003, 20.0))
    study = optuna.create_study(sampler=sampler(name, question, started=2, seed=0))
    for of in (question, question, wider):
        study.tell(study.ask(boxes_of(of)), 1.0)
    study.sampler = sampler(name, wider, started=2, seed=0)
    jointly = study.sampler.infer_relative_search_space(study, study.trials[-1])
    assert (jointly == boxes_of(wider)) is (name == "valley")
    assert name in STAY or name == "valley" or not jointly  # random: it searches nothing jointly


def test_the_recorded_boxes_are_not_enough(question: Question, storage: str) -> None:
    """Valley moved them, and then gp is asked for those that the study began with."""
    searched(question, storage, "valley")
    searched(replace(question, batch_sizes=(1, 64)), storage, "valley")
    with pytest.raises(ValueError, match=r"batch_sizes was 1..64 in its trial 2, not 1..1347"):
        going_on(question, storage, "gp")


def test_trials_that_failed_bind_nobody(question: Question, storage: str) -> None:
    """Out of memory at the first: the box is made smaller."""
    study = going_on(question, storage, "gp")
    study.tell(study.ask(boxes_of(question)), state=optuna.trial.TrialState.FAIL)
    check_boxes(study, replace(question, batch_sizes=(1, 64)), "gp")


def test_two_objectives_are_pointed_to_a_sampler_that_serves_them(
    question: Question, storage: str
) -> None:
    both = asking(question, "loss", "steps")
    searched(both, storage, "nsgaii")
    with pytest.raises(ValueError, match=r"--sampler random"):
        going_on(replace(both, batch_sizes=(1, 64)), storage, "gp")
