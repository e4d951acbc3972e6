"""What sweep and confirm share: the design of the study, and a runner with all it needs."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Protocol

import pandas as pd

from models.registry import infeasible
from models.shape import Task
from pipeline.aside import folder_aside
from pipeline.batch_sizes import resolved_batch_sizes
from pipeline.design import Design
from pipeline.engines.local import LocalEngine
from pipeline.images import Manifest, load_prepared, read_manifest
from pipeline.ledger import Ledger
from pipeline.machine import device_of, workers_of
from pipeline.outcome import RaceResult
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.study.guard import locked, say
from pipeline.study.mirrors import mirrored
from pipeline.study.places import Places, ledger_folder
from pipeline.tracking.runs import Phase
from pipeline.trial import Device, Race

__all__ = ["Session", "Trains", "design_of", "device_of", "session", "write_tables"]


@dataclass(frozen=True)
class Session:
    """A stage that trains.

    Attributes:
        settings: Of the study.
        places: Where its files go.
        manifest: Of the prepared data.
        design: Makes races.
        runner: Trains them.
    """

    settings: Settings
    places: Places
    manifest: Manifest
    design: Design
    runner: Trains


class Trains(Protocol):
    """Gets results of races: by training what is missing, or from the ledger alone."""

    @property
    def ledger(self) -> Ledger:
        """Where results are kept."""
        ...

    def run(self, races: Sequence[Race], keep: frozenset[str] = frozenset()) -> list[RaceResult]:
        """One result per race, in order, duplicates left out; ``keep`` names those with weights."""
        ...


@contextmanager
def session(phase: Phase, settings: Settings, places: Places) -> Generator[Session]:
    """Open a session: ledger under lock, engine, mirror.

    Args:
        phase: The stage.
        settings: Of the study.
        places: Where its files go.

    Yields:
        The session. Afterwards the engine is closed, and the mirror with a true status.
    """
    manifest = read_manifest(places.prepared)
    load_prepared(places.prepared)  # verified here, where a damaged file stops the stage
    with locked(ledger_folder(), places.study):
        ledger = Ledger(ledger_folder(), warn=say)
        ledger.clean()
        device = device_of(settings.training)
        engine = LocalEngine(workers_of(settings.training, device), places.prepared)
        with mirrored(settings, places, manifest, phase) as mirrors:
            try:
                yield Session(
                    settings,
                    places,
                    manifest,
                    design_of(settings, manifest, device),
                    Runner(phase, ledger, engine, mirrors, settings.training.cohort_width, say),
                )
            finally:
                engine.close()


def write_tables(
    folder: Path, tables: dict[str, pd.DataFrame], files: Mapping[str, Path] | None = None
) -> None:
    """Write tables as Parquet, and copies of files beside them, all or none.

    Args:
        folder: Replaced.
        tables: By file name without suffix.
        files: What to copy, by path in the folder.
    """
    with folder_aside(folder) as aside:
        for name, table in tables.items():
            table.to_parquet(aside / f"{name}.parquet", index=False)
        for name, path in (files or {}).items():
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, aside / name)


def design_of(settings: Settings, manifest: Manifest, device: Device) -> Design:
    """What makes the races of a study."""
    return Design(
        settings=settings,
        data_digest=manifest.digest,
        train_examples=manifest.train_examples,
        batch_sizes=resolved_batch_sizes(settings, manifest.train_examples),
        device=device,
        infeasible=cache(partial(_infeasible, manifest.task)),
    )


def _infeasible(task: Task, model: str, batch_size: int) -> str:
    return infeasible(model, task, batch_size)
