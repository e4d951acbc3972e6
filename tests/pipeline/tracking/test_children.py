from __future__ import annotations

import pytest

from pipeline.outcome import Ended
from pipeline.tracking.projection import project
from pipeline.tracking.runs import Data, Study
from tests.pipeline.mirrored import history, keys, opened, race_result, runs

pytestmark = pytest.mark.usefixtures("writer")
STUDY = Study(Data("digits", "d1"), "sweep", "abc123")


class TestChildren:
    def test_mlflow_has_what_was_projected(self, uri: str) -> None:
        result = race_result(ended=(Ended.REACHED, Ended.FAILED))
        opened(uri).write(result)
        (parent,) = [r for r in runs(uri, "parent") if r.data.tags["batchscope.model"] == "conv"]
        shown = {int(run.data.tags["batchscope.member"]): run for run in runs(uri)}
        for run in project(result, STUDY):
            child = shown.pop(run.member)
            assert child.info.run_name == run.name
            assert child.info.status == run.status
            assert (child.info.start_time, child.info.end_time) == (run.started, run.ended)
            assert child.data.params == run.parameters
            assert run.tags.items() <= child.data.tags.items()
            assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
            for key in {point.key for point in run.points}:
                assert history(uri, child.info.run_id, key) == [
                    (p.step, p.value, run.started) for p in run.points if p.key == key
                ]
            assert set(child.data.metrics) == {point.key for point in run.points}
        assert not shown

    def test_more_than_a_thousand_metrics(self, uri: str) -> None:
        opened(uri).write(race_result(ended=(Ended.EXHAUSTED,), evaluations=700))
        (child,) = runs(uri)
        for key in ("validation_loss", "validation_error"):
            assert len(history(uri, child.info.run_id, key)) == 700
        assert len(history(uri, child.info.run_id, "train_loss")) == 699

    def test_writing_again_changes_nothing(self, uri: str) -> None:
        first = opened(uri)
        first.write(race_result())
        before = {run.info.run_id: run.to_dictionary() for run in runs(uri)}
        first.write(race_result())
        first.close("FINISHED")
        again = opened(uri, phase="confirm", git_commit="later")
        again.write(race_result())
        assert {run.info.run_id: run.to_dictionary() for run in runs(uri)} == before

    def test_a_second_attempt_replaces_the_failed_one(self, uri: str) -> None:
        first = opened(uri)
        first.write(race_result(ended=(Ended.REACHED, Ended.FAILED)))
        assert first.missing(["f1"]) == {"f1"}
        second = opened(uri)
        assert second.missing(["f1"]) == {"f1"}
        second.write(race_result(ended=(Ended.REACHED, Ended.REACHED), started_at=1.8e9))
        assert second.missing(["f1"]) == set()
        assert {run.data.tags["batchscope.ended"] for run in runs(uri)} == {"reached"}
        assert keys(uri) == {("f1", "0"): 1, ("f1", "1"): 1}

    def test_asynchronous_logging_cannot_outrun_the_status(
        self, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "true")
        monkeypatch.setattr(SqlAlchemyStore, "log_batch_async", lambda *_, **__: pytest.fail())
        opened(uri).write(race_result())
        assert len(history(uri, runs(uri)[0].info.run_id, "validation_loss")) == 4


class TestMissing:
    def test_a_new_database_lacks_every_race(self, uri: str) -> None:
        assert opened(uri).missing(["f1", "f2"]) == {"f1", "f2"}

    @pytest.mark.parametrize("broken", [Ended.OUT_OF_MEMORY, Ended.FAILED])
    def test_races_that_run_again_are_missing(self, broken: Ended, uri: str) -> None:
        writer = opened(uri)
        writer.write(race_result(ended=(broken, Ended.REACHED)))
        writer.write(race_result("f2", ended=(Ended.OUTRACED, Ended.REACHED)))
        assert writer.missing(["f1", "f2"]) == {"f1"}

    def test_a_deleted_child_is_filled_from_the_ledger(self, uri: str) -> None:
        from mlflow import MlflowClient

        opened(uri).write(race_result())
        MlflowClient(tracking_uri=uri).delete_run(runs(uri)[1].info.run_id)
        again = opened(uri)
        assert again.missing(["f1"]) == {"f1"}
        again.write(race_result())
        assert keys(uri) == {("f1", "0"): 1, ("f1", "1"): 1, ("f1", "2"): 1}

    def test_sees_past_the_first_page(self, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pipeline.tracking.requests.PAGE", 2)
        names = {f"f{k}" for k in range(4)}
        writer = opened(uri)
        for name in names:
            writer.write(race_result(name))
        again = opened(uri)
        assert again.missing(names) == set()
        for name in names:
            again.write(race_result(name))
        assert set(keys(uri).values()) == {1}
        assert len(keys(uri)) == 12
