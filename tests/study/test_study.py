"""The whole study under dvc: what it makes, and what a change makes it train again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.study.conftest import ROOT, Clone

SWEEP, CONFIRM = 2 * 3 * 2 * 4, 2 * 2 * 3  # trials of the grid; of confirm where all rules agree


def test_the_study_makes_everything_and_then_does_nothing(uninterrupted: Clone) -> None:
    folder = uninterrupted.folder
    assert "<html" in (folder / "report" / "index.html").read_text()
    assert len(list((folder / "report" / "figures").glob("*.svg"))) >= 6
    json.loads((folder / "results" / "estimates.json").read_text())
    assert len(uninterrupted.trials()) == SWEEP
    assert uninterrupted.trained() == SWEEP + len(uninterrupted.trials("confirm"))
    assert len(uninterrupted.trials("confirm")) >= CONFIRM
    assert "Data and pipelines are up to date" in uninterrupted.repro()
    status = subprocess.run(
        ["dvc", "status"], cwd=folder, env=uninterrupted.environment, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    assert "up to date" in status.stdout


def test_show_counts_weights_that_confirm_still_wants(copy: Clone) -> None:
    def shown() -> tuple[str, int]:
        found = json.loads(copy.batchscope("study", "show", "--json"))
        return found["state"], found["confirm"]["planned"] - found["confirm"]["done"]

    assert shown() == ("finished", 0)
    next((copy.folder / "ledger").glob("*.npz")).unlink()
    assert shown() == ("interrupted", 1)


@pytest.mark.parametrize("stage", ["sweep", "confirm"])
def test_a_stage_with_nothing_to_train_opens_no_database(
    stage: str, copy: Clone, uninterrupted: Clone
) -> None:
    code = f"""
import sys
from pipeline.stages.{stage} import main
main()
assert not {{"mlflow", "optuna", "sqlalchemy"}} & set(sys.modules)
"""
    databases = {name: (copy.folder / name).read_bytes() for name in ("mlflow.db", "optuna.db")}
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=copy.folder, env=copy.environment, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert f"{stage}: {len(copy.trials(stage))} trials planned" in said.stderr
    assert copy.table(f"{stage}/trials") == uninterrupted.table(f"{stage}/trials")
    assert {name: (copy.folder / name).read_bytes() for name in databases} == databases


def test_restore_refuses_tables_beyond_the_reach_of_params_yaml(copy: Clone) -> None:
    copy.set({"sweep.learning_rates.high": "0.05", "sweep.expand.rounds": "0"})
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "restore"], cwd=copy.folder,
        env=copy.environment, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "results/sweep holds learning rates up to" in done.stderr
    assert "beyond what sweep.learning_rates and sweep.expand in params.yaml reach" in done.stderr


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def new(trials: pd.DataFrame, known: set[str]) -> pd.DataFrame:
    return trials[~trials["fingerprint"].isin(known)]


@pytest.mark.slow
def test_a_change_trains_what_it_concerns_and_nothing_else(clone: Clone) -> None:
    clone.repro()
    before = clone.trained()

    def newly_trained() -> tuple[int, int]:
        """Trials of the sweep and of confirm since the last call."""
        nonlocal before
        clone.repro()
        total, was = clone.trained(), before
        before = total
        return total - was, len(clone.trials())

    edit(clone.folder / "models" / "conv.py", "_KERNEL = 3\n", "_KERNEL = 3  # pixels\n")
    assert newly_trained() == (0, SWEEP)
    palette = clone.folder / "pipeline" / "figures" / "palette.py"
    palette.write_text(f"{palette.read_text()}\nNEW_SHADE = '#123456'\n")
    clone.set({"analysis.confidence": "0.9"})
    assert newly_trained() == (0, SWEEP)

    known = set(clone.trials()["fingerprint"])
    clone.set({"sweep.batch_sizes": "[16, 32, 64, 256]"})
    newly_trained()
    added = new(clone.trials(), known)
    assert set(added["batch_size"]) == {32}
    assert len(added) == 2 * 2 * 4

    known = set(clone.trials()["fingerprint"])
    clone.set({"sweep.replicates": "3"})
    newly_trained()
    added = new(clone.trials(), known)
    assert set(added["replicate"]) == {2}
    assert len(added) == 2 * 4 * 4

    known = set(clone.trials("confirm")["fingerprint"])
    clone.set({"confirm.replicates": "3"})
    newly_trained()
    added = new(clone.trials("confirm"), known)
    assert set(added["replicate"]) == {1002}

    known = set(clone.trials()["fingerprint"]) | set(clone.trials("confirm")["fingerprint"])
    clone.set({"models": "[mlp, conv, lenet]"})
    newly_trained()
    for phase in ("sweep", "confirm"):
        added = new(clone.trials(phase), known)
        assert set(added["model"]) == {"lenet"}

    known = set(clone.trials()["fingerprint"]) | set(clone.trials("confirm")["fingerprint"])
    edit(clone.folder / "models" / "conv.py", "_CHANNELS = (8, 16)", "_CHANNELS = (8, 12)")
    newly_trained()
    for phase in ("sweep", "confirm"):
        added = new(clone.trials(phase), known)
        assert set(added["model"]) == {"conv"}
        assert len(added) == len(clone.trials(phase).query("model == 'conv'"))

    clone.set({"data.split_seed": "1"})
    trained, planned = newly_trained()
    assert trained == planned + len(clone.trials("confirm"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{"training.workers": "1"}] + [{"training.cohort_width": width} for width in ("2", "8", "32")],
    ids=str,
)
def test_tables_are_the_same_bytes_however_the_work_is_cut(
    changes: dict[str, str], clone: Clone, uninterrupted: Clone
) -> None:
    clone.set(changes)
    clone.repro()
    for name in ("sweep/trials", "sweep/curves", "confirm/trials", "confirm/curves"):
        assert clone.table(name) == uninterrupted.table(name), name
    assert (clone.folder / "results" / "estimates.json").read_bytes() == (
        uninterrupted.folder / "results" / "estimates.json"
    ).read_bytes()


def test_bad_settings_stop_the_study_before_anything_runs(clone: Clone) -> None:
    clone.set({"sweep.race": "0.5"})
    process = clone.start()
    said, _ = process.communicate(timeout=100)
    assert process.returncode != 0
    assert "sweep.race is 0.5" in said
    assert "Traceback" not in said
    assert not (clone.folder / "data").exists() or not any((clone.folder / "data").glob("*/*"))


def test_stages_exit_with_2_on_bad_settings(clone: Clone) -> None:
    clone.set({"sweep.race": "0.5"})
    stages = ("download", "prepare", "sweep", "confirm", "analyse", "report")
    running = [
        subprocess.Popen(
            [sys.executable, "-m", f"pipeline.stages.{stage}"], cwd=clone.folder,
            env=clone.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for stage in stages
    ]  # fmt: skip
    for stage, process in zip(stages, running, strict=True):
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 2, stage
        assert "params.yaml:" in errors
        assert "Traceback" not in errors


def test_nothing_of_the_project_names_a_registry_or_a_folder_of_ours() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--index-url" not in lock


@pytest.mark.slow
def test_an_infeasible_cell_is_declared_in_table_and_report(clone: Clone) -> None:
    model = "tests.pipeline.networks:batch_norm"
    clone.set({
        "models": f"['{model}']",
        "sweep.batch_sizes": "[1, 64]",
        "confirm.reference_batch_size": "64",
    })
    clone.repro()
    for phase in ("sweep", "confirm"):
        cells = pd.read_parquet(clone.folder / "results" / phase / "cells.parquet")
        cell = cells.set_index("batch_size").loc[1]
        assert not cell["feasible"]
        assert "more than 1 value per channel" in cell["reason"]
        assert cell["trials"] == 0
        assert set(clone.trials(phase)["batch_size"]) == {64}
    assert "more than 1 value per channel" in (clone.folder / "report" / "index.html").read_text()
