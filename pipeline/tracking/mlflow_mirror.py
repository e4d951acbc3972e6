"""The MLflow mirror: a parent run per model, a child run per trial, live while they train."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pipeline.tracking import environment
from pipeline.tracking.glance import glanced_runs
from pipeline.tracking.projection import begun, parent_tags, points, project
from pipeline.tracking.running import Running
from pipeline.tracking.runs import NAMESPACE, Change, Lacking, Study
from pipeline.tracking.settled import at_rest, of_role, whole_races

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.events import Evaluated
    from pipeline.outcome import RaceResult, Row
    from pipeline.tracking.machine import Machine
    from pipeline.tracking.mirror import SessionStatus
    from pipeline.tracking.runs import Data, FoundRun, Phase, Run
    from pipeline.tracking.store import RunStore
    from pipeline.trial import CohortPlan

__all__ = ["MlflowMirror"]

Key = tuple[str, int]  # fingerprint of the race, index of the trial within it


class MlflowMirror:
    """One MLflow experiment: a parent run per model, a child run per trial.

    Parents are found again by their tags, so sessions and phases share them. Children are keyed by
    (fingerprint, member); those of the data set are indexed once, by `open`. A cohort that has run
    for some seconds gets its runs while it trains; all others are written when they have ended. In
    the end nothing tells the two apart: start times are the worker's, and times of metrics those.

    Args:
        uri: From `pipeline.tracking.tracking_uri`.
        experiment: Name of the MLflow experiment.
        data: What is trained on.
        phase: The stage that is running.
        models: Names of the models, each with a parent run.
        git_commit: Commit that the driver runs from; None outside a repository.
    """

    def __init__(
        self,
        *,
        uri: str,
        experiment: str,
        data: Data,
        phase: Phase,
        models: Sequence[str],
        git_commit: str | None,
    ) -> None:
        self._uri = uri
        self._experiment = experiment
        self._study = Study(data, phase, git_commit)
        self._models = tuple(models)
        self._opened: RunStore | None = None
        self._parents: dict[str, str] = {}
        self._children: dict[Key, FoundRun] = {}
        self._running: dict[str, Running] = {}  # by fingerprint of the cohort's first race
        self._shown: dict[Key, int] = {}  # last step that a child shows whose trial still trains
        self._machine: Machine | None = None  # once it is open, and not half-way

    def settled(self, fingerprints: Iterable[str]) -> bool:
        """Whether opening would change no run, and all trials of these races are there."""
        if self._opened:
            return False
        digest = NAMESPACE + "data_digest"
        runs = glanced_runs(self._uri, self._experiment, digest, self._study.data.digest)
        runs = self._of_this_data(runs)
        return at_rest(runs, self._models) and set(fingerprints) <= whole_races(
            of_role("trial", runs)
        )

    def open(self) -> None:
        """Connect, set the parents RUNNING, index the children and reconcile them.

        A `TrackingError` says that nothing answers at the tracking URI, or not MLflow.
        """
        if self._machine:
            return
        environment.apply(environment.QUIET)
        # Here, for mlflow takes more than a second to import.
        from pipeline.tracking.connection import Connection
        from pipeline.tracking.machine import Machine
        from pipeline.tracking.store import RunStore

        self._opened = RunStore(Connection(self._uri, self._experiment))
        self._parents.clear()  # of an opening that failed half-way
        self._children.clear()
        runs = self._of_this_data(
            self._opened.find(NAMESPACE + "data_digest", self._study.data.digest)
        )
        self._open_parents(of_role("parent", runs))
        self._index(of_role("trial", runs))
        self._machine = Machine(self._opened, self._parents.values())

    def begin(self, plan: CohortPlan) -> None:
        """Forget what was heard of an earlier attempt."""
        self._running.pop(plan.races[0].fingerprint, None)

    def follow(self, evaluated: Evaluated) -> None:
        """Show the trials of a cohort, once it has run for some seconds and then now and then.

        A `TrackingError` says that MLflow is gone.
        """
        now = time.monotonic()
        key = evaluated.plan.races[0].fingerprint
        running = self._running.get(key)
        if running is None or running.started_at != evaluated.started_at:
            running = self._running[key] = Running(evaluated.plan, evaluated.started_at, now)
        running.add(evaluated.rows)
        if running.due(now):
            self._show(running, running.take(now))
            running.took = time.monotonic() - now
        if self._machine:
            self._machine.sample(now)

    def write(self, result: RaceResult) -> None:
        """Write one child run per trial that is not there, or there from an earlier attempt.

        A `TrackingError` says that MLflow is gone; the ledger has the race all the same, and the
        next session finds it `missing` here.
        """
        self._running.pop(result.race.fingerprint, None)
        runs = [run for run in project(result, self._study) if not self._stands(run)]
        self._create(runs)
        lacking = [
            Lacking(self._children[run.key], run, self._shown.pop(run.key, None)) for run in runs
        ]
        for run, child in zip(runs, self._store.fill(lacking), strict=True):
            self._children[run.key] = child

    def missing(self, fingerprints: Iterable[str]) -> set[str]:
        """The races that lack a trial here; those with a broken one count, for they run again."""
        return set(fingerprints) - whole_races(self._children.values())

    def close(self, status: SessionStatus) -> None:
        """Give the parents their last status, and delete children that an interrupt cut short.

        With little patience: the next session does what is left undone.
        """
        with environment.during(environment.IMPATIENT):
            for key in [key for key, run in self._children.items() if not run.complete]:
                self._delete(key)
            for parent in self._parents.values():
                self._store.end(parent, status)

    @property
    def _store(self) -> RunStore:
        assert self._opened, "open the mirror first"
        return self._opened

    def _of_this_data(self, runs: list[FoundRun]) -> list[FoundRun]:
        dataset = self._study.data.name
        return [run for run in runs if run.tags.get(NAMESPACE + "dataset") == dataset]

    def _open_parents(self, found: list[FoundRun]) -> None:
        for run in found:
            model = run.model
            if model not in self._models:
                if run.status == "RUNNING":  # left so by a killed session that still had the model
                    self._store.end(run.identifier, "KILLED")
            elif model in self._parents:
                self._store.delete(run.identifier)
            else:
                self._parents[model] = run.identifier
                if run.status != "RUNNING":
                    self._store.resume(run.identifier)
        for model in self._models:
            if model not in self._parents:
                self._parents[model] = self._store.create_parent(
                    f"{model} · {self._study.data.name}",
                    parent_tags(model, self._study.data),
                    self._study.data,
                )

    def _show(self, running: Running, rows: dict[int, list[Row]]) -> None:
        runs = [
            run
            for race in running.plan.races
            for run in begun(race, running.started_at, self._study)
        ]
        due = [
            (run, rows.get(position, []))
            for position, run in enumerate(runs)
            if position in rows or run.key not in self._shown
        ]
        self._create([run for run, _ in due])
        self._store.log([self._news(run, new) for run, new in due])
        for run, new in due:
            self._shown[run.key] = new[-1].step if new else self._shown.get(run.key, 0)

    def _news(self, run: Run, new: list[Row]) -> Change:
        child = self._children[run.key]
        parameters = {} if run.key in self._shown else run.parameters
        return Change(child.identifier, child.started, points(new), parameters)

    def _stands(self, run: Run) -> bool:
        known = self._children.get(run.key)
        return known is not None and known.complete and known.started == run.started

    def _create(self, runs: list[Run]) -> None:
        """Create the children that are missing, those of an earlier attempt anew."""
        for run in runs:
            known = self._children.get(run.key)
            if known and (known.complete or known.started != run.started):
                self._delete(run.key)
        fresh = [run for run in runs if run.key not in self._children]
        if not fresh:  # as whenever a cohort is shown again: no transaction of nothing
            return
        parents = [self._parents[run.model] for run in fresh]
        for run, child in zip(fresh, self._store.create(fresh, parents), strict=True):
            self._children[run.key] = child

    def _index(self, found: list[FoundRun]) -> None:
        """Index the children, the newest of each key; the others and the half-written go."""
        for run in found:
            key = run.key
            if key in self._children:
                self._delete(key)
            self._children[key] = run
            parent = self._parents.get(run.model)
            if not run.complete:
                self._delete(key)
            elif parent and run.parent != parent:  # whose parent somebody deleted
                self._store.adopt(run.identifier, parent)

    def _delete(self, key: Key) -> None:
        self._shown.pop(key, None)
        self._store.delete(self._children.pop(key).identifier)
