"""The ledger as Optuna studies, one per data set and model, for Optuna's own plots and tools."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from pipeline.causes import root_cause
from pipeline.studies.address import StorageError
from pipeline.studies.glance import glanced_races
from pipeline.studies.projection import (
    Phase,
    Subject,
    frozen_trials,
    subject_of,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from optuna import Study
    from optuna.trial import FrozenTrial

    from pipeline.events import Evaluated
    from pipeline.outcome import RaceResult
    from pipeline.settings import Settings
    from pipeline.studies.rows import TrialRows
    from pipeline.trial import CohortPlan

__all__ = ["StudyMirror"]

Key = tuple[str, int]  # fingerprint of the race, index of the trial within it


class StudyMirror:
    """One Optuna study per model and phase, filled with finished trials. Nothing is read back.

    Trials are keyed by (fingerprint, member). A trial that failed and ran again stands there twice,
    as Optuna deletes no trial: FAIL, and what came of it later.

    Args:
        url: From `pipeline.studies.address.storage_url`.
        settings: Of the study.
        dataset: Name of the data set.
        data_digest: Digest of the prepared data.
        train_examples: Size of the training split.
        phase: The stage that is running.
    """

    def __init__(
        self,
        *,
        url: str,
        settings: Settings,
        dataset: str,
        data_digest: str,
        train_examples: int,
        phase: Phase,
    ) -> None:
        self._url = url
        self._settings = settings
        self._subjects: dict[str, Subject] = {
            model: subject_of(
                model,
                settings,
                dataset=dataset,
                data_digest=data_digest,
                train_examples=train_examples,
                phase=phase,
            )
            for model in settings.models
        }
        self._studies: dict[str, Study] = {}
        self._rows: TrialRows | None = None
        self._known: dict[Key, FrozenTrial] = {}

    def settled(self, fingerprints: Iterable[str]) -> bool:
        """Whether the studies are there, with all trials of these races."""
        if self._studies:
            return False
        races = glanced_races(self._url, self._subjects.values())
        return races is not None and set(fingerprints) <= races

    def open(self) -> None:
        """Connect, make the studies that are missing, and index their trials.

        A `StorageError` says that nothing answers at the storage's URL, or that it is MLflow's.
        """
        if len(self._studies) == len(self._subjects):  # not of an opening that failed half-way
            return
        from pipeline.studies.rows import TrialRows
        from pipeline.studies.storage import connected, study_of

        with self._reported():
            storage = connected(self._url)
            self._rows = TrialRows.of(self._url)
            for model, subject in self._subjects.items():
                self._studies[model] = study = study_of(storage, subject)
                for trial in study.get_trials(deepcopy=False):
                    self._remember(trial)

    def begin(self, plan: CohortPlan) -> None:
        """Do nothing: a study holds finished trials only."""

    def follow(self, evaluated: Evaluated) -> None:
        """Do nothing."""

    def write(self, result: RaceResult) -> None:
        """Add the trials of a race that are not there, or there from an attempt that failed.

        A `StorageError` says that the storage is gone; the ledger has the race all the same, and
        the next session finds it `missing` here.
        """
        model = result.race.cell.model
        trials = frozen_trials(result, self._subjects[model], self._settings)
        fresh = [trial for trial in trials if not self._has(trial)]
        if not fresh:
            return
        with self._reported():
            if self._rows:
                self._rows.add(self._studies[model].study_name, fresh)
            else:
                self._studies[model].add_trials(fresh)
        for trial in fresh:
            self._remember(trial)

    def missing(self, fingerprints: Iterable[str]) -> set[str]:
        """The races that lack a trial here; those with a broken one count, for they run again."""
        present: dict[str, list[FrozenTrial]] = defaultdict(list)
        for (fingerprint, _), trial in self._known.items():
            if trial.value is not None:
                present[fingerprint].append(trial)
        complete = {
            fingerprint
            for fingerprint, trials in present.items()
            if len(trials) == trials[0].user_attrs["members"]
        }
        return set(fingerprints) - complete

    def close(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """Let go of the storage; a study has no status."""
        self._studies.clear()

    def _has(self, trial: FrozenTrial) -> bool:
        known = self._known.get(_key(trial))
        if known is None:
            return False
        return known.value is not None or known.datetime_start == trial.datetime_start

    def _remember(self, trial: FrozenTrial) -> None:
        if {"fingerprint", "member"} <= trial.user_attrs.keys():  # else somebody else's
            self._known[_key(trial)] = trial

    @contextmanager
    def _reported(self) -> Generator[None]:
        from pipeline.studies.storage import FAILURES

        try:
            yield
        except FAILURES as error:
            raise StorageError(self._url, root_cause(error)) from error


def _key(trial: FrozenTrial) -> Key:
    return trial.user_attrs["fingerprint"], trial.user_attrs["member"]
