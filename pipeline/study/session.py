"""What sweep and confirm share: the design of the study, and a runner with all it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Literal

import pandas as pd

from models.registry import infeasible
from models.shape import Task
from pipeline.aside import folder_aside
from pipeline.batch_sizes import resolved_batch_sizes
from pipeline.design import Design
from pipeline.engines.local import LocalEngine
from pipeline.engines.worker import QUIET_SECONDS
from pipeline.images import Manifest, load_prepared, read_manifest
from pipeline.ledger import Ledger
from pipeline.runner import Runner
from pipeline.settings import Settings, TrainingSettings
from pipeline.study.guard import locked, say
from pipeline.study.places import LEDGER, Places
from pipeline.tracking import Mirror, MlflowMirror, NullMirror, TrackingError, tracking_uri
from pipeline.tracking.projection import Phase
from pipeline.trial import Device

__all__ = ["Session", "design_of", "session", "write_tables"]

Status = Literal["FINISHED", "FAILED", "KILLED"]


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
    """
    manifest = read_manifest(places.prepared)
    load_prepared(places.prepared)  # verified here, where a damaged file stops the stage
    with locked(LEDGER):
        ledger = Ledger(LEDGER, warn=say)
        ledger.clean()
        device = _device(settings.training)
        workers = _workers(settings.training, device)
        engine = LocalEngine(workers, places.prepared, quiet_seconds)
        with _mirrored(settings, manifest, phase) as mirror:
            try:
                yield Session(
                    settings,
                    places,
                    manifest,
                    design_of(settings, manifest),
                    Runner(phase, ledger, engine, mirror, settings.training.cohort_width, say),
                )
            finally:
                engine.close()


def write_tables(folder: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Write tables as Parquet, all or none.

    Args:
        folder: Replaced.
        tables: By file name without suffix.
    """
    with folder_aside(folder) as aside:
        for name, table in tables.items():
            table.to_parquet(aside / f"{name}.parquet", index=False)


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
        device=_device(settings.training),
        infeasible=cache(partial(_infeasible, manifest.task)),
    )


def _infeasible(task: Task, model: str, batch_size: int) -> str:
    return infeasible(model, task, batch_size)


@contextmanager
def _mirrored(settings: Settings, manifest: Manifest, phase: Phase) -> Generator[Mirror]:
    """An open mirror that is closed with what became of the session.

    Yields:
        The mirror.

    Raises:
        KeyboardInterrupt: When the user stops the session.
    """
    mirror = _mirror(settings, manifest, phase)
    status: Status = "FAILED"
    try:
        mirror.open()
        yield mirror
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        try:
            mirror.close(status)
        except TrackingError as problem:  # must not hide what ended the session
            say(f"warning: {problem}")


def _mirror(settings: Settings, manifest: Manifest, phase: Phase) -> Mirror:
    if not settings.tracking.mlflow:
        return NullMirror()
    return MlflowMirror(
        uri=tracking_uri(settings.tracking, os.environ),
        experiment=settings.tracking.experiment,
        dataset=manifest.dataset,
        data_digest=manifest.digest,
        phase=phase,
        models=settings.models,
        git_commit=_git_commit(),
    )


def _device(training: TrainingSettings) -> Device:
    """The kind of device to train on; torch, which takes seconds to import, is asked last.

    Raises:
        ValueError: If params.yaml asks for a GPU that torch can't use.
    """
    if training.accelerator == "cpu":
        return "cpu"
    if training.accelerator == "auto" and not _has_nvidia_driver():
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if training.accelerator == "gpu":
        raise ValueError(
            "training.accelerator is gpu and torch finds none; install a driver that its CUDA "
            "build supports, or write auto"
        )
    return "cpu"


def _has_nvidia_driver() -> bool:
    return any(Path(p).exists() for p in ("/dev/nvidiactl", "/dev/dxg"))


def _workers(training: TrainingSettings, device: Device) -> int:
    if training.workers != "auto":
        return training.workers
    if device == "cuda":
        return 1
    # Cores that this process may use, where the system can say.
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _git_commit() -> str | None:
    if not (git := shutil.which("git")):
        return None
    found = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else None
