"""The valley sampler, and what a tune expects of its settings, on surfaces that are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState

from pipeline.tune.answer import answer
from pipeline.tune.expected import FEWEST, expected, surface
from pipeline.tune.question import Question
from pipeline.tune.samplers import sampler, start
from tests.pipeline.tune.conftest import asking


def cost(batch_size: int, rate: float) -> float:
    """Doublings: least, 10, all along rate = 0.02 B up to 16; a cliff at twice that rate."""
    b, off = math.log2(batch_size), math.log2(rate / (0.02 * min(batch_size, 16)))
    return 16.0 if off > 1 else 10.0 + max(0.0, b - 3) + (0.8 * -off if off < 0 else 1.5 * off)


def study_of(question: Question, seed: int = 0) -> optuna.Study:
    made = optuna.create_study(sampler=sampler("valley", question, started=6, seed=seed))
    for batch_size, rate in start(question, 6, seed):
        made.enqueue_trial({"batch_size": batch_size, "learning_rate": rate})
    return made


def ask(study: optuna.Study, question: Question) -> optuna.Trial:
    return study.ask({
        "batch_size": IntDistribution(*question.batch_sizes, log=True),
        "learning_rate": FloatDistribution(*question.learning_rates, log=True),
    })


def tell(study: optuna.Study, trial: optuna.Trial, value: float, steadied: float) -> None:
    trial.set_user_attr("ended", "reached")
    trial.set_user_attr("steadied", steadied)
    study.tell(trial, value)


def searched(question: Question, seed: int, noise: float = 0.0, trials: int = 18) -> optuna.Study:
    study, generator = study_of(question, seed), np.random.default_rng(seed)
    for _ in range(trials):
        trial = ask(study, question)
        true = cost(**{"batch_size": trial.params["batch_size"],
                       "rate": trial.params["learning_rate"]})  # fmt: skip
        lucky, little = generator.standard_normal(2)
        tell(study, trial, true + noise * lucky, true - 1 + 0.4 * noise * little)
    return study


def test_it_finds_a_slanting_valley(question: Question) -> None:
    worths = []
    for seed in range(8):
        study = searched(question, seed, noise=0.4)
        best = answer(study, question).best[0]
        worths.append(cost(best.batch_size, best.learning_rate))
    assert np.mean(worths) < 10.35  # 10 is the least
    assert max(worths) < 11


def test_the_answer_is_not_the_luckiest(question: Question) -> None:
    """One trial in the middle of nowhere was told as if it were the best by far."""
    study = searched(question, 1)
    lucky = ask(study, question)
    known = expected(question, study.trials[:-1])
    assert known is not None
    lucky_place = {"batch_size": 256, "learning_rate": 0.3}
    study.tell(lucky, state=TrialState.FAIL)
    study.add_trial(
        optuna.create_trial(
            params=lucky_place,
            distributions={"batch_size": IntDistribution(1, 1347, log=True),
                           "learning_rate": FloatDistribution(0.003, 10, log=True)},
            value=9.9,  # the goal by luck
            user_attrs={"ended": "reached", "steadied": cost(256, 0.3) - 1},
        )
    )  # fmt: skip
    found = answer(study, question)
    assert study.best_trial.params == lucky_place
    assert found.best[0].batch_size < 64
    assert all(f.batch_size != 256 for f in found.best)


def test_expected_costs_are_in_the_goals_own_units(question: Question) -> None:
    """Levels short of the goal cost half as much here; the expectation is of the goal's cost."""
    study = searched(question, 2)
    found = answer(study, question)
    best = found.best[0]
    assert best.expected == pytest.approx(best.values[0], abs=0.3)
    document = found.document()["best"][0]
    assert document["expected"] == pytest.approx(2**best.expected)
    assert "expected (its own trial) examples" in found.text()


def test_proposals_keep_apart_and_inside(question: Question) -> None:
    narrow = replace(question, batch_sizes=(1, 4), learning_rates=(0.01, 0.1))
    study = searched(narrow, 0, trials=20)
    places = np.array([
        [math.log2(t.params["batch_size"]), math.log2(t.params["learning_rate"])]
        for t in study.trials[6:]
    ])  # fmt: skip
    assert all(1 <= t.params["batch_size"] <= 4 for t in study.trials)
    assert all(0.01 <= t.params["learning_rate"] <= 0.1 for t in study.trials)
    apart = np.abs(places[:, None] - places[None]).max(axis=-1) + 9 * np.eye(len(places))
    assert apart.min() > 0.249


def test_a_box_in_which_all_was_tried_goes_on_at_random(question: Question) -> None:
    tiny = replace(question, batch_sizes=(1, 2), learning_rates=(0.01, 0.0102))
    assert len(searched(tiny, 0, trials=15).trials) == 15


def test_parallel_proposals_differ(question: Question) -> None:
    study = searched(question, 3, trials=8)
    places = [ask(study, question).params for _ in range(4)]
    assert all(a != b for i, a in enumerate(places) for b in places[:i])
    off = [abs(math.log2(a["batch_size"] / b["batch_size"])) > 0.24
           or abs(math.log2(a["learning_rate"] / b["learning_rate"])) > 0.24
           for i, a in enumerate(places) for b in places[:i]]  # fmt: skip
    assert all(off)


def test_the_same_seed_proposes_the_same(question: Question) -> None:
    one, two, other = (
        [t.params for t in searched(question, 4, trials=9).trials],
        [t.params for t in searched(question, 4, trials=9).trials],
        [t.params for t in searched(question, 5, trials=9).trials],
    )
    assert one == two != other


def test_what_fails_is_not_proposed_again(question: Question) -> None:
    study, failed = study_of(question), 0
    for _ in range(24):
        trial = ask(study, question)
        if trial.params["batch_size"] < 4:  # out of memory, say
            trial.set_user_attr("ended", "out_of_memory")
            study.tell(trial, state=TrialState.FAIL)
            failed += 1
        else:
            value = cost(trial.params["batch_size"], trial.params["learning_rate"])
            tell(study, trial, value, value)
    assert failed < 12
    assert expected(question, study.trials) is not None


def test_few_trials_and_other_questions_are_ranked_by_their_values(question: Question) -> None:
    study = searched(question, 0, trials=FEWEST - 1)
    assert surface(question, study.trials) is None
    found = answer(study, question)
    assert all(f.expected is None for f in found.best)
    assert [f.values for f in found.best] == sorted(f.values for f in found.best)
    assert found.document()["best"][0]["expected"] is None
    more = searched(question, 0, trials=12)
    assert expected(asking(question, "loss"), more.trials) is None
    assert expected(asking(question, "loss", "steps"), more.trials) is None


def test_a_setting_is_listed_once(question: Question) -> None:
    study = searched(question, 0, trials=10)
    for _ in range(3):
        study.enqueue_trial(study.best_trial.params)
        trial = ask(study, question)
        tell(study, trial, study.best_value, study.best_trial.user_attrs["steadied"])
    best = answer(study, question).best
    assert len({(f.batch_size, f.learning_rate) for f in best}) == len(best) == 5


def test_a_study_begun_before_costs_were_steadied_goes_on_by_its_values(question: Question) -> None:
    study = searched(question, 0, trials=8)
    old = optuna.create_study()
    for i, trial in enumerate(study.trials):
        kept = {"ended": "reached"} | ({"steadied": trial.user_attrs["steadied"]} if i > 3 else {})
        old.add_trial(optuna.create_trial(params=trial.params, distributions=trial.distributions,
                                          value=trial.value, user_attrs=kept))  # fmt: skip
    plain, mixed = surface(question, study.trials), surface(question, old.trials)
    assert plain is not None
    assert mixed is not None
    assert mixed.centre == pytest.approx(plain.centre + 1)  # steadied costs are 1 less here


@pytest.mark.parametrize("state", [TrialState.RUNNING, TrialState.FAIL])
def test_half_a_setting_left_by_a_stop_is_passed_over(
    state: TrialState, question: Question
) -> None:
    study = searched(question, 0, trials=8)
    half = study.ask({"batch_size": IntDistribution(1, 1347, log=True)})
    half.set_user_attr("ended", "failed")
    if state is TrialState.FAIL:
        study.tell(half, state=state)
    assert ask(study, question).params.keys() == {"batch_size", "learning_rate"}
    assert surface(question, study.trials) is not None
