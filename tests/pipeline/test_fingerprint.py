from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from pipeline import fingerprint
from pipeline.fingerprint import (
    HARMLESS_MODULES,
    TRAINING_MODULES,
    imported_modules,
    race_fingerprint,
)
from pipeline.trial import Recipe, Trial

TRIALS = (Trial("mlp", 8, 0, 0.1), Trial("mlp", 8, 0, 0.2))
OTHER = {  # another legal value for every field of a recipe
    "seed": 1, "order": "iid", "optimiser": "adamw", "nesterov": True, "kernel": "solo",
    "precision": "32-true", "device": "cuda", "max_steps": 51, "landmarks": (3,),
    "evaluation_ratio": 1.6, "evaluation_batch_size": 65, "evaluate_test": True,
    "quantity": "loss", "goal": 0.5, "race": 3.0,
}  # fmt: skip


@pytest.fixture
def user_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's package of two modules; the factory's module imports the other one."""
    package = tmp_path / "my_nets"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "layer.py").write_text("WIDTH = 3\n")
    (package / "net.py").write_text("from my_nets.layer import WIDTH\n\ndef factory(task): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    forget()
    yield package
    for name in [name for name in sys.modules if name.startswith("my_nets")]:
        del sys.modules[name]
    forget()


def forget() -> None:
    for cached in (fingerprint._network_digest, fingerprint._source_digest, fingerprint._path_of):
        cached.cache_clear()


def of(model: str, recipe: Recipe) -> str:
    forget()
    return race_fingerprint((Trial(model, 8, 0, 0.1),), recipe, "digest")


def test_training_imports_only_modules_known_to_matter_or_not() -> None:
    imported = set(imported_modules("pipeline.training")) - {"models", "pipeline"}
    assert imported == {*TRAINING_MODULES, *HARMLESS_MODULES}


@pytest.mark.parametrize("name", [field.name for field in fields(Recipe)])
def test_every_field_of_the_recipe_counts(name: str, recipe: Recipe) -> None:
    base = replace(recipe, goal=0.1) if name == "race" else recipe
    changed = replace(base, **{name: OTHER[name]})
    assert race_fingerprint(TRIALS, changed, "d") != race_fingerprint(TRIALS, base, "d")


@pytest.mark.parametrize("change", [
    {"batch_size": 9}, {"replicate": 1}, {"learning_rate": 0.3}, {"momentum": 0.5},
    {"weight_decay": 0.1}, {"model": "conv"},
])  # fmt: skip
def test_every_field_of_a_trial_counts(change: dict[str, object], recipe: Recipe) -> None:
    changed = (replace(TRIALS[0], **change),)
    assert race_fingerprint(changed, recipe, "d") != race_fingerprint(TRIALS[:1], recipe, "d")


def test_data_and_mates_count(recipe: Recipe) -> None:
    base = race_fingerprint(TRIALS, recipe, "d")
    assert base == race_fingerprint(TRIALS, recipe, "d")
    assert base != race_fingerprint(TRIALS, recipe, "e")
    assert base != race_fingerprint(TRIALS[:1], recipe, "d")


def test_source_of_a_network_counts_and_comments_do_not(user_network: Path, recipe: Recipe) -> None:
    before, mlp = of("my_nets.net:factory", recipe), of("mlp", recipe)
    layer = user_network / "layer.py"
    layer.write_text('"""What it is."""\n\n# why\nWIDTH   =   3  # units\n')
    assert of("my_nets.net:factory", recipe) == before
    layer.write_text("WIDTH = 4\n")
    assert of("my_nets.net:factory", recipe) != before
    assert of("mlp", recipe) == mlp


def test_registered_networks_depend_on_their_own_modules_alone() -> None:
    assert "models.conv" not in imported_modules("models.mlp")
    assert {"models.layers.convolution", "models.arithmetic"} <= set(
        imported_modules("models.conv")
    )
    assert "models.registry" not in imported_modules("models.lenet")
