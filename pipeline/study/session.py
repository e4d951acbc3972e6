"""What sweep and confirm share: the design of the study, and a runner with all it needs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pandas as pd

from models.registry import infeasible, unstackable
from models.shape import Task
from pipeline.aside import folder_aside
from pipeline.batch_sizes import resolved_batch_sizes
from pipeline.design import Design
from pipeline.engines.local import LocalEngine
from pipeline.engines.worker import QUIET_SECONDS
from pipeline.environments import environments, mixed
from pipeline.images import Manifest, load_prepared, read_manifest
from pipeline.ledger import Ledger
from pipeline.machine import device_of, workers_of
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.study.guard import locked, say
from pipeline.study.mirrors import mirrored
from pipeline.study.places import Places, ledger_folder
from pipeline.tracking.runs import Phase

__all__ = ["Session", "design_of", "session", "tell_mixed", "write_tables"]


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
    runner: Runner


@contextmanager
def session(
    phase: Phase, settings: Settings, places: Places, quiet_seconds: float = QUIET_SECONDS
) -> Generator[Session]:
    """Open a session: ledger under lock, engine, mirror.

    Args:
        phase: The stage.
        settings: Of the study.
        places: Where its files go.
        quiet_seconds: Least time between a worker's evaluations told.

    Yields:
        The session. Afterwards the engine is closed, and the mirror with a true status.

    Raises:
        ValueError: If the prepared data are damaged, or others than the settings name.
    """
    manifest = read_manifest(places.prepared)
    if not manifest.made_from(settings.data):
        raise ValueError(
            f"{places.prepared} holds {manifest.dataset}, not prepared as data in the settings "
            "says; run the same command again, or dvc repro where params.yaml was changed"
        )
    load_prepared(places.prepared)  # verified here, where a damaged file stops the stage
    with locked(ledger_folder(), places.study):
        ledger = Ledger(ledger_folder(), warn=say)
        ledger.clean()
        workers = workers_of(settings.training, device_of(settings.training))
        engine = LocalEngine(workers, places.prepared, quiet_seconds)
        with mirrored(settings, places, manifest, phase) as mirrors:
            try:
                yield Session(
                    settings,
                    places,
                    manifest,
                    design_of(settings, manifest),
                    Runner(phase, ledger, engine, mirrors, settings.training.cohort_width, say),
                )
            finally:
                engine.close()


def tell_mixed(recorded: Iterable[Mapping[str, str]]) -> None:
    """Warn of results that several versions or processors trained: what differs may be theirs.

    Args:
        recorded: What trained each race of the study so far.
    """
    if several := mixed(environments(recorded)):
        say(
            f"warning: the study's races were trained by versions or hardware that round "
            f"differently: {several}. To have all from one, move ledger/ away and train again "
            "(with DVC: dvc repro --force)"
        )


def write_tables(
    folder: Path,
    tables: dict[str, pd.DataFrame],
    files: Mapping[str, Path] | None = None,
    documents: Mapping[str, object] | None = None,
) -> None:
    """Write tables as Parquet, copies of files and JSON documents beside them, all or none.

    Args:
        folder: Replaced.
        tables: By file name without suffix.
        files: What to copy, by path in the folder.
        documents: Plain values, by path in the folder.
    """
    with folder_aside(folder) as aside:
        for name, table in tables.items():
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            table.to_parquet(aside / f"{name}.parquet", index=False)
        for name, document in (documents or {}).items():
            (aside / name).write_text(json.dumps(document, indent=1) + "\n")
        for name, path in (files or {}).items():
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, aside / name)


def design_of(settings: Settings, manifest: Manifest) -> Design:
    """The design of a study on this machine, whose devices it may use.

    Args:
        settings: Of the study.
        manifest: Of the prepared data.

    Returns:
        The design.
    """
    return Design(
        settings=settings,
        data_digest=manifest.digest,
        train_examples=manifest.train_examples,
        batch_sizes=resolved_batch_sizes(settings, manifest.train_examples),
        device=device_of(settings.training),
        infeasible=cache(partial(_infeasible, manifest.task)),
        unstackable=cache(partial(_unstackable, manifest.task)),
    )


def _infeasible(task: Task, model: str, batch_size: int) -> str:
    return infeasible(model, task, batch_size)


def _unstackable(task: Task, model: str, batch_size: int) -> str:
    return unstackable(model, task, batch_size)
