"""Update rules: Adam and AdamW are torch's, members never influence each other, and SGD stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipeline.images import Prepared
from pipeline.optimisers import LearningRates, Sgd
from pipeline.outcome import Ended
from pipeline.schedules import Schedule
from pipeline.trial import Race, Recipe, Trial
from tests.pipeline.conftest import MakeRace
from tests.pipeline.test_cohort import (
    MODELS,
    assert_equal_results,
    assert_equals_lone_runs,
    train,
)
from tests.slow import slow

RATES = (0.0003, 0.002, 0.01)


@pytest.mark.parametrize("kernel", ["stacked", "solo"])
@pytest.mark.parametrize(
    ("model", "optimiser", "weight_decay"),
    [
        ("mlp", "adam", 0.0),
        ("mlp", "adamw", 0.0),
        *((model, "adamw", 2.0) for model in MODELS),
        ("mlp", "adam", 0.1),
        *(slow(model, "adam", 0.1) for model in MODELS if model != "mlp"),
    ],
)
def test_fifty_steps_equal_torch_optim(
    model: str,
    kernel: str,
    optimiser: str,
    weight_decay: float,
    prepared: Prepared,
    recipe: Recipe,
    make_race: MakeRace,
) -> None:
    # A bias before batch normalisation has no gradient but rounding, which epsilon must swallow.
    epsilon = 1e-4 if model.endswith("batch_norm") else 1e-8
    shared = replace(
        recipe, kernel=kernel, optimiser=optimiser, beta1=0.8, beta2=0.99, epsilon=epsilon
    )
    races = [
        make_race(
            shared,
            model=model,
            batch_size=7,
            replicate=replicate,
            rates=RATES,
            weight_decay=weight_decay,
        )
        for replicate in (0, 1)
    ]
    assert_equals_lone_runs(races, prepared)


@pytest.mark.parametrize(
    ("model", "optimiser"),
    [
        *((model, "adamw") for model in MODELS if model != "lenet"),
        slow("lenet", "adamw"),
        *(slow(model, "adam") for model in MODELS),
    ],
)
def test_members_are_bitwise_equal_at_any_width_and_after_mates_have_left(
    model: str, optimiser: str, prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    shared = replace(
        recipe, optimiser=optimiser, precision="32-true", max_steps=60, goal=0.75, race=1.3,
        evaluation_ratio=2.0,
    )  # fmt: skip
    races = [
        make_race(
            shared,
            model=model,
            batch_size=8,
            replicate=replicate,
            rates=tuple(0.0006 * 2.5**i for i in range(7)),
            weight_decay=0.01,
        )
        for replicate in range(3)
    ]
    widest = train(races, prepared, width=33)
    last_steps = {result.curve.last_step for race in widest for result in race}
    assert len(last_steps) > 1, "nobody left, so nothing was compacted"
    for width in (2, 3, 8):
        for left, right in zip(widest, train(races, prepared, width), strict=True):
            for a, b in zip(left, right, strict=True):
                assert_equal_results(a, b)
    for race, together in zip(races, widest, strict=True):
        for a, b in zip(train([race], prepared)[0], together, strict=True):
            assert_equal_results(a, b)


def test_members_have_decays_of_their_own(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    """Trials of one race that differ in weight decay are what they are alone."""
    shared = replace(recipe, optimiser="adamw", precision="32-true")
    trials = tuple(Trial("mlp", 8, 0, 0.002, 0.0, decay) for decay in (0.0, 0.1, 10.0))
    [together] = train([replace(make_race(shared), trials=trials, fingerprint="x")], prepared)
    assert {result.ended for result in together} == {Ended.FAILED}, "a false name is refused"
    races = [make_race(shared, rates=(0.002,), weight_decay=t.weight_decay) for t in trials]
    apart = [train([race], prepared)[0][0] for race in races]
    assert len({result.curve.validation_loss[-1] for result in apart}) == 3
    from pipeline.fingerprint import race_fingerprint

    named = Race(race_fingerprint(trials, shared, prepared.digest), trials, shared, "grid")
    [together] = train([named], prepared)
    for a, b in zip(apart, together, strict=True):
        assert_equal_results(a, b)


def test_a_race_under_adam_has_no_momentum(recipe: Recipe, make_race: MakeRace) -> None:
    with pytest.raises(ValueError, match="momentum is sgd's; adam has beta1 instead"):
        make_race(replace(recipe, optimiser="adam"), momentum=0.9)


def test_sgd_under_a_constant_schedule_is_the_plain_formula_to_the_bit() -> None:
    """The same operations in single precision: a schedule of nothing adds none."""
    generator = torch.Generator().manual_seed(0)
    rates = torch.tensor([0.1, 0.3, 0.7, 1.3])
    shape = (4, 5, 3)
    parameter, velocity = (torch.randn(shape, generator=generator) for _ in range(2))
    expected, speed = parameter.clone(), velocity.clone()
    momentum, decay = (torch.full((4, 1, 1), value) for value in (0.9, 0.01))
    plain = LearningRates(rates, [3], Schedule("constant", 0.0, 1.0, 10))
    rule = Sgd(plain, [momentum], [decay], nesterov=False)
    for step in range(10):
        gradient = torch.randn(shape, generator=generator)
        rule.step([parameter], [gradient], [[velocity]], step)
        speed = speed * momentum + (gradient + expected * decay)
        expected = expected.addcmul(speed, rates.reshape(4, 1, 1), value=-1)
        assert torch.equal(parameter, expected)
        assert torch.equal(velocity, speed)
