"""MLflow is away, takes no files or can't hold a network: what a finished study does then."""

from __future__ import annotations

import shutil
import subprocess
import sys

import optuna
import pandas as pd
import pytest
from mlflow import MlflowClient

from tests.study.conftest import Clone

pytestmark = pytest.mark.slow  # a study is made for these alone
GONE = "http://127.0.0.1:9"  # nobody listens there


def run(clone: Clone, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=clone.folder, env=clone.environment, text=True,
        capture_output=True, check=False,
    )  # fmt: skip


def restore(clone: Clone) -> subprocess.CompletedProcess[str]:
    return run(clone, "-m", "pipeline.cli", "restore")


def forget(clone: Clone) -> None:
    """All that is not among the outputs; MLflow's runs name a folder that is not the copy's."""
    for file in (clone.folder / "ledger").glob("*.*"):
        file.unlink()
    for name in ("mlflow.db", "optuna.db"):
        (clone.folder / name).unlink()
    shutil.rmtree(clone.folder / "mlartifacts")


def studies(clone: Clone) -> dict[str, dict[tuple[str, int], float | None]]:
    """Values of Optuna's trials, by study and trial."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{clone.folder}/optuna.db")
    return {
        study.study_name: {
            (trial.user_attrs["fingerprint"], trial.user_attrs["member"]): trial.value
            for trial in storage.get_all_trials(storage.get_study_id_from_name(study.study_name))
        }
        for study in storage.get_all_studies()
    }


def test_restore_without_mlflow_restores_all_else_and_fails(copy: Clone) -> None:
    before, trained = studies(copy), copy.trained()
    forget(copy)
    copy.set({"tracking.uri": GONE})
    done = restore(copy)
    assert done.returncode == 2, done.stderr
    assert copy.trained() == trained
    assert studies(copy) == before
    assert f"warning: tracking.uri is '{GONE}'" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: the ledger is restored, and what")


def test_a_stage_with_nothing_to_train_needs_no_mlflow(copy: Clone) -> None:
    before = copy.table()
    (copy.folder / "results" / "sweep" / "trials.parquet").unlink()
    copy.set({"tracking.uri": GONE})
    done = run(copy, "-m", "pipeline.stages.sweep")
    assert done.returncode == 0, done.stderr
    assert f"warning: tracking.uri is '{GONE}'" in done.stderr
    assert copy.table() == before


def test_artifacts_that_are_not_taken_cost_the_report_a_warning(copy: Clone) -> None:
    forget(copy)
    (copy.folder / "mlartifacts").write_text("where a folder is to be")
    done = restore(copy)
    assert done.returncode == 2, done.stderr
    assert "warning: the report of " in done.stderr
    done = run(copy, "-m", "pipeline.stages.report")
    assert done.returncode == 0, done.stderr
    assert "warning: the report of " in done.stderr
    assert "Not a directory" in done.stderr
    assert "batchscope restore adds what MLflow lacks" in done.stderr


FICKLE = """
from pathlib import Path
from torch import nn
from pipeline import predictor
from pipeline.settings_file import load_settings
from pipeline.study.places import Places
from pipeline.study.restore import restore

class Fickle(nn.Module):
    def forward(self, images):
        return images.flatten(1)[:, :10] if images.sum() > 0 else images.flatten(1)[:, 1:11]

whole = predictor.predictor
predictor.predictor = lambda model, *rest: (
    Fickle().eval() if model == "mlp" else whole(model, *rest)
)
restore(load_settings(Path("params.yaml")), Places())
"""


def test_a_network_that_cannot_be_exported_is_named_and_the_others_are_shown(copy: Clone) -> None:
    forget(copy)
    done = run(copy, "-c", FICKLE)
    assert done.returncode == 0, done.stderr
    assert "warning: mlp at batch size 16 can't be exported: Could not guard on" in done.stderr
    uri = f"sqlite:///{copy.folder}/mlflow.db"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.get_experiment_by_name("batchscope")
    assert experiment
    found = client.search_logged_models([experiment.experiment_id])
    assert {(m.tags["batchscope.model"], str(m.status)) for m in found} == {("conv", "READY")}
    (registered,) = client.search_registered_models()
    assert registered.name == "batchscope-digits-conv"
    assert "recommended" in registered.aliases


def test_a_pilot_is_restored_to_mlflow_and_the_ledger_but_not_to_optuna(copy: Clone) -> None:
    before, swept, trained = studies(copy), copy.folder / "results" / "sweep", copy.trained()
    piloted = pd.read_parquet(swept / "races.parquet")["fingerprint"][:1].tolist()
    (swept / "pilot").mkdir()
    for name in ("races", "trials", "curves"):
        table = pd.read_parquet(swept / f"{name}.parquet")
        table = table[table["fingerprint"].isin(piloted)].replace({
            "fingerprint": {piloted[0]: "p"}
        })
        ours = {"replicate": 2000, "origin": "pilot"}
        table.assign(**{k: v for k, v in ours.items() if k in table}).to_parquet(
            swept / "pilot" / f"{name}.parquet"
        )
    forget(copy)
    copy.set({"sweep.goals.levels": "auto"})
    done = restore(copy)
    assert done.returncode == 0, done.stderr
    assert studies(copy) == before
    assert copy.trained() == trained + len(table["member"].unique())
    client = MlflowClient(tracking_uri=f"sqlite:///{copy.folder}/mlflow.db")
    experiment = client.get_experiment_by_name("batchscope")
    assert experiment
    shown = "tags.`batchscope.fingerprint` = 'p'"
    assert len(client.search_runs([experiment.experiment_id], shown)) == table["member"].nunique()
