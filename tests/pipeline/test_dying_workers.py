"""What becomes of a study whose workers die of want: of memory, of processes, of a sound GPU."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil
import pytest

from pipeline.engines import birth, process
from pipeline.engines.local import LocalEngine
from pipeline.engines.worker import WORN_OUT, serve
from pipeline.events import Evaluated, Event, Finished, Started
from pipeline.machine import has_nvidia_driver
from pipeline.outcome import Ended, RaceResult, broken_results
from pipeline.trial import CohortPlan, Device, Recipe
from tests.pipeline.conftest import MakeRace
from tests.pipeline.networks import lives_of

forked = pytest.mark.skipif(
    sys.platform != "linux" or has_nvidia_driver(), reason="workers are spawned here"
)


@pytest.fixture
def plans(recipe: Recipe, make_race: MakeRace) -> list[CohortPlan]:
    return [CohortPlan((make_race(recipe, replicate=r),), 8) for r in range(3)]


@pytest.fixture
def endless(recipe: Recipe, make_race: MakeRace) -> CohortPlan:
    return CohortPlan((make_race(replace(recipe, max_steps=10**7)),), 8)


@pytest.fixture
def engine(prepared_folder: Path) -> Iterator[LocalEngine]:
    made = LocalEngine(1, prepared_folder)
    yield made
    made.close()


class TestMemory:
    def test_after_a_kill_one_worker_fewer_goes_on(
        self, prepared_folder: Path, plans: list[CohortPlan], capsys: pytest.CaptureFixture[str]
    ) -> None:
        engine = LocalEngine(2, prepared_folder)
        killed, ended = 0, set[CohortPlan]()
        for event in engine.run(plans):
            if isinstance(event, Evaluated) and killed < 3:
                multiprocessing.active_children()[0].kill()
                killed += 1
            if isinstance(event, Finished):
                ended.add(event.plan)
        assert ended == set(plans)
        assert engine.workers == len(engine._workers) == 1  # and no fewer
        (told,) = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
        assert "killed, most often for want of memory" in told
        assert "lower training.workers or training.cohort_width" in told
        engine.close()

    def test_a_cohort_that_is_killed_again_and_again_says_what_to_do(
        self, engine: LocalEngine, recipe: Recipe, make_race: MakeRace
    ) -> None:
        lives_of(os.getpid()).write_bytes(b"x" * 3)
        race = make_race(replace(recipe, max_steps=2), model="tests.pipeline.networks:deadly")
        *_, last = engine.run([CohortPlan((race,), 8)])
        lives_of(os.getpid()).unlink()
        assert isinstance(last, Finished)
        for trial in last.results[0].results:
            assert trial.ended is Ended.FAILED
            assert trial.message == (
                "3 workers died training it, the last killed, most often for want of memory; "
                "lower training.workers or training.cohort_width"
            )

    def test_other_ends_cost_no_worker(
        self, prepared_folder: Path, plans: list[CohortPlan], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(process, "work", leaving)
        engine = LocalEngine(2, prepared_folder)
        events = list(engine.run(plans))
        assert engine.workers == 2
        for event in events:
            if isinstance(event, Finished):
                (first, *_) = event.results[0].results
                assert (
                    first.message == f"3 workers died training it, the last with exit code {LEFT}"
                )
        engine.close()


class TestGpu:
    @pytest.fixture
    def plan(self, recipe: Recipe, make_race: MakeRace) -> CohortPlan:
        return CohortPlan((make_race(replace(recipe, device="cuda")),), 8)

    @pytest.mark.parametrize(
        ("device", "works", "trained"), [("cuda", False, 1), ("cuda", True, 2), ("cpu", False, 2)]
    )
    def test_a_worker_whose_gpu_fails_all_from_now_on_trains_no_more(
        self, device: Device, works: bool, trained: int, recipe: Recipe, make_race: MakeRace
    ) -> None:
        plan = CohortPlan((make_race(replace(recipe, device=device)),), 8)
        ours, theirs = multiprocessing.Pipe()
        ours.send(plan)
        ours.send(plan)
        seen: list[CohortPlan] = []

        def train(plan: CohortPlan) -> tuple[RaceResult, ...]:
            seen.append(plan)
            if len(seen) == 2:
                ours.close()  # the driver hangs up
            return broken(plan)

        assert serve(theirs, train, lambda: works) == (trained == 2)
        assert len(seen) == trained
        if trained == 1:  # what it has found is told nevertheless
            assert isinstance(ours.recv(), Finished)

    def test_what_succeeded_raises_no_doubt(self, plan: CohortPlan) -> None:
        ours, theirs = multiprocessing.Pipe()
        ours.send(plan)

        def train(_: CohortPlan) -> tuple[RaceResult, ...]:
            ours.close()
            return ()

        assert serve(theirs, train, lambda: pytest.fail("asked"))

    def test_the_cohort_that_follows_is_not_to_blame(
        self, engine: LocalEngine, plans: list[CohortPlan], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(process, "work", worn_out)
        finished = 0
        for event in engine.run(plans):
            assert not any(engine._deaths.values())
            finished += isinstance(event, Finished)
        assert finished == len(plans)


def orphaned(events: Iterator[Event]) -> tuple[BaseProcess, psutil.Process]:
    """A suspended worker whose server was killed, as its driver and as the system sees it."""
    while not isinstance(next(events), Evaluated):
        pass
    child = multiprocessing.active_children()[0]
    worker = psutil.Process(child.pid)
    server = worker.parent()
    assert server is not None
    worker.suspend()  # else it would hear at its next evaluation that the driver hung up
    server.kill()
    return child, worker


class TestProcesses:
    @forked
    def test_a_worker_whose_server_died_does_not_compute_on(
        self, engine: LocalEngine, endless: CohortPlan
    ) -> None:
        events = engine.run([endless])
        _, worker = orphaned(events)
        while not isinstance(next(events), Started):
            pass
        wait_for_end(worker)

    @forked
    def test_nor_where_the_engine_is_closed_before_it_notices(
        self, engine: LocalEngine, endless: CohortPlan
    ) -> None:
        events = engine.run([endless])
        child, worker = orphaned(events)
        child.join()  # as far as multiprocessing knows
        assert child.exitcode == 255
        engine.close()
        wait_for_end(worker)

    @pytest.mark.parametrize("spawned", [False, True])
    @pytest.mark.parametrize(
        ("problem", "reason"),
        [
            (EOFError("unexpected EOF"), "the process that forks them died"),
            (ConnectionRefusedError(errno.ECONNREFUSED, "no"), "the process that forks them died"),
            (BlockingIOError(errno.EAGAIN, "try again"), "try again"),
            (OSError(errno.ENOMEM, "no memory"), "no memory"),
        ],
    )
    def test_where_none_can_be_started_it_is_told_what_to_do(
        self, spawned: bool, problem: Exception, reason: str, engine: LocalEngine,
        plans: list[CohortPlan], monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        def refuse(_: object) -> None:
            raise problem

        monkeypatch.setattr(birth, "_PAUSES", (0.0, 0.0))
        monkeypatch.setattr(birth, "has_nvidia_driver", lambda: spawned)
        monkeypatch.setattr(BaseProcess, "start", refuse)
        told = rf"worker processes can't be started \({reason}\); raise .*training\.workers"
        with pytest.raises(ValueError, match=told):
            list(engine.run(plans))

    @forked
    def test_where_not_even_their_server_can_be_started_too(
        self, engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse() -> None:
            raise BlockingIOError(errno.EAGAIN, "try again")

        monkeypatch.setattr(birth.forkserver, "ensure_running", refuse)
        with pytest.raises(ValueError, match=r"can't be started \(try again\)"):
            engine.warm_up()


LEFT = WORN_OUT  # of a network that ends its worker, with whatever exit code


def leaving(line: Connection, *_: object) -> None:
    """A worker that ends amid its cohort."""
    line.send(Evaluated(line.recv(), 0, 2, 0))
    os._exit(LEFT)


def worn_out(line: Connection, *_: object) -> None:
    """A worker that ends behind its cohort."""
    plan: CohortPlan = line.recv()
    line.send(Evaluated(plan, 0, 2, 0))
    line.send(Finished(plan, ()))
    os._exit(WORN_OUT)


def broken(plan: CohortPlan) -> tuple[RaceResult, ...]:
    return tuple(
        RaceResult(race, broken_results(race, "device-side assert"), 0.0, 0.0, {})
        for race in plan.races
    )


def wait_for_end(worker: psutil.Process) -> None:
    deadline = time.monotonic() + 10
    try:
        while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, "it lives on"
            time.sleep(0.05)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
