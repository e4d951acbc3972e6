"""One conformance suite for every engine, and what only worker processes can suffer."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import connection
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline.engines import birth, process, worker
from pipeline.engines.inline import InlineEngine
from pipeline.engines.local import LocalEngine
from pipeline.events import Engine, Evaluated, Event, Finished, Started, Stopped
from pipeline.images import Prepared
from pipeline.machine import has_nvidia_driver
from pipeline.outcome import Ended, RaceResult
from pipeline.trial import CohortPlan, Recipe
from tests.pipeline.conftest import ROOT, MakeRace
from tests.pipeline.networks import ORPHANS_SECONDS, lives_of, orphan_of

MakeEngine = Callable[[], Engine]


@pytest.fixture(params=["inline", "one worker", "two workers"])
def engine(
    request: pytest.FixtureRequest, prepared: Prepared, prepared_folder: Path
) -> Iterator[Engine]:
    made: dict[str, MakeEngine] = {
        "inline": lambda: InlineEngine(prepared),
        "one worker": lambda: LocalEngine(1, prepared_folder),
        "two workers": lambda: LocalEngine(2, prepared_folder),
    }
    engine = made[request.param]()
    yield engine
    engine.close()


@pytest.fixture
def plans(recipe: Recipe, make_race: MakeRace) -> list[CohortPlan]:
    single = replace(recipe, precision="32-true")
    return [
        CohortPlan((make_race(single, batch_size=size, replicate=r),), 8)
        for size in (4, 16)
        for r in (0, 1)
    ]


def finished(events: list[Event]) -> dict[str, RaceResult]:
    results = [r for e in events if isinstance(e, Finished) for r in e.results]
    assert len(results) == len({r.race.fingerprint for r in results})
    return {r.race.fingerprint: r for r in results}


def test_conforms(engine: Engine, plans: list[CohortPlan], prepared: Prepared) -> None:
    events = list(engine.run(plans))
    results = finished(events)
    assert set(results) == {race.fingerprint for plan in plans for race in plan.races}
    for plan in plans:
        mine = [event for event in events if event.plan == plan]
        assert isinstance(mine[0], Started)
        assert isinstance(mine[-1], Finished)
        assert all(isinstance(event, Evaluated) for event in mine[1:-1])
    expected = finished(list(InlineEngine(prepared).run(plans)))
    for name, result in results.items():
        for left, right in zip(result.results, expected[name].results, strict=True):
            assert left.ended == right.ended
            for column, values in vars(left.curve).items():
                np.testing.assert_array_equal(values, getattr(right.curve, column))
        assert result.environment["threads"] == "1"


class Imports(pickle.Unpickler):
    """Notes the modules that it needs."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.needed: set[str] = set()

    def find_class(self, module: str, name: str, /) -> object:
        self.needed.add(module.partition(".")[0])
        return super().find_class(module, name)


def test_a_driver_reads_results_without_seconds_of_imports(
    prepared: Prepared, plans: list[CohortPlan]
) -> None:
    events = list(InlineEngine(prepared).run(plans[:1]))
    imports = Imports(io.BytesIO(pickle.dumps(events)))
    imports.load()
    assert "pipeline" in imports.needed
    assert not imports.needed & {"torch", "pytorch_lightning"}


def test_runs_again(engine: Engine, plans: list[CohortPlan]) -> None:
    assert len(finished(list(engine.run(plans[:1])))) == 1
    assert len(finished(list(engine.run(plans[1:2])))) == 1
    assert list(engine.run([])) == []


def test_takes_more_while_it_runs(engine: Engine, plans: list[CohortPlan]) -> None:
    later = list(plans[1:])
    engine.submit(plans[0])
    events: list[Event] = []
    for event in engine.events():
        events.append(event)
        if isinstance(event, Finished) and later:
            engine.submit(later.pop())
    assert set(finished(events)) == {race.fingerprint for plan in plans for race in plan.races}


def test_stops_a_waiting_cohort_before_it_starts(engine: Engine, plans: list[CohortPlan]) -> None:
    for plan in plans:
        engine.submit(plan)
    engine.stop(plans[-1])
    events = list(engine.events())
    assert [event for event in events if event.plan == plans[-1]] == [Stopped(plans[-1])]
    assert len(finished(events)) == len(plans) - 1


def test_stops_a_running_cohort_and_goes_on(
    engine: Engine, plans: list[CohortPlan], recipe: Recipe, make_race: MakeRace
) -> None:
    steps = 200 if isinstance(engine, InlineEngine) else 10**7  # inline, stopping saves nothing
    long = CohortPlan((make_race(replace(recipe, max_steps=steps)),), 8)
    engine.submit(long)
    engine.submit(plans[0])
    events: list[Event] = []
    for event in engine.events():
        events.append(event)
        if isinstance(event, Evaluated) and event.plan == long:
            engine.stop(long)
            engine.stop(long)  # asking twice is asking once
    mine = [event for event in events if event.plan == long]
    assert isinstance(mine[0], Started)
    assert mine[-1] == Stopped(long)
    assert not any(isinstance(event, Finished) for event in mine)
    assert set(finished(events)) == {race.fingerprint for race in plans[0].races}
    assert len(finished(list(engine.run(plans[1:2])))) == 1  # a late request stops no other cohort


def test_stopping_what_has_ended_changes_nothing(engine: Engine, plans: list[CohortPlan]) -> None:
    list(engine.run(plans[:1]))
    engine.stop(plans[0])
    assert len(finished(list(engine.run(plans[:1])))) == 1


def test_a_dead_workers_cohort_is_not_tried_again_once_it_was_to_stop(
    prepared_folder: Path, recipe: Recipe, make_race: MakeRace
) -> None:
    engine = LocalEngine(1, prepared_folder)
    endless = CohortPlan((make_race(replace(recipe, max_steps=10**7)),), 8)
    engine.submit(endless)
    events = engine.events()
    while not isinstance(next(events), Evaluated):
        pass
    child = psutil.Process(multiprocessing.active_children()[0].pid)
    child.suspend()  # it can't read the request
    engine.stop(endless)
    child.kill()
    assert [event for event in events if not isinstance(event, Evaluated)] == [Stopped(endless)]
    engine.close()


def test_every_evaluation_is_told_at_once_where_asked(
    prepared_folder: Path, plans: list[CohortPlan]
) -> None:
    engine = LocalEngine(1, prepared_folder, quiet_seconds=0)
    events = list(engine.run(plans[:1]))
    engine.close()
    (result,) = finished(events).values()
    # A silent cohort's last event is told again without rows, at a pace that the load decides.
    told = [event.step for event in events if isinstance(event, Evaluated) and event.rows]
    assert told == result.results[0].curve.steps[1:].tolist()


def test_a_dead_workers_cohort_runs_again(
    prepared_folder: Path, plans: list[CohortPlan], prepared: Prepared
) -> None:
    engine = LocalEngine(2, prepared_folder)
    events: list[Event] = []
    killed = 0
    for event in engine.run(plans):
        events.append(event)
        if isinstance(event, Evaluated) and killed < 2:
            multiprocessing.active_children()[0].kill()
            killed += 1
    engine.close()
    assert killed == 2
    assert sum(isinstance(event, Started) for event in events) > len(plans)
    expected = finished(list(InlineEngine(prepared).run(plans)))
    for name, result in finished(events).items():
        for left, right in zip(result.results, expected[name].results, strict=True):
            np.testing.assert_array_equal(left.curve.validation_loss, right.curve.validation_loss)


@pytest.mark.parametrize(("lives", "ended"), [(2, Ended.EXHAUSTED), (3, Ended.FAILED)])
def test_a_cohort_that_kills_its_workers_is_given_up_after_three(
    lives: int, ended: Ended, prepared_folder: Path, recipe: Recipe, make_race: MakeRace
) -> None:
    lives_of(os.getpid()).write_bytes(b"x" * lives)
    race = make_race(replace(recipe, max_steps=2), model="tests.pipeline.networks:deadly")
    engine = LocalEngine(1, prepared_folder)
    results = finished(list(engine.run([CohortPlan((race,), 8)])))
    engine.close()
    lives_of(os.getpid()).unlink()
    outcomes = results[race.fingerprint].results
    assert [r.ended for r in outcomes] == [ended] * 2
    assert ("3 workers died" in outcomes[0].message) == (ended is Ended.FAILED)


@pytest.fixture
def orphan() -> Iterator[Path]:
    """File of the process that the model `forking` leaves behind, which ends with the test."""
    file = orphan_of(os.getpid())
    yield file
    if file.exists():
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int(file.read_text())).kill()
        file.unlink()


@pytest.mark.parametrize("spawned", [False, True])
def test_a_death_is_noticed_while_a_process_that_the_worker_forked_lives(
    spawned: bool, orphan: Path, prepared_folder: Path, recipe: Recipe, make_race: MakeRace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if spawned:
        monkeypatch.setattr(birth, "has_nvidia_driver", lambda: True)
    race = make_race(replace(recipe, max_steps=2), model="tests.pipeline.networks:forking")
    plan = CohortPlan((race,), 8)
    engine = LocalEngine(1, prepared_folder)
    events = list(engine.run([plan]))
    engine.close()
    assert [event for event in events if isinstance(event, Started)] == [Started(plan)] * 2
    assert [r.ended for r in finished(events)[race.fingerprint].results] == [Ended.EXHAUSTED] * 2
    assert psutil.Process(int(orphan.read_text())).status() != psutil.STATUS_ZOMBIE


def cut_short(line: connection.Connection, folder: Path, seconds: float, driver: int) -> None:
    """A worker: the first dies amid a message, and leaves a process behind that it forked."""
    orphan, send = orphan_of(driver), line.send

    def half(event: Event) -> None:
        if orphan.exists():
            send(event)
            return
        if not (child := os.fork()):
            time.sleep(ORPHANS_SECONDS)
            os._exit(0)
        orphan.write_text(str(child))
        os.write(line.fileno(), (1000).to_bytes(4, "big") + b"half")
        os._exit(9)

    line.send = half  # pyright: ignore[reportAttributeAccessIssue]
    worker.work(line, folder, seconds, driver)


def test_a_death_amid_a_message_is_noticed_while_a_process_that_the_worker_forked_lives(
    orphan: Path, prepared_folder: Path, plans: list[CohortPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "work", cut_short)
    engine = LocalEngine(1, prepared_folder)
    events = list(engine.run(plans[:1]))
    engine.close()
    assert [event for event in events if isinstance(event, Started)] == [Started(plans[0])] * 2
    assert len(finished(events)) == 1
    assert psutil.Process(int(orphan.read_text())).status() != psutil.STATUS_ZOMBIE


def last_words(line: connection.Connection, *_: object) -> None:
    """A worker that dies with all that it had to tell in the line."""
    plan: CohortPlan = line.recv()
    for event in (Evaluated(plan, 0, 2, 0), Evaluated(plan, 1, 2, 8), Finished(plan, ())):
        line.send(event)
    os._exit(9)


def test_what_a_worker_said_before_it_died_is_heard(
    prepared_folder: Path, plans: list[CohortPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "work", last_words)
    engine = LocalEngine(1, prepared_folder)
    events = engine.run(plans[:1])
    assert next(events) == Started(plans[0])
    (worker,) = engine._workers
    assert connection.wait([worker.sentinel], 60), "it has not died"
    assert [type(event) for event in events] == [Evaluated, Evaluated, Finished]
    engine.close()


def test_a_worker_trains_on_while_what_it_has_finished_is_filed(
    prepared_folder: Path, plans: list[CohortPlan]
) -> None:
    engine = LocalEngine(1, prepared_folder)
    events = engine.run(plans[:2])
    while not isinstance(next(events), Finished):
        pass
    (worker,) = engine._workers
    assert worker.plan == plans[1]
    assert worker.connection.poll(60), "it has not begun"
    rest = list(events)
    engine.close()
    assert isinstance(rest[0], Started)
    assert isinstance(rest[-1], Finished)
    assert {event.plan for event in rest} == {plans[1]}


def test_handing_out_starts_no_process_that_could_fail(
    prepared_folder: Path, plans: list[CohortPlan]
) -> None:
    """It comes before a finished cohort is told of, which must not be lost."""
    engine = LocalEngine(2, prepared_folder)
    engine.submit(plans[0])
    engine._hand_out()
    assert not engine._workers
    assert finished(list(engine.events()))
    engine.close()


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
def test_workers_are_forked_from_one_process_with_one_thread(
    prepared_folder: Path, plans: list[CohortPlan]
) -> None:
    """A fork of a process with more would lack what the others were about to do."""
    if has_nvidia_driver():
        pytest.skip("workers are spawned where there is a GPU")
    engine = LocalEngine(2, prepared_folder)
    list(engine.run(plans[:2]))
    first, second = (psutil.Process(w.pid).parent() for w in multiprocessing.active_children())
    engine.close()
    assert first is not None
    assert first == second
    assert first.pid != os.getpid()
    assert first.num_threads() == 1


@pytest.mark.parametrize(
    ("platform", "driver", "folder"),
    [("linux", True, "/tmp"), ("darwin", False, "/tmp"), ("linux", False, f"/{'long' * 18}")],
)
def test_workers_are_spawned_where_a_fork_is_not_safe_or_has_no_socket(
    platform: str, driver: bool, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(birth, "has_nvidia_driver", lambda: driver)
    monkeypatch.setattr(tempfile, "tempdir", folder)
    assert birth.worker_context().get_start_method() == "spawn"


def test_a_spawned_worker_computes_the_same(
    prepared_folder: Path, plans: list[CohortPlan], prepared: Prepared,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(birth, "has_nvidia_driver", lambda: True)
    engine = LocalEngine(1, prepared_folder)
    engine.warm_up()
    results = finished(list(engine.run(plans[:1])))
    engine.close()
    expected = finished(list(InlineEngine(prepared).run(plans[:1])))
    assert set(results) == set(expected)
    for name, result in results.items():
        for left, right in zip(result.results, expected[name].results, strict=True):
            np.testing.assert_array_equal(left.curve.validation_loss, right.curve.validation_loss)


def test_workers_end_with_the_engine(prepared_folder: Path, plans: list[CohortPlan]) -> None:
    engine = LocalEngine(2, prepared_folder)
    running = engine.run(plans)
    next(running)
    workers = multiprocessing.active_children()
    assert workers
    engine.close()
    assert not any(worker.is_alive() for worker in workers)


def test_an_engine_that_nobody_closed_ends_with_the_program(
    prepared_folder: Path, recipe: Recipe, make_race: MakeRace, tmp_path: Path
) -> None:
    script = tmp_path / "driver.py"
    script.write_text(
        "import pickle, sys\n"
        "from pathlib import Path\n"
        "from pipeline.engines.local import LocalEngine\n"
        "from pipeline.events import Evaluated\n"
        "if __name__ == '__main__':\n"
        "    plans = pickle.loads(Path(sys.argv[2]).read_bytes())\n"
        "    engine = LocalEngine(1, Path(sys.argv[1]))\n"
        "    events = engine.run(plans)\n"
        "    while not isinstance(next(events), Evaluated): pass\n"
        "    raise SystemExit(3)\n"
    )
    endless = [CohortPlan((make_race(replace(recipe, max_steps=10**7)),), 8)]
    (tmp_path / "plans").write_bytes(pickle.dumps(endless))
    driver = subprocess.run(
        [sys.executable, str(script), str(prepared_folder), str(tmp_path / "plans")],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=60, check=False,
    )  # fmt: skip
    assert driver.returncode == 3


def test_workers_die_with_their_driver(prepared_folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from pipeline.engines.process import WorkerProcess\n"
        "if __name__ == '__main__':\n"
        "    worker = WorkerProcess(Path(sys.argv[1]), 0.5)\n"
        "    print(worker._process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    driver = subprocess.Popen(
        [sys.executable, str(script), str(prepared_folder)],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert driver.stdout is not None
    worker = psutil.Process(int(driver.stdout.readline()))
    family = {worker, *psutil.Process(driver.pid).children(recursive=True)}
    driver.kill()
    driver.wait()
    driver.stdout.close()
    deadline = time.monotonic() + 30
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family):
        assert time.monotonic() < deadline, "a process outlived its driver"
        time.sleep(0.1)
