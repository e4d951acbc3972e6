"""MLflow runs as plain values. No mlflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

__all__ = ["NAMESPACE", "NOTE", "Data", "Phase", "Point", "Run", "Status", "Study", "TrainedModel"]

Phase = Literal["sweep", "confirm", "tune"]
Status = Literal["RUNNING", "FINISHED", "FAILED"]

NAMESPACE: Final = "batchscope."
NOTE: Final = "mlflow.note.content"  # what the MLflow UI shows as a run's description


@dataclass(frozen=True)
class Data:
    """The prepared data set.

    Attributes:
        name: Of the data set.
        digest: Of all of its content.
        source: Folder that it lies in, relative to the project's.
        profile: Numbers that describe it, by name.
    """

    name: str
    digest: str
    source: str = "data/prepared"
    profile: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class Study:
    """What every run of a session has in common.

    Attributes:
        data: What is trained on.
        phase: The stage that trained the trials.
        git_commit: Commit that the driver ran from; None outside a repository.
    """

    data: Data
    phase: Phase
    git_commit: str | None


@dataclass(frozen=True)
class Point:
    """One finite value of a metric, at a number of optimiser steps."""

    key: str
    value: float
    step: int


@dataclass(frozen=True)
class Run:
    """One trial as MLflow shows it: a child run.

    Attributes:
        fingerprint: Of the trial's race.
        member: Index of the trial within its race.
        model: Whose parent run it belongs to.
        name: Shown in the list of runs.
        started: Milliseconds since the epoch; the time of every metric too, so that writing
            a point twice leaves one.
        ended: Milliseconds since the epoch; None while it trains.
        status: RUNNING while it trains, FAILED where the trial failed or ran out of memory.
        parameters: Everything that the trial's numbers depend on, but data and code.
        tags: What runs are found by.
        points: The curve, and its summary.
    """

    fingerprint: str
    member: int
    model: str
    name: str
    started: int
    ended: int | None
    status: Status
    parameters: dict[str, str]
    tags: dict[str, str]
    points: tuple[Point, ...]

    @property
    def key(self) -> tuple[str, int]:
        """What finds the trial in the ledger: its race, and where it stands there."""
        return self.fingerprint, self.member


@dataclass(frozen=True)
class TrainedModel:
    """A trained network that MLflow shows among its models.

    Attributes:
        fingerprint: Of its race, which holds one trial.
        name: Shown in the list of models.
        step: Optimiser steps that it was trained for.
        metrics: At that step, as its run has them.
        tags: What it is found by.
    """

    fingerprint: str
    name: str
    step: int
    metrics: dict[str, float]
    tags: dict[str, str]
