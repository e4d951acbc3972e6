from __future__ import annotations

import inspect
import json
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from models.shape import Task
from pipeline.manifest import Manifest, write_manifest
from pipeline.stages import analyse
from pipeline.study.places import PARAMS, PREPARED, Places
from tests.pipeline.planted import TRAIN_EXAMPLES
from tests.pipeline.synthetic import synthetic_settings, synthetic_study

SWEEP, CONFIRM, ESTIMATES = Places().sweep, Places().confirm, Places().estimates


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's root, up to the analyse stage."""
    study = synthetic_study()
    monkeypatch.chdir(tmp_path)
    with PARAMS.open("w", encoding="utf-8") as file:
        YAML().dump(synthetic_settings(), file)
    PREPARED.mkdir(parents=True)
    counts = {"train_examples": TRAIN_EXAMPLES, "validation_examples": 225, "test_examples": 225}
    fractions = {"validation_fraction": 0.125, "test_fraction": 0.125}
    manifest = Manifest(
        "digits", Task(1, 8, 8, 10), 0, **fractions, **counts, mean=(0.0,), std=(1.0,), files={}
    )
    write_manifest(PREPARED, manifest)
    for folder, phase in ((SWEEP, "sweep"), (CONFIRM, "confirm")):
        folder.mkdir(parents=True)
        for name in ("trials", "curves", "cells"):
            getattr(study, f"{phase}_{name}").to_parquet(folder / f"{name}.parquet", index=False)
    study.assignments.to_parquet(CONFIRM / "assignments.parquet", index=False)
    return tmp_path


def analyse_once() -> bytes:
    inspect.unwrap(analyse.main)()  # without the guard, which is for a process of its own
    return ESTIMATES.read_bytes()


def test_the_stage_writes_the_document_and_the_same_bytes_again(
    project: Path,
) -> None:
    written = analyse_once()
    document = json.loads(written)
    assert (document["dataset"], list(document["models"])) == ("digits", ["mlp", "conv", "lenet"])
    assert all(fit["resolved"] for fit in document["models"]["conv"]["trade_off"])
    assert written.endswith(b"}\n")
    trials = pd.read_parquet(SWEEP / "trials.parquet")
    trials.sample(frac=1, random_state=1).to_parquet(SWEEP / "trials.parquet", index=False)
    assert analyse_once() == written
    assert [path.name for path in ESTIMATES.parent.glob("*est*")] == ["estimates.json"]
    assert project.joinpath(ESTIMATES).exists()


def test_a_stage_that_breaks_leaves_the_last_document(project: Path) -> None:
    written = analyse_once()
    curves = pd.read_parquet(SWEEP / "curves.parquet")
    pd.concat([curves, curves]).to_parquet(SWEEP / "curves.parquet", index=False)
    with pytest.raises(ValueError, match="an evaluation twice"):
        analyse_once()
    assert project.joinpath(ESTIMATES).read_bytes() == written
