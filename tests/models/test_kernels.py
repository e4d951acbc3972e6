"""Every registered network trains the same under either kernel, and at any width to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.registry import infeasible, names, network
from pipeline.fingerprint import race_fingerprint
from pipeline.images import Prepared, Split
from pipeline.outcome import TrialResult
from pipeline.training import train_cohort
from pipeline.trial import CohortPlan, Race, Recipe
from tests.pipeline.conftest import MakeRace
from tests.slow import slow

DEEP = {"resnet18", "resnet8_gn", "vgg"}  # resnet8 couples examples as resnet18 does
HEAVY = DEEP | {"resnet8", "simple_cnn"}


def in_colour(prepared: Prepared, channels: int) -> Prepared:
    """The same images, each channel shifted by a pixel from the one before."""

    def coloured(split: Split) -> Split:
        shifted = [np.roll(split.images, shift, axis=-1) for shift in range(channels)]
        return Split(np.concatenate(shifted, axis=1), split.labels)

    return replace(
        prepared,
        task=replace(prepared.task, channels=channels),
        train=coloured(prepared.train),
        validation=coloured(prepared.validation),
        test=coloured(prepared.test),
        mean=prepared.mean * channels,
        std=prepared.std * channels,
        digest=f"{channels} channels",
    )


def train(races: list[Race], prepared: Prepared, width: int) -> list[TrialResult]:
    finished = train_cohort(CohortPlan(tuple(races), width), prepared, lambda _: None)
    results = [result for race in finished for result in race.results]
    assert not [r.message for r in results if r.message]
    return results


@pytest.mark.parametrize("name", [slow(n) if n in DEEP else n for n in names()])
def test_both_kernels_train_the_same_network(
    name: str, prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    """To rounding, in double precision; networks that draw random numbers train solo only."""
    if network(name).stochastic:
        pytest.skip("draws random numbers, so it trains solo")
    shared = replace(recipe, max_steps=1 if name == "resnet18" else 6, evaluation_ratio=2.0)
    rates = (0.003, 0.01)
    curves = []
    for kernel in ("stacked", "solo"):
        race = make_race(replace(shared, kernel=kernel), model=name, batch_size=5, rates=rates)
        curves.append([result.curve for result in train([race], prepared, 2)])
    for stacked, solo in zip(*curves, strict=True):
        np.testing.assert_allclose(stacked.validation_loss, solo.validation_loss, rtol=1e-8)
        np.testing.assert_allclose(stacked.train_loss[1:], solo.train_loss[1:], rtol=1e-8)


@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("name", ["conv", slow("lenet")])
def test_colour_images_give_the_same_bits_at_any_width(
    name: str, channels: int, prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    """Torch computes grouped convolutions of few channels with another kernel."""
    coloured = in_colour(prepared, channels)
    shared = replace(recipe, precision="32-true", max_steps=6, evaluation_ratio=3.0)
    rates = tuple(0.003 * 1.2**i for i in range(12))
    races = [
        replace(race, fingerprint=race_fingerprint(race.trials, race.recipe, coloured.digest))
        for race in [make_race(shared, model=name, batch_size=8, rates=rates)]
    ]
    widest = train(races, coloured, 12)
    for width in (2, 3, 5, 11):
        for left, right in zip(widest, train(races, coloured, width), strict=True):
            np.testing.assert_array_equal(left.curve.train_loss, right.curve.train_loss)
            np.testing.assert_array_equal(left.curve.validation_loss, right.curve.validation_loss)


@pytest.mark.parametrize("batch_size", [1, 5, slow(64)])
@pytest.mark.parametrize("name", [slow(n) if n in HEAVY else n for n in names()])
def test_numbers_are_the_same_bits_at_any_width(
    name: str, batch_size: int, prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    if network(name).stochastic:
        pytest.skip("draws random numbers, so it trains solo")
    if infeasible(name, prepared.task, batch_size):
        pytest.skip("infeasible at this batch size")
    shared = replace(recipe, precision="32-true", max_steps=4, evaluation_ratio=3.0)
    rates = tuple(0.003 * 1.2**i for i in range(4))
    races = [
        make_race(shared, model=name, batch_size=batch_size, replicate=r, rates=rates)
        for r in range(3)
    ]
    widest = train(races, prepared, 12)
    for width in (2, 3, 5):
        for left, right in zip(widest, train(races, prepared, width), strict=True):
            for column in ("validation_loss", "train_loss"):
                np.testing.assert_array_equal(
                    getattr(left.curve, column), getattr(right.curve, column)
                )
