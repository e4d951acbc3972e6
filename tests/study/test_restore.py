"""What a colleague does with a finished study: clone, pull, restore, browse; nothing is trained."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from tests.study.conftest import Clone

LEFT_OUT = {"mlflow.parentRunId", "mlflow.user", "batchscope.git_commit"}


def run(clone: Clone, *command: str) -> str:
    done = subprocess.run(
        command, cwd=clone.folder, env=clone.environment, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def commit(clone: Clone) -> None:
    run(clone, "git", "add", "--all")
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    run(clone, "git", *who, "commit", "--quiet", "--message=study")


def client(clone: Clone) -> MlflowClient:
    uri = f"sqlite:///{clone.folder}/mlflow.db"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def search(clone: Clone, role: str) -> list[Any]:
    experiment = client(clone).get_experiment_by_name("batchscope")
    assert experiment
    condition = f"tags.\"batchscope.role\" = '{role}'"
    return list(
        client(clone).search_runs([experiment.experiment_id], condition, max_results=50_000)
    )


def shown(clone: Clone) -> dict[tuple[str, str], Any]:
    """All that MLflow shows of each trial, but what belongs to the clone."""
    found = {}
    for child in search(clone, "trial"):
        tags = {key: value for key, value in child.data.tags.items() if key not in LEFT_OUT}
        tags = {k: v for k, v in tags.items() if not k.startswith("mlflow.source.git")}
        curve = client(clone).get_metric_history(child.info.run_id, "validation_loss")
        found[tags["batchscope.fingerprint"], tags["batchscope.member"]] = (
            child.info.run_name, child.info.status, child.info.start_time, child.info.end_time,
            child.data.params, child.data.metrics, tags,
            sorted((m.step, m.value, m.timestamp) for m in curve),
        )  # fmt: skip
    return found


def check_parents(clone: Clone) -> None:
    for parent in search(clone, "parent"):
        model = parent.data.tags["batchscope.model"]
        note = parent.data.tags["mlflow.note.content"]
        assert f"How finicky is `{model}` about batch size on `digits`" in note
        assert "steps to a validation error of" in note
        files = {file.path for file in client(clone).list_artifacts(parent.info.run_id)}
        assert files == {"report", "estimates.json"}
        local = Path(client(clone).download_artifacts(parent.info.run_id, "report/index.html"))
        assert local.read_bytes() == (clone.folder / "report" / "index.html").read_bytes()
        figures = client(clone).list_artifacts(parent.info.run_id, "report/figures")
        assert len(figures) == len(list((clone.folder / "report" / "figures").iterdir()))


def check_models(clone: Clone) -> None:
    prepared = clone.folder / "data" / "prepared"
    images = np.load(prepared / "test_images.npy").astype(np.float32)
    labels = np.load(prepared / "test_labels.npy")
    for model in ("mlp", "conv"):
        name = f"batchscope-digits-{model}"
        version = client(clone).get_model_version_by_alias(name, "recommended")
        mlflow.set_tracking_uri(f"sqlite:///{clone.folder}/mlflow.db")
        try:
            loaded = mlflow.pyfunc.load_model(f"models:/{name}@recommended")
        finally:
            mlflow.set_tracking_uri("")  # it is in the environment, too
        wrong = loaded.predict(images).argmax(axis=1) != labels
        assert version.run_id
        told = client(clone).get_run(version.run_id).data.metrics["test_error"]
        assert wrong.mean() == pytest.approx(told)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*Any type hint")  # MLflow's, of its own, as it loads
def test_a_clone_shows_every_run_without_training(clone: Clone, tmp_path: Path) -> None:
    clone.repro()
    run(clone, "dvc", "remote", "add", "--default", "local", str(tmp_path / "remote"))
    commit(clone)
    run(clone, "dvc", "push")
    run(clone, "git", "clone", "--quiet", str(clone.folder), str(tmp_path / "elsewhere"))
    other = Clone.at(tmp_path / "elsewhere")
    run(other, "dvc", "pull")
    said = run(other, "batchscope", "restore")
    assert "warning" not in said
    assert shown(other) == shown(clone)
    check_parents(other)
    check_models(other)
    before = other.trained()
    assert before == clone.trained()
    assert "Data and pipelines are up to date" in other.repro()
    run(other, "dvc", "repro", "--force")
    assert other.trained() == before
    assert shown(other) == shown(clone)
    for path in sorted((clone.folder / "report").rglob("*.svg")):
        again = other.folder / path.relative_to(clone.folder)
        assert again.read_bytes() == path.read_bytes()
    # A second time there is nothing to do, and nothing is lost.
    run(other, "batchscope", "restore")
    assert shown(other) == shown(clone)


def test_nothing_to_restore_is_told(clone: Clone) -> None:
    for stage in ("download", "prepare"):
        run(clone, "python", "-m", f"pipeline.stages.{stage}")
    done = subprocess.run(
        ["batchscope", "restore"], cwd=clone.folder, env=clone.environment,
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "races.parquet is missing; fetch it with dvc pull" in done.stderr
    assert not (clone.folder / "mlflow.db").exists()
    assert not clone.trained()
