"""`full` resolves to the training split, and nothing exceeds it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.batch_sizes import resolved_batch_sizes, resolved_reference
from pipeline.settings import Settings

DEFAULT = Path(__file__).parents[2] / "params.yaml"


def _settings(sizes: list[int | str], reference: int | str) -> Settings:
    tree = YAML(typ="safe", pure=True).load(DEFAULT)
    tree["sweep"]["batch_sizes"] = sizes
    tree["confirm"]["reference_batch_size"] = reference
    return Settings.model_validate(tree)


def test_full_is_the_training_split() -> None:
    settings = _settings(["full", 64, 1], "full")
    assert resolved_batch_sizes(settings, 1347) == (1, 64, 1347)
    assert resolved_reference(settings, 1347) == 1347


def test_numbers_stay() -> None:
    settings = _settings([1347, 64], 64)
    assert resolved_batch_sizes(settings, 1347) == (64, 1347)
    assert resolved_reference(settings, 1347) == 64


@pytest.mark.parametrize(("sizes", "middle"), [([64], 64), ([8, 64], 64), ([1, "full", 8], 8)])
def test_middle_is_the_middle_one_or_the_larger_of_two(sizes: list[int | str], middle: int) -> None:
    assert resolved_reference(_settings(sizes, "middle"), 1347) == middle


def test_the_training_split_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"full is 1347 too, the training split; remove one"):
        resolved_batch_sizes(_settings([1347, "full"], "full"), 1347)


def test_more_than_the_training_split_is_refused() -> None:
    with pytest.raises(ValueError, match="has 100 examples; write full for all"):
        resolved_batch_sizes(_settings([1, 101], 1), 100)
