"""The settings tree by itself: strict, frozen, and of one mind."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from pipeline.expectations import allowed_keys, example
from pipeline.settings import Budget, KernelSettings, Settings

DEFAULT = Path(__file__).parents[2] / "params.yaml"


def _tree() -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(DEFAULT)


def _put(tree: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    branch = tree
    for key in path[:-1]:
        branch = branch[key]
    branch[path[-1]] = value


def _leaves(above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    return [
        path
        for key in allowed_keys(above)
        for path in (_leaves((*above, key)) if allowed_keys((*above, key)) else [(*above, key)])
    ]


def test_settings_cannot_be_changed() -> None:
    loaded = Settings.model_validate(_tree())
    with pytest.raises(ValidationError, match="frozen"):
        loaded.sweep.replicates = 4


def test_numbers_keep_their_types() -> None:
    tree = _tree()
    _put(tree, ("sweep", "budget", "epochs"), 20)
    epochs = Settings.model_validate(tree).sweep.budget.epochs
    assert isinstance(epochs, float)


@pytest.mark.parametrize("path", _leaves(), ids=".".join)
def test_the_example_that_a_message_gives_is_accepted_there(path: tuple[str, ...]) -> None:
    tree = _tree()
    _put(tree, path, YAML(typ="safe", pure=True).load(f"a: {example(path)}")["a"])
    if path[-1] == "models":
        _put(tree, ("training", "kernel", "overrides"), {})
    if path[-1] == "rules":  # the one example that lacks what another rule asks for
        assert Settings.model_validate(tree).confirm.rules == ("tuned",)
    if path[-1] == "batch_sizes":
        _put(tree, ("confirm", "reference_batch_size"), "full")
    Settings.model_validate(tree)


@pytest.mark.parametrize("path", _leaves(), ids=".".join)
def test_no_setting_accepts_an_object(path: tuple[str, ...]) -> None:
    tree = _tree()
    _put(tree, path, object())
    with pytest.raises(ValidationError):
        Settings.model_validate(tree)


def test_all_conflicts_of_a_branch_are_in_one_message() -> None:
    tree = _tree()
    _put(tree, ("sweep", "goals", "levels"), [0.1, 2.0, 0.1])
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(tree)
    (error,) = refused.value.errors()
    assert error["loc"] == ("sweep", "goals")
    assert error["msg"].split("\n") == [
        "levels.1: an error is a share of examples in (0, 1); write 0.05 for 5 %",
        "levels.2: levels holds 0.1 twice; remove one",
    ]


def test_a_loss_may_exceed_one() -> None:
    tree = _tree()
    _put(tree, ("sweep", "goals"), {"quantity": "loss", "levels": [2.3, 0.5]})
    assert Settings.model_validate(tree).sweep.goals.hardest == 0.5


@given(
    epochs=st.floats(0.01, 100),
    min_steps=st.integers(1, 5000),
    batch_size=st.integers(1, 1000),
    more=st.integers(0, 5000),
)
def test_the_budget_covers_its_epochs_and_no_more(
    epochs: float, min_steps: int, batch_size: int, more: int
) -> None:
    budget, examples = Budget(epochs=epochs, min_steps=min_steps), batch_size + more
    steps = budget.epoch_steps(batch_size, examples)
    assert (steps - 1) * batch_size < epochs * examples * (1 + 1e-12)
    assert steps * batch_size >= epochs * examples * (1 - 1e-12)
    assert budget.max_steps(batch_size, examples) == max(steps, min_steps)


def test_twenty_epochs_of_the_default_study() -> None:
    budget = Budget(epochs=20.0, min_steps=400)
    assert budget.epoch_steps(64, 1347) == math.ceil(20 * 1347 / 64) == 421
    assert budget.max_steps(1347, 1347) == 400


def test_kernel_overrides_win() -> None:
    kernel = KernelSettings(stacked_up_to=64, overrides={"lenet": 0})
    assert (kernel.threshold("mlp"), kernel.threshold("lenet")) == (64, 0)
