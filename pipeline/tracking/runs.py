"""MLflow runs as plain values. No mlflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "NAMESPACE",
    "NOTE",
    "PARENT",
    "Change",
    "Data",
    "Ending",
    "FoundRun",
    "Lacking",
    "New",
    "Phase",
    "Point",
    "Run",
    "Status",
    "Study",
    "TrainedModel",
    "found_runs",
]

Phase = Literal["sweep", "confirm", "tune"]
Status = Literal["RUNNING", "FINISHED", "FAILED"]

NAMESPACE: Final = "batchscope."
PARENT: Final = "mlflow.parentRunId"
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
class FoundRun:
    """An MLflow run as far as the mirror looks at it."""

    identifier: str
    status: str
    started: int
    tags: dict[str, str]

    @property
    def complete(self) -> bool:
        """Whether all of it was written: its status is set last."""
        return self.status in {"FINISHED", "FAILED"}

    @property
    def key(self) -> tuple[str, int]:
        """Of a child, what finds its trial in the ledger: as `Run.key`."""
        return self.tags[NAMESPACE + "fingerprint"], int(self.tags[NAMESPACE + "member"])

    @property
    def model(self) -> str:
        """Name of the model whose run it is, a parent or a child."""
        return self.tags[NAMESPACE + "model"]

    @property
    def parent(self) -> str | None:
        """Identifier of the parent run."""
        return self.tags.get(PARENT)


def found_runs(rows: Iterable[tuple[str, str, int, str, str]]) -> list[FoundRun]:
    """Runs as rows tell them, one a tag.

    Args:
        rows: Identifier, status, start in milliseconds since the epoch, name and value of a tag.

    Returns:
        In the order in which they first stand there.
    """
    found: dict[str, FoundRun] = {}
    for identifier, status, started, key, value in rows:
        run = found.setdefault(identifier, FoundRun(identifier, status, started, {}))
        run.tags[key] = value
    return list(found.values())


class Lacking(NamedTuple):
    """A child of a trial that has ended.

    Attributes:
        child: As it is.
        run: All that it is to show.
        shown: Last step that it shows already; None where it has nothing but tags.
    """

    child: FoundRun
    run: Run
    shown: int | None


@dataclass(frozen=True)
class New:
    """A child run to be created.

    Attributes:
        name: Shown in the list of runs.
        started: Milliseconds since the epoch.
        tags: With its parent among them.
    """

    name: str
    started: int
    tags: Mapping[str, str]


class Ending(NamedTuple):
    """How a run ended, and when: in milliseconds since the epoch."""

    status: Status
    time: int


@dataclass(frozen=True)
class Change:
    """What is added to a run.

    Attributes:
        identifier: Of the run.
        time: Of every metric, in milliseconds since the epoch.
        points: Its metrics. Those that the run has already, at the same time, stay once.
        parameters: By name; none may have another value in MLflow.
        tags: By name; they replace those that are there.
        ending: Set last; None leaves the status as it is.
    """

    identifier: str
    time: int
    points: Sequence[Point]
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    ending: Ending | None = None


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
