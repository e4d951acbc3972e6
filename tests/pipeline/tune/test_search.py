"""The loop against an engine whose best setting is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import optuna
import pytest
from optuna.storages._cached_storage import _CachedStorage
from optuna.trial import TrialState

from pipeline.events import Evaluated, Event, Finished
from pipeline.outcome import RaceResult
from pipeline.study.session import Session
from pipeline.study.tune import search
from pipeline.tracking import NullMirror, TrackingError
from pipeline.tune.answer import Answer
from pipeline.tune.method import Method
from pipeline.tune.question import Question
from pipeline.tune.search import Limits
from tests.pipeline.tune.conftest import FormulaEngine, Open, asking
from tests.slow import slow

TPE = Method(sampler="tpe", startup=6)


def run(
    opened: Session, question: Question, storage: str, trials: int = 12, method: Method = TPE
) -> Answer:
    return search(question, method, Limits(trials), (storage, "t"), opened)


def load(storage: str) -> optuna.Study:
    return optuna.load_study(study_name="t", storage=storage)


def states(storage: str) -> list[str]:
    return [trial.state.name for trial in load(storage).trials]


@pytest.mark.parametrize("sampler", ["valley", "tpe", slow("gp")])
def test_finds_the_best_setting(
    sampler: str, question: Question, storage: str, open_session: Open
) -> None:
    found = run(open_session(), question, storage, 30, Method(sampler=sampler, startup=8))
    best = found.best[0]
    assert abs(math.log(best.batch_size / 32)) < 1.2
    assert abs(math.log(best.learning_rate / 0.3)) < 1.2
    assert best.reached
    expects = [f.expected for f in found.best if f.expected is not None]
    assert len(expects) == 5
    assert expects == sorted(expects)
    assert all(abs(f.values[0] - e) < 0.5 for f, e in zip(found.best, expects, strict=True))
    assert found.trials == {"complete": 30}


@pytest.mark.parametrize("sampler", ["valley", "cmaes", "random", "qmc", "nsgaii"])
def test_every_sampler_searches(
    sampler: str, question: Question, storage: str, open_session: Open
) -> None:
    engine = FormulaEngine()
    run(open_session(engine), question, storage, 7, Method(sampler=sampler, startup=4))
    assert len({(t.batch_size, t.learning_rate) for t in engine.trained}) == 7


@pytest.mark.parametrize("sampler", ["valley", "random", "qmc", "tpe"])
def test_going_on_adds_what_is_missing_and_repeats_nothing(
    sampler: str, question: Question, storage: str, open_session: Open
) -> None:
    engine, method = FormulaEngine(), Method(sampler=sampler, startup=4)
    run(open_session(engine), question, storage, 5, method)
    run(open_session(engine), question, storage, 5, method)
    assert len(engine.trained) == 5
    run(open_session(engine), question, storage, 9, method)
    assert len({(t.batch_size, t.learning_rate) for t in engine.trained}) == 9


def test_another_question_may_not_go_on(
    question: Question, storage: str, open_session: Open
) -> None:
    run(open_session(), question, storage, 2)
    with pytest.raises(ValueError, match=r"goal was 0\.05, not 0\.1.*--study"):
        run(open_session(), replace(question, goal=0.1), storage, 4)
    with pytest.raises(ValueError, match="asks something else"):
        run(open_session(), asking(question, "steps", "loss"), storage, 4)


def test_a_study_of_somebody_else_is_left_alone(
    question: Question, storage: str, open_session: Open
) -> None:
    theirs = optuna.create_study(storage=storage, study_name="t")
    theirs.tell(theirs.ask(), 1.0)
    with pytest.raises(ValueError, match="asks something else"):
        run(open_session(), question, storage)
    assert len(load(storage).trials) == 1


class KilledError(Exception):
    """The driver's end, as far as a test can have it without dying."""


def kill_at(
    opened: Session, when: Callable[[Event], bool], monkeypatch: pytest.MonkeyPatch
) -> Session:
    """A session whose driver dies when it hears an event; nothing tidies up after it."""
    engine = opened.runner.engine
    events = engine.events

    def until() -> object:
        for event in events():
            if when(event):
                raise KilledError
            yield event

    monkeypatch.setattr(engine, "events", until)
    monkeypatch.setattr("pipeline.tune.search.Search._settle", lambda _: None)
    return opened


def test_a_killed_search_loses_no_finished_trial(
    question: Question, storage: str, open_session: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the ledger's entry and the word to Optuna, and with another one running."""
    engine, opened = FormulaEngine(), open_session(FormulaEngine())
    with monkeypatch.context() as patch:
        seen: list[Event] = []

        def fifth(event: Event) -> bool:
            if isinstance(event, Finished):
                seen.append(event)
                if len(seen) == 5:
                    opened.runner.record(event.results)
                    return True
            return False

        with pytest.raises(KilledError):
            run(kill_at(opened, fifth, patch), question, storage, 12)
    assert states(storage).count("RUNNING") == 2
    before = {t.number: t.params for t in load(storage).trials if t.state is TrialState.RUNNING}

    found = run(open_session(engine), question, storage, 12)
    study = load(storage)
    assert found.trials == {"complete": 12}
    assert states(storage).count("RUNNING") == 0
    told = {n for n in before if study.trials[n].state is TrialState.COMPLETE}
    (lost,) = set(before) - told
    assert study.trials[lost].state is TrialState.FAIL
    retried = [t.params for t in study.trials if t.number not in before]
    assert before[lost] in retried  # what was cut short is tried again
    assert len(engine.trained) == 12 - 5  # and what had finished is not
    assert all("ended" in study.trials[n].user_attrs for n in told)


class Mirror(NullMirror):
    """Remembers what it was shown, and refuses as often as it is told."""

    def __init__(self, refusals: int) -> None:
        self.shown: list[str] = []
        self.refusals = refusals

    def write(self, result: RaceResult) -> None:
        if self.refusals:
            self.refusals -= 1
            raise TrackingError("http://mlflow", "gone")
        self.shown.append(result.race.fingerprint)

    def settled(self, fingerprints: Iterable[str]) -> bool:
        return False

    def missing(self, fingerprints: Iterable[str]) -> set[str]:
        return set(fingerprints) - set(self.shown)


@pytest.mark.parametrize(("refusals", "first"), [(1, 4), (2, 0)])
def test_what_a_lost_mlflow_lacks_is_mirrored_at_the_end_or_by_the_next_call(
    refusals: int, first: int, question: Question, storage: str, open_session: Open
) -> None:
    """In between it is left alone: it refuses at a trial's end, and at the end of the session."""
    opened = open_session(engine := FormulaEngine())
    mirror = Mirror(refusals)
    for shown in (first, 4):
        fresh = replace(opened, runner=replace(opened.runner, mirrors=(mirror,)))
        run(fresh, question, storage, 4)
        assert len(mirror.shown) == shown
    assert len(engine.trained) == len(set(mirror.shown)) == len(mirror.shown) == 4


def test_ctrl_c_leaves_nothing_running(
    question: Question, storage: str, open_session: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_session()
    events = opened.runner.engine.events
    heard = 0

    def interrupted() -> object:
        nonlocal heard
        for event in events():
            heard += isinstance(event, Finished)
            if heard == 3:
                raise KeyboardInterrupt
            yield event

    monkeypatch.setattr(opened.runner.engine, "events", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(opened, question, storage)
    assert states(storage).count("RUNNING") == 0
    assert states(storage).count("COMPLETE") == 2
    assert run(open_session(), question, storage, 12).trials == {"complete": 12}


def test_failed_trials_are_fail_and_count(
    question: Question, storage: str, open_session: Open
) -> None:
    engine = FormulaEngine(breaks=lambda trial: trial.batch_size > 30)
    found = run(open_session(engine), question, storage, 10)
    assert found.trials["fail"] > 0
    assert sum(found.trials.values()) == 10
    failed = next(t for t in load(storage).trials if t.state is TrialState.FAIL)
    assert failed.user_attrs["message"] == "RuntimeError: no luck"
    assert failed.params["batch_size"] > 30
    assert all(f.batch_size <= 30 for f in found.best)


def test_a_search_in_which_all_fails_says_why(
    question: Question, storage: str, open_session: Open
) -> None:
    engine = FormulaEngine(breaks=lambda _: True)
    with pytest.raises(ValueError, match="none of 3 trials ended with a value: RuntimeError"):
        run(open_session(engine), question, storage, 3)


def test_diverged_trials_are_complete_with_a_finite_penalty(
    question: Question, storage: str, open_session: Open
) -> None:
    engine = FormulaEngine(diverges=lambda trial: trial.learning_rate > 0.5)
    found = run(open_session(engine), question, storage, 12)
    diverged = [t for t in load(storage).trials if t.user_attrs["ended"] == "diverged"]
    assert found.trials == {"complete": 12}
    assert diverged
    assert all(t.value is not None and math.isfinite(t.value) for t in diverged)
    assert found.best[0].learning_rate <= 0.5


def test_two_objectives_give_the_pareto_front(
    question: Question, storage: str, open_session: Open
) -> None:
    both = asking(question, "steps", "examples")
    engine = FormulaEngine(rate=lambda t: 1e-3 * (t.batch_size + 3) ** -0.5)
    found = run(open_session(engine), both, storage, 24, Method(sampler="nsgaii", startup=8))
    steps, examples = zip(*(f.values for f in found.best), strict=True)
    assert len(found.best) > 2
    assert list(steps) == sorted(steps)
    assert list(examples) == sorted(examples, reverse=True)
    assert "Pareto front" in found.text()
    assert set(found.document()["best"][0]["values"]) == {"steps", "examples"}


@pytest.mark.parametrize("pruner", ["median", "halving", slow("percentile"), slow("hyperband")])
def test_pruned_trials_are_stopped_and_never_filed(
    pruner: str, question: Question, storage: str, open_session: Open
) -> None:
    engine, opened = FormulaEngine(), open_session()
    opened = open_session(engine)
    loss = asking(question, "loss")
    found = run(opened, loss, storage, 30, Method("random", pruner))
    assert found.trials["pruned"] > 0
    assert sum(found.trials.values()) == 30
    assert len(engine.stopped) == found.trials["pruned"]
    for plan in engine.stopped:
        assert plan.races[0].fingerprint not in opened.runner.ledger
    study = load(storage)
    pruned = [t for t in study.trials if t.state is TrialState.PRUNED]
    assert all(t.user_attrs["ended"] == "pruned" and t.intermediate_values for t in pruned)
    best = min(t.value for t in study.trials if t.value is not None and t.state.name == "COMPLETE")
    assert found.best[0].values == (best,)


def test_pruning_saves_evaluations_and_not_the_best(
    question: Question, storage: str, open_session: Open
) -> None:
    heard: dict[str, int] = {}
    bests = {}
    for pruner in ("none", "median"):
        opened = open_session(engine := FormulaEngine())
        told = 0

        def events(original: Callable[[], object] = engine.events) -> object:
            nonlocal told
            for event in original():  # pyright: ignore[reportGeneralTypeIssues]
                told += isinstance(event, Evaluated)
                yield event

        object.__setattr__(engine, "events", events)
        method = Method("random", pruner, seed=3)
        found = search(asking(question, "loss"), method, Limits(24), (storage, pruner), opened)
        heard[pruner], bests[pruner] = told, found.best[0].values
        for path in opened.runner.ledger._folder.glob("*"):
            path.unlink()
    assert heard["median"] < 0.8 * heard["none"]
    assert bests["median"] == bests["none"]


def test_replicates_are_averaged_and_pruned_together(
    question: Question, storage: str, open_session: Open
) -> None:
    engine = FormulaEngine(workers=3)
    three = replace(asking(question, "loss"), replicates=3)
    found = run(open_session(engine), three, storage, 16, Method("random", "median"))
    complete, pruned = found.trials["complete"], found.trials["pruned"]
    assert complete + pruned == 16
    assert len(engine.trained) >= 3 * complete
    assert {t.replicate for t in engine.trained} == {0, 1, 2}
    again = replace(three, replicates=2)  # the ledger has these already
    trained = len(engine.trained)
    search(again, Method("random"), Limits(3), (storage, "u"), open_session(engine))
    assert len(engine.trained) <= trained + 2 * 3


def test_a_setting_proposed_again_is_not_trained_again(
    question: Question, storage: str, open_session: Open
) -> None:
    engine = FormulaEngine()
    method = Method("random")
    run(open_session(engine), question, storage, 3, method)
    study = load(storage)
    for trial in study.trials[:3]:
        study.enqueue_trial(trial.params)
    study.enqueue_trial(study.trials[0].params)
    found = run(open_session(engine), question, storage, 7, method)
    assert found.trials == {"complete": 7}
    assert len(engine.trained) == 3
    values = [t.value for t in load(storage).trials]
    assert values[3:6] == values[:3]


def test_no_trial_starts_after_the_time_is_up(
    question: Question, storage: str, open_session: Open
) -> None:
    opened = open_session(engine := FormulaEngine())
    with pytest.raises(ValueError, match="give it more trials or time"):
        search(question, TPE, Limits(5, seconds=0.0), (storage, "t"), opened)
    assert not engine.trained


class CutShortError(BaseException):
    """A stop between Optuna's two writes of a setting, as a kill or Ctrl-C may come."""


@pytest.mark.parametrize("tidied", [True, False])  # Ctrl-C, which settles at once; or a kill
def test_a_stop_amid_a_proposal_leaves_a_study_that_goes_on(
    tidied: bool,
    question: Question,
    storage: str,
    open_session: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    valley = Method(startup=4)
    with monkeypatch.context() as patch:
        write, rates = _CachedStorage.set_trial_param, 0

        def cut(self: _CachedStorage, trial_id: int, param_name: str, *rest: Any) -> None:
            nonlocal rates
            rates += param_name == "learning_rate"
            if rates == 6:
                raise CutShortError
            write(self, trial_id, param_name, *rest)

        patch.setattr(_CachedStorage, "set_trial_param", cut)
        if not tidied:
            patch.setattr("pipeline.tune.search.Search._settle", lambda _: None)
        with pytest.raises(CutShortError):
            run(open_session(), question, storage, 12, valley)
    (half,) = [t for t in load(storage).trials if t.params.keys() == {"batch_size"}]
    assert half.state is (TrialState.FAIL if tidied else TrialState.RUNNING)

    assert run(open_session(), question, storage, 12, valley).trials == {"complete": 12}
    trials = load(storage).trials
    assert trials[half.number].state is TrialState.FAIL
    assert not [t for t in trials if t.state in {TrialState.RUNNING, TrialState.WAITING}]
    assert sum("fixed_params" in t.system_attrs for t in trials) <= 4 + 1  # half is not queued
