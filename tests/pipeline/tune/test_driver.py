"""Two drivers on one study: neither takes the other for dead, and a dead one's trials go on."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import optuna
import pytest
from optuna.trial import TrialState

from pipeline.events import Finished
from pipeline.tune.boxes import boxes_of
from pipeline.tune.driver import DRIVER, abandoned, ask, contested, signature
from pipeline.tune.question import Question
from pipeline.tune.storage import settle
from tests.pipeline.conftest import ROOT
from tests.pipeline.tune.conftest import FormulaEngine, Open
from tests.pipeline.tune.test_search import load, run, states
from tests.pipeline.tune.test_storage import opened


@contextmanager
def living() -> Generator[subprocess.Popen[bytes]]:
    """Another process of this host."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        try:
            yield process
        finally:
            process.kill()


def asked(study: optuna.Study, question: Question, driver: object) -> optuna.trial.FrozenTrial:
    """A trial that a driver has running."""
    trial = study.ask(boxes_of(question))
    if driver is not None:
        trial.set_user_attr(DRIVER, driver)
    return study.trials[trial.number]


def test_a_trial_is_signed_before_its_setting_is_proposed(question: Question, storage: str) -> None:
    """Proposing takes seconds, in which another driver may start, and settle."""
    study = opened(storage, question)
    seen: list[tuple[str, int]] = []

    class Slow(optuna.samplers.RandomSampler):
        def infer_relative_search_space(
            self, study: optuna.Study, trial: optuna.trial.FrozenTrial
        ) -> dict[str, optuna.distributions.BaseDistribution]:
            driver = load(storage).trials[0].user_attrs[DRIVER]
            seen.append((driver["host"], driver["process"]))
            return super().infer_relative_search_space(study, trial)

    study.sampler = Slow(seed=0)
    trial = ask(study, question)
    assert seen == [(signature()["host"], os.getpid())]
    assert str(signature()["host"]).startswith(platform.node())
    assert trial.params.keys() == {"batch_size", "learning_rate"}
    assert trial.distributions == boxes_of(question)


def test_who_is_taken_for_dead(question: Question, storage: str) -> None:
    study = opened(storage, question)
    with living() as process:
        theirs = signature(process.pid)
        alive = asked(study, question, theirs)
        assert not abandoned(alive)
        assert not abandoned(asked(study, question, theirs | {"host": "elsewhere"}))
        assert not abandoned(asked(study, question, {"host": "elsewhere", "process": os.getpid()}))
        earlier = {"began": float(theirs["began"]) - 1e4}  # the number was given out again
        assert abandoned(asked(study, question, theirs | earlier))
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie
        assert abandoned(alive)
    assert abandoned(alive)
    for unknown in (None, "me", signature(), theirs | {"process": None}, theirs | {"began": "?"}):
        assert abandoned(asked(study, question, unknown))


def test_only_what_nobody_trains_is_settled(question: Question, storage: str) -> None:
    study = opened(storage, question)
    with living() as process:
        left = [
            asked(study, question, driver).number
            for driver in (signature(process.pid), {"host": "elsewhere", "process": 1, "began": 0})
        ]
        lost = asked(study, question, None)
        assert settle(study, lambda _: False) == 1
    trials = study.trials
    assert [trials[n].state for n in left] == [TrialState.RUNNING, TrialState.RUNNING]
    assert trials[lost.number].state is TrialState.FAIL
    (queued,) = [t for t in trials if t.state is TrialState.WAITING]
    assert queued.system_attrs["fixed_params"] == lost.params


def test_what_another_driver_settles_meanwhile_is_left_to_it(
    question: Question, storage: str
) -> None:
    study, theirs = opened(storage, question), opened(storage, question)
    for _ in range(2):
        asked(study, question, None)

    def quicker(trial: optuna.trial.FrozenTrial) -> bool:
        if trial.number == 0:
            theirs.tell(0, state=TrialState.FAIL)
        return False

    assert settle(study, quicker) == 1
    assert [t.state.name for t in study.trials] == ["FAIL", "FAIL", "WAITING"]


def test_two_drivers_search_one_study_and_both_finish(
    question: Question, storage: str, open_session: Open
) -> None:
    """One on another host, whose trial runs for longer than all of this one's search."""
    run(open_session(), question, storage, 2)
    theirs = load(storage)
    first = theirs.ask(boxes_of(question))
    first.set_user_attr(DRIVER, {"host": "elsewhere", "process": os.getpid(), "began": 0.0})
    engine = FormulaEngine()
    assert run(open_session(engine), question, storage, 6).trials["complete"] == 6
    assert len(engine.trained) == 4
    assert states(storage).count("RUNNING") == 1
    first.set_user_attr("ended", "reached")
    theirs.tell(first, 10.0)
    assert load(storage).trials[first.number].value == 10.0


def test_a_trial_that_another_process_ends_is_no_traceback(
    question: Question, storage: str, open_session: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session()
    events, theirs = session.runner.engine.events, []

    def meddled() -> object:
        for event in events():
            if isinstance(event, Finished) and not theirs:
                study = load(storage)
                theirs.append(asked(study, question, {"host": "elsewhere", "process": 1}).number)
                for trial in study.get_trials(states=[TrialState.RUNNING]):
                    if trial.number not in theirs:
                        study.tell(trial.number, state=TrialState.FAIL)
            yield event

    monkeypatch.setattr(session.runner.engine, "events", meddled)
    with pytest.raises(ValueError, match=r"another process searches study t, .*--study"):
        run(session, question, storage, 12)
    still = [t.number for t in load(storage).trials if t.state is TrialState.RUNNING]
    assert still == theirs  # which were not settled on the way out


def test_whatever_optuna_says_of_a_trial_that_has_ended(question: Question, storage: str) -> None:
    study = opened(storage, question)
    trial = study.ask(boxes_of(question))
    study.tell(trial, 1.0)
    for late in (lambda: study.tell(trial, 2.0), lambda: trial.set_user_attr("ended", "reached")):
        with pytest.raises(ValueError, match="another process searches study t"), contested("t"):
            late()
    with pytest.raises(ValueError, match="a bug"), contested("t"):
        raise ValueError("a bug")


KILLED = """
import sys, time
import optuna
from pipeline.tune.driver import ask
from pipeline.tune.question import Question
question = Question("mlp", ("examples",), "error", 0.05, (1, 1347), (0.003, 10.0))
ask(optuna.load_study(study_name="t", storage=sys.argv[1]), question)
print("asked", flush=True)
time.sleep(600)
"""


def test_what_a_killed_driver_had_running_is_tried_again(
    question: Question, storage: str, open_session: Open
) -> None:
    run(open_session(), question, storage, 2)
    command = [sys.executable, "-c", KILLED, storage]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == b"asked\n"
        (lost,) = [t for t in load(storage).trials if t.state is TrialState.RUNNING]
        os.kill(driver.pid, signal.SIGKILL)
    assert run(open_session(), question, storage, 6).trials["complete"] == 6
    trials = load(storage).trials
    assert trials[lost.number].state is TrialState.FAIL
    assert lost.params in [t.params for t in trials if t.state is TrialState.COMPLETE]
