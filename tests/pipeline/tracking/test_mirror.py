from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pipeline.tracking.rows import RowRuns
from tests.pipeline.mirrored import keys, opened, race_result, runs

ROOT = Path(__file__).parents[3]


class TestNullMirror:
    def test_does_nothing_cheaply(self) -> None:
        code = """
import sys
from pipeline.tracking import NullMirror
mirror = NullMirror()
mirror.open(), mirror.close("FINISHED")
assert mirror.missing(["f1"]) == set()
assert not {"mlflow", "torch", "pandas", "sqlalchemy"} & set(sys.modules)
"""
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


class TestReconciling:
    @pytest.mark.parametrize(
        "cut",
        [
            "RowRuns.write",
            "RowRuns.of = lambda *_: None; MlflowClient.set_terminated",
        ],
    )
    def test_a_child_that_a_kill_cut_short_is_written_anew(self, cut: str, uri: str) -> None:
        code = f"""
import os, signal
from mlflow import MlflowClient
from pipeline.tracking.rows import RowRuns
from tests.pipeline.mirrored import opened, race_result
{cut} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
opened({uri!r}).write(race_result())
"""
        killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
        assert killed.returncode == -signal.SIGKILL
        assert len(runs(uri)) == 3
        assert {run.info.status for run in runs(uri)} == {"RUNNING"}
        assert {run.info.status for run in runs(uri, "parent")} == {"RUNNING"}

        again = opened(uri)
        assert runs(uri) == []
        assert again.missing(["f1"]) == {"f1"}
        again.write(race_result())
        again.close("FINISHED")
        assert keys(uri) == {("f1", "0"): 1, ("f1", "1"): 1, ("f1", "2"): 1}
        assert {run.info.status for run in runs(uri)} == {"FINISHED"}
        assert {run.info.status for run in runs(uri, "parent")} == {"FINISHED"}

    def test_an_interrupt_leaves_no_child_running(
        self, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        writer = opened(uri)
        with monkeypatch.context() as patch:
            patch.setattr(RowRuns, "write", interrupt)
            with pytest.raises(KeyboardInterrupt):
                writer.write(race_result())
        assert [run.info.status for run in runs(uri)] == ["RUNNING"] * 3
        assert writer.missing(["f1"]) == {"f1"}
        writer.close("KILLED")
        assert runs(uri) == []
        assert {run.info.status for run in runs(uri, "parent")} == {"KILLED"}

    def test_two_runs_of_one_trial_become_one(self, uri: str) -> None:
        one, other = opened(uri), opened(uri)  # two drivers, which the stage's lock forbids
        one.write(race_result())
        other.write(race_result())
        assert set(keys(uri).values()) == {2}
        assert opened(uri).missing(["f1"]) == set()
        assert set(keys(uri).values()) == {1}

    @pytest.mark.parametrize("change", [{"data_digest": "d2"}, {"dataset": "fashion_mnist"}])
    def test_other_data_is_left_alone(self, uri: str, change: dict[str, str]) -> None:
        opened(uri, **change).write(race_result())
        mine = opened(uri)
        assert mine.missing(["f1"]) == {"f1"}
        mine.write(race_result())
        mine.close("FINISHED")
        statuses = Counter(run.info.status for run in runs(uri, "parent"))
        assert statuses == {"FINISHED": 2, "RUNNING": 2}
        assert keys(uri)["f1", "0"] == 2


class TestParents:
    def test_sessions_and_phases_share_one_a_model(self, uri: str) -> None:
        first = opened(uri)
        assert {run.info.status for run in runs(uri, "parent")} == {"RUNNING"}
        identifiers = {run.info.run_id for run in runs(uri, "parent")}
        assert len(identifiers) == 2
        first.close("FAILED")
        assert {run.info.status for run in runs(uri, "parent")} == {"FAILED"}
        second = opened(uri, phase="confirm", models=("mlp", "conv", "lenet"))
        assert {run.info.status for run in runs(uri, "parent")} == {"RUNNING"}
        second.close("FINISHED")
        assert {run.info.status for run in runs(uri, "parent")} == {"FINISHED"}
        assert len(runs(uri, "parent")) == 3
        assert identifiers < {run.info.run_id for run in runs(uri, "parent")}

    def test_says_what_it_is(self, uri: str) -> None:
        opened(uri, models=("conv",))
        (parent,) = runs(uri, "parent")
        assert parent.info.run_name == "conv · digits"
        assert (
            "How finicky is `conv` about batch size on `digits`"
            in parent.data.tags["mlflow.note.content"]
        )
        (data,) = [entry.dataset for entry in parent.inputs.dataset_inputs]
        assert (data.name, data.digest) == ("digits", "d1")

    def test_takes_a_digest_longer_than_mlflows(self, uri: str) -> None:
        digest = "0123456789abcdef" * 4
        opened(uri, data_digest=digest).write(race_result())
        assert opened(uri, data_digest=digest).missing(["f1"]) == set()
        assert {run.data.tags["batchscope.data_digest"] for run in runs(uri)} == {digest}

    def test_a_model_dropped_after_a_kill_does_not_run_for_ever(self, uri: str) -> None:
        opened(uri, models=("conv", "lenet"))
        opened(uri, models=("conv",)).close("FINISHED")
        statuses = {r.data.tags["batchscope.model"]: r.info.status for r in runs(uri, "parent")}
        assert statuses == {"conv": "FINISHED", "lenet": "KILLED"}

    def test_children_of_a_deleted_parent_are_adopted(self, uri: str) -> None:
        from mlflow import MlflowClient

        opened(uri, models=("conv",)).write(race_result())
        MlflowClient(tracking_uri=uri).delete_run(runs(uri, "parent")[0].info.run_id)
        opened(uri, models=("conv",))
        (parent,) = runs(uri, "parent")
        assert {run.data.tags["mlflow.parentRunId"] for run in runs(uri)} == {parent.info.run_id}

    def test_a_deleted_experiment_is_restored(self, uri: str) -> None:
        from mlflow import MlflowClient

        opened(uri).write(race_result())
        client = MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name("batchscope")
        assert experiment
        client.delete_experiment(experiment.experiment_id)
        assert opened(uri).missing(["f1"]) == set()
        assert len(runs(uri, "parent")) == 2
