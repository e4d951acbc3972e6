from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from pipeline.settings import Settings
from pipeline.study.session import design_of
from pipeline.study.tune import check
from pipeline.tune.method import Method, default_sampler
from pipeline.tune.question import Question
from pipeline.tune.races import Races
from pipeline.tune.samplers import PRUNERS, SAMPLERS, pruner, sampler, start
from pipeline.tune.storage import check_name
from tests.pipeline.tune.conftest import Open, asking


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"objectives": ("speed",)}, "choose among loss"),
        ({"objectives": ()}, "one objective, or two"),
        ({"objectives": ("loss", "loss")}, "two different"),
        ({"objectives": ("loss", "steps", "error")}, "one or two"),
        ({"batch_sizes": (8, 8)}, "LOW < HIGH"),
        ({"batch_sizes": (0, 8)}, "LOW < HIGH"),
        ({"learning_rates": (1.0, 0.1)}, "0 < LOW < HIGH"),
        ({"goal": 5.0}, "0.05 for 5 %"),
        ({"goal": 0.0}, "positive"),
        ({"replicates": 0}, "replicates"),
    ],
)
def test_bad_questions_name_value_and_remedy(
    changes: dict[str, Any], word: str, question: Question
) -> None:
    with pytest.raises(ValueError, match=word):
        replace(question, **changes)


@pytest.mark.parametrize("name", ["../x", "", "a b", "-x", "x" * 101, "a/b", "é"])
def test_study_names_are_whitelisted(name: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        check_name(name)
    check_name("tune-digits-conv.2_x")


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(ValueError, match="choose one of valley, gp, tpe"):
        Method(sampler="best")
    with pytest.raises(ValueError, match="choose one of none, median"):
        Method(pruner="garden")


def test_every_sampler_and_pruner_is_made(question: Question) -> None:
    made = {type(sampler(name, question, started=4, seed=1)) for name in SAMPLERS}
    assert len(made) == len(SAMPLERS)
    assert len({type(pruner(name, question)) for name in PRUNERS}) == len(PRUNERS)
    two = asking(question, "loss", "steps")
    assert pruner("none", two)
    with pytest.raises(ValueError, match="one objective only"):
        pruner("median", two)
    for name in ("cmaes", "valley"):
        with pytest.raises(ValueError, match=f"{name}, which searches one objective; choose"):
            sampler(name, two, started=4, seed=1)
    assert default_sampler(question) == "valley"
    assert default_sampler(two) == "gp"


def test_the_start_is_stratified_along_the_diagonal(question: Question) -> None:
    for seed in range(20):
        settings = start(question, 6, seed)
        assert len(settings) == 6
        edges = [1347 ** (i / 6) for i in range(7)]
        sizes = sorted(size for size, _ in settings)
        for size, low, high in zip(sizes, edges, edges[1:], strict=False):
            assert round(low) <= size <= round(high)
        rates = sorted(rate for _, rate in settings)
        assert rates[0] < 0.003 * (10 / 0.003) ** 0.34
        assert rates[-1] > 0.003 * (10 / 0.003) ** 0.66
        assert all(0.003 <= rate <= 10 for rate in rates)
        off = [
            math.log(rate / 0.003) / math.log(10 / 0.003) - math.log(size) / math.log(1347)
            for size, rate in settings
        ]
        assert max(map(abs, off)) < 0.25 + 0.06  # whole batch sizes are off by up to half of one
        assert max(off) - min(off) > 0.2  # and not all on one line
    assert start(question, 6, 0) != start(question, 6, 1)


def test_batch_sizes_must_fit_the_data(question: Question, open_session: Open) -> None:
    design = open_session().design
    check(question, design)
    with pytest.raises(ValueError, match=r"1\.\.1347"):
        check(replace(question, batch_sizes=(1, 1348)), design)


def test_a_race_is_one_trial_alone(question: Question, open_session: Open) -> None:
    design = open_session().design
    (plan,) = Races(question, design).of(1024, 0.123456789)
    (race,) = plan.races
    assert race.trials[0].learning_rate == 0.123457
    assert (race.recipe.kernel, race.recipe.race, race.recipe.goal) == ("solo", None, 0.05)
    assert race.recipe.max_steps == 400  # the sweep's budget: its steps, where epochs give fewer
    (full,) = Races(asking(question, "loss", "examples"), design).of(1024, 0.1)
    assert full.recipe.goal is None
    assert full.recipe.max_steps == 16  # equal examples: 12 epochs of 1,347
    assert len(Races(replace(question, replicates=3), design).of(8, 0.1)) == 3


def test_the_digest_tells_other_training_settings(question: Question, settings: Settings,
                                                  open_session: Open) -> None:  # fmt: skip
    opened = open_session()
    other = settings.training.model_copy(update={"seed": 1})
    moved = design_of(settings.model_copy(update={"training": other}), opened.manifest)
    assert Races(question, opened.design).digest() != Races(question, moved).digest()
    boxes = replace(question, batch_sizes=(2, 8))
    assert Races(question, opened.design).digest() == Races(boxes, opened.design).digest()
