"""Runs that are shown while their trials train, and what is left of that in the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.events import Evaluated
from pipeline.outcome import Ended, RaceResult, Row
from pipeline.tracking import MlflowMirror
from pipeline.trial import CohortPlan
from tests.pipeline.mirrored import history, keys, opened, race_result, runs

pytestmark = pytest.mark.usefixtures("writer")
CURVES = ("validation_loss", "validation_error", "train_loss")


class Clock:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock()
    monkeypatch.setattr("pipeline.tracking.mlflow_mirror.time.monotonic", made)
    yield made
    monkeypatch.undo()


def row(result: RaceResult, member: int, evaluation: int) -> Row:
    curve = result.results[member].curve
    step, *values = (column[evaluation] for column in vars(curve).values())
    return Row(int(step), *(float(value) for value in values))


def told(
    result: RaceResult, evaluations: tuple[int, ...] = (), members: tuple[int, ...] = (0, 1, 2)
) -> Evaluated:
    rows = tuple((m, row(result, m, e)) for e in evaluations for m in members)
    plan = CohortPlan((result.race,), 36)
    return Evaluated(plan, 0, 3, 0, rows, started_at=result.started_at)


def everything(uri: str) -> list[object]:
    """All that MLflow shows of the trials, but identifiers."""
    shown = []
    for run in sorted(runs(uri), key=lambda run: run.data.tags["batchscope.member"]):
        tags = {k: v for k, v in run.data.tags.items() if k != "mlflow.parentRunId"}
        curves = {key: sorted(history(uri, run.info.run_id, key)) for key in run.data.metrics}
        times = run.info.status, run.info.start_time, run.info.end_time
        shown.append((run.info.run_name, times, tags, run.data.params, run.data.metrics, curves))
    return shown


class TestLive:
    def test_a_run_appears_while_it_trains_and_fills(self, uri: str, clock: Clock) -> None:
        mirror, result = opened(uri), race_result(evaluations=6)
        mirror.begin(CohortPlan((result.race,), 36))
        mirror.follow(told(result))
        mirror.follow(told(result, (1,)))
        assert not runs(uri)  # it may end any moment, and is then written once
        clock.now += 8
        mirror.follow(told(result, (2,)))
        assert {run.info.status for run in runs(uri)} == {"RUNNING"}
        assert keys(uri) == {("f1", "0"): 1, ("f1", "1"): 1, ("f1", "2"): 1}
        (parent,) = [r for r in runs(uri, "parent") if r.data.tags["batchscope.model"] == "conv"]
        for run in runs(uri):
            assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
            assert run.data.params["max_steps"] == "400"
            assert [step for step, *_ in history(uri, run.info.run_id, "train_loss")] == [10, 20]
        clock.now += 1
        mirror.follow(told(result, (3,), members=(0,)))  # the others have ended
        (first,) = [r for r in runs(uri) if r.data.tags["batchscope.member"] == "0"]
        assert len(history(uri, first.info.run_id, "validation_loss")) == 2
        clock.now += 8
        mirror.follow(told(result))  # nothing new, but it is time to look
        assert len(history(uri, first.info.run_id, "validation_loss")) == 3

    def test_in_the_end_nothing_tells_it_from_one_written_at_once(
        self, uri: str, clock: Clock
    ) -> None:
        ended = (Ended.REACHED, Ended.OUTRACED, Ended.FAILED)
        result = race_result(evaluations=6, ended=ended)
        mirror = opened(uri)
        mirror.follow(told(result, (1, 2)))
        for evaluation in (3, 4):
            clock.now += 9
            mirror.follow(told(result, (evaluation,)))
        mirror.write(result)
        lively = everything(uri)
        assert mirror.missing(["f1"]) == {"f1"}  # for one has failed
        mirror.write(result)
        assert everything(uri) == lively
        for run in runs(uri):
            from mlflow import MlflowClient

            MlflowClient(tracking_uri=uri).delete_run(run.info.run_id)
        opened(uri).write(result)
        assert everything(uri) == lively

    def test_an_attempt_that_died_leaves_nothing(self, uri: str, clock: Clock) -> None:
        mirror, died = opened(uri), race_result(started_at=1.7e9)
        mirror.follow(told(died, (1,)))
        clock.now += 9
        mirror.follow(told(died))
        plan = CohortPlan((died.race,), 36)
        mirror.begin(plan)
        again = replace(died, started_at=1.7e9 + 60)
        mirror.follow(told(again, (1,)))
        clock.now += 9
        mirror.follow(told(again, (2,)))
        mirror.write(again)
        assert {run.info.start_time for run in runs(uri)} == {1_700_000_060_000}
        assert set(keys(uri).values()) == {1}
        assert {run.info.status for run in runs(uri)} == {"FINISHED"}

    def test_rows_told_again_at_half_the_width_are_shown_once(self, uri: str, clock: Clock) -> None:
        mirror, result = opened(uri), race_result()
        mirror.follow(told(result, (1, 2)))
        clock.now += 9
        mirror.follow(told(result, (1,)))
        clock.now += 9
        mirror.follow(told(result, (2, 3)))
        for run in runs(uri):
            assert [step for step, *_ in history(uri, run.info.run_id, "train_loss")] == [
                10,
                20,
                30,
            ]

    def test_where_showing_takes_long_it_is_done_less_often(
        self, uri: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mirror, result = opened(uri), race_result(evaluations=6)
        mirror.follow(told(result, (1,)))
        clock.now += 9
        show = MlflowMirror._show

        def slowly(*arguments: Any) -> None:
            show(*arguments)
            clock.now += 5

        monkeypatch.setattr(MlflowMirror, "_show", slowly)
        mirror.follow(told(result, (2,)))
        for seconds, shown in ((20, 2), (25, 3)):
            clock.now += seconds
            mirror.follow(told(result, (3,)))
            for run in runs(uri):
                assert len(history(uri, run.info.run_id, "train_loss")) == shown

    def test_what_an_interrupt_cuts_short_goes(self, uri: str, clock: Clock) -> None:
        mirror, result = opened(uri), race_result()
        mirror.follow(told(result, (1,)))
        clock.now += 9
        mirror.follow(told(result))
        assert len(runs(uri)) == 3
        mirror.close("KILLED")
        assert not runs(uri)

    def test_a_killed_session_leaves_runs_that_the_next_one_removes(
        self, uri: str, clock: Clock
    ) -> None:
        mirror, result = opened(uri), race_result()
        mirror.follow(told(result, (1,)))
        clock.now += 9
        mirror.follow(told(result))
        assert {run.info.status for run in runs(uri)} == {"RUNNING"}
        opened(uri)
        assert not runs(uri)

    def test_a_value_that_is_not_finite_is_left_out(self, uri: str, clock: Clock) -> None:
        mirror, result = opened(uri), race_result()
        lost = row(result, 0, 1)._replace(validation_loss=np.inf, train_loss=np.nan)
        mirror.follow(replace(told(result), rows=((0, lost),)))
        clock.now += 9
        mirror.follow(told(result))
        (first,) = [r for r in runs(uri) if r.data.tags["batchscope.member"] == "0"]
        assert set(first.data.metrics) == {"validation_error"}


class TestMachine:
    def test_a_long_session_shows_how_busy_the_machine_was(self, uri: str, clock: Clock) -> None:
        mirror, result = opened(uri), race_result()
        mirror.follow(told(result))
        assert not any("system/" in key for r in runs(uri, "parent") for key in r.data.metrics)
        clock.now += 1e6
        mirror.follow(told(result))
        for parent in runs(uri, "parent"):
            assert parent.data.metrics["system/cpu_utilization_percentage"] >= 0
            assert parent.data.metrics["system/system_memory_usage_megabytes"] > 0
