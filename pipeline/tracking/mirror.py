"""What the runner sees of tracking: a mirror of the ledger, in MLflow or nowhere."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal, Protocol

from pipeline.outcome import Ended
from pipeline.tracking import environment
from pipeline.tracking.projection import NAMESPACE, Phase, Study, parent_tags, project

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.outcome import RaceResult
    from pipeline.tracking.store import FoundRun, RunStore

__all__ = ["Mirror", "MlflowMirror", "NullMirror"]

Key = tuple[str, int]  # fingerprint of the race, index of the trial within it


class Mirror(Protocol):
    """A copy of the ledger for people to browse. Nothing is ever read back from it."""

    def open(self) -> None:
        """Start a session, and clear away what a killed one left half-written."""
        ...

    def write(self, result: RaceResult) -> None:
        """Show a race, one run per trial; showing it again changes nothing."""
        ...

    def missing(self, fingerprints: Iterable[str]) -> set[str]:
        """The races to be written from the ledger, for the mirror has not all of their trials."""
        ...

    def close(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """End the session."""
        ...


class NullMirror:
    """Shows nothing."""

    def open(self) -> None:
        """Do nothing."""

    def write(self, result: RaceResult) -> None:
        """Do nothing."""

    def missing(self, fingerprints: Iterable[str]) -> set[str]:
        """None: there is nothing to be filled."""
        return set()

    def close(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """Do nothing."""


class MlflowMirror:
    """One MLflow experiment: a parent run per model, a child run per trial.

    Parents are found again by their tags, so sessions and phases share them. Children are keyed by
    (fingerprint, member); those of the data set are indexed once, by `open`.

    Args:
        uri: From `pipeline.tracking.tracking_uri`.
        experiment: Name of the MLflow experiment.
        dataset: Name of the data set.
        data_digest: Digest of the prepared data.
        phase: The stage that is running.
        models: Names of the models, each with a parent run.
        git_commit: Commit that the driver runs from; None outside a repository.
    """

    def __init__(
        self,
        *,
        uri: str,
        experiment: str,
        dataset: str,
        data_digest: str,
        phase: Phase,
        models: Sequence[str],
        git_commit: str | None,
    ) -> None:
        self._uri = uri
        self._experiment = experiment
        self._study = Study(dataset, data_digest, phase, git_commit)
        self._models = tuple(models)
        self._opened: RunStore | None = None
        self._parents: dict[str, str] = {}
        self._children: dict[Key, FoundRun] = {}

    def open(self) -> None:
        """Connect, set the parents RUNNING, index the children and reconcile them.

        A `TrackingError` says that nothing answers at the tracking URI, or not MLflow.
        """
        environment.apply(environment.QUIET)
        from pipeline.tracking.store import RunStore  # mlflow takes more than a second to import

        self._opened = RunStore(self._uri, self._experiment)
        runs = [
            run
            for run in self._opened.find(NAMESPACE + "data_digest", self._study.data_digest)
            if run.tags.get(NAMESPACE + "dataset") == self._study.dataset
        ]
        self._open_parents([run for run in runs if run.tags.get(NAMESPACE + "role") == "parent"])
        self._index([run for run in runs if run.tags.get(NAMESPACE + "role") == "trial"])

    def write(self, result: RaceResult) -> None:
        """Write one child run per trial that is not there, or there from an earlier attempt.

        A `TrackingError` says that MLflow is gone; the ledger has the race all the same, and the
        next session finds it `missing` here.
        """
        for run in project(result, self._study):
            key = (run.fingerprint, run.member)
            known = self._children.get(key)
            if known and known.complete and known.started == run.started:
                continue
            if known:
                self._delete(key)
            self._children[key] = self._store.create(run, self._parents[run.model])
            self._children[key] = self._store.fill(self._children[key], run)

    def missing(self, fingerprints: Iterable[str]) -> set[str]:
        """The races that lack a trial here; those with a broken one count, for they run again."""
        present: dict[str, list[FoundRun]] = defaultdict(list)
        for (fingerprint, _), run in self._children.items():
            if run.complete and Ended(run.tags[NAMESPACE + "ended"]).measured:
                present[fingerprint].append(run)
        complete = {
            fingerprint
            for fingerprint, runs in present.items()
            if len(runs) == int(runs[0].tags[NAMESPACE + "members"])
        }
        return set(fingerprints) - complete

    def close(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """Give the parents their last status, and delete the child that an interrupt cut short."""
        for key in [key for key, run in self._children.items() if not run.complete]:
            self._delete(key)
        for parent in self._parents.values():
            self._store.end(parent, status)

    @property
    def _store(self) -> RunStore:
        assert self._opened, "open the mirror first"
        return self._opened

    def _open_parents(self, found: list[FoundRun]) -> None:
        for run in found:
            model = run.tags[NAMESPACE + "model"]
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
                    f"{model} · {self._study.dataset}",
                    parent_tags(model, self._study),
                    (self._study.dataset, self._study.data_digest),
                )

    def _index(self, found: list[FoundRun]) -> None:
        """Index the children, the newest of each key; the others and the half-written go."""
        for run in found:
            key = (run.tags[NAMESPACE + "fingerprint"], int(run.tags[NAMESPACE + "member"]))
            if key in self._children:
                self._delete(key)
            self._children[key] = run
            parent = self._parents.get(run.tags[NAMESPACE + "model"])
            if not run.complete:
                self._delete(key)
            elif parent and run.parent != parent:  # whose parent somebody deleted
                self._store.adopt(run.identifier, parent)

    def _delete(self, key: Key) -> None:
        self._store.delete(self._children.pop(key).identifier)
