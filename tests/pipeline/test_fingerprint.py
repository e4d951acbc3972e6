from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from pipeline import fingerprint, source
from pipeline.fingerprint import (
    HARMLESS_MODULES,
    PROBE_MODULES,
    TRAINING_MODULES,
    race_fingerprint,
)
from pipeline.images import Prepared
from pipeline.outcome import Ended
from pipeline.source import imported_modules
from pipeline.training import train_cohort
from pipeline.trial import CohortPlan, Recipe, Trial
from tests.pipeline.conftest import MakeRace

TRIALS = (Trial("mlp", 8, 0, 0.1), Trial("mlp", 8, 0, 0.2))
OTHER = {  # another legal value for every field of a recipe
    "seed": 1, "order": "iid", "optimiser": "adamw", "nesterov": True, "kernel": "solo",
    "precision": "32-true", "device": "cuda", "max_steps": 51, "landmarks": (3,),
    "evaluation_ratio": 1.6, "evaluation_batch_size": 65, "evaluate_test": True,
    "quantity": "loss", "goal": 0.5, "race": 3.0, "schedule": "linear", "warmup": 0.1,
    "final": 0.5, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6,
}  # fmt: skip


@pytest.fixture
def user_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's package of two modules; the factory's module imports the other one."""
    package = tmp_path / "my_nets"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "layer.py").write_text("WIDTH = 3\n")
    (package / "net.py").write_text(
        "import my_sizes\nfrom .layer import WIDTH\n\ndef factory(task): ...\n"
    )
    (tmp_path / "my_sizes.py").write_text("HEIGHT = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    forget()
    yield package
    for name in [name for name in sys.modules if name.startswith("my_nets")]:
        del sys.modules[name]
    forget()


def forget() -> None:
    for cached in (fingerprint._network_digest, source.source_digest, source._path_of):
        cached.cache_clear()


def of(model: str, recipe: Recipe) -> str:
    forget()
    return race_fingerprint((Trial(model, 8, 0, 0.1),), recipe, "digest")


def test_training_imports_only_modules_known_to_matter_or_not() -> None:
    imported = set(imported_modules("pipeline.training")) - {"models", "pipeline"}
    assert imported == {*TRAINING_MODULES, *PROBE_MODULES, *HARMLESS_MODULES}


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
    changed = of("my_nets.net:factory", recipe)
    (user_network.parent / "my_sizes.py").write_text("HEIGHT = 4\n")
    assert of("my_nets.net:factory", recipe) != changed
    assert of("mlp", recipe) == mlp


def test_registered_networks_depend_on_their_own_modules_alone() -> None:
    assert "models.conv" not in imported_modules("models.mlp")
    assert {"models.layers.convolution", "models.arithmetic"} <= set(
        imported_modules("models.conv")
    )
    assert "models.registry" not in imported_modules("models.lenet")


def test_following_imports_imports_nothing() -> None:
    code = (
        "import sys; from pipeline.source import imported_modules;"
        "print(len(imported_modules('models.conv')), 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, torch_imported = said.stdout.split()
    assert int(count) >= 5
    assert torch_imported == "False"


def test_results_of_edited_source_are_not_filed_under_the_planned_one(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    stale = replace(make_race(recipe), fingerprint="0" * 32)
    [result] = train_cohort(CohortPlan((stale,), 8), prepared, lambda _: None)
    assert {r.ended for r in result.results} == {Ended.FAILED}
    assert "changed while the study ran" in result.results[0].message
    assert not result.final
