"""The mirrors of a study: where its trials are shown, besides the ledger."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

from pipeline.images import Manifest
from pipeline.settings import Settings
from pipeline.studies.address import storage_url
from pipeline.studies.mirror import StudyMirror
from pipeline.study.guard import say
from pipeline.study.places import Places
from pipeline.tracking import Mirror, MlflowMirror, TrackingError, tracking_uri
from pipeline.tracking.mirror import SessionStatus
from pipeline.tracking.runs import Data, Phase

__all__ = ["mirrored"]


@contextmanager
def mirrored(
    settings: Settings, places: Places, manifest: Manifest, phase: Phase
) -> Generator[tuple[Mirror, ...]]:
    """Mirrors that are closed with what became of the session.

    Args:
        settings: Say which there are.
        places: Where the study's files are.
        manifest: Of the prepared data.
        phase: The stage that trains, or trained.

    Yields:
        The mirrors, to be opened by whoever has something to show: opening takes seconds.

    Raises:
        KeyboardInterrupt: When the user stops the session.
        SystemExit: When a signal does.
    """
    mirrors = _mirrors(settings, places, manifest, phase)
    status: SessionStatus = "FAILED"
    try:
        yield mirrors
        status = "FINISHED"
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    finally:
        for mirror in mirrors:
            try:
                mirror.close(status)
            except TrackingError as problem:  # must not hide what ended the session
                say(f"warning: {problem}")


def _mirrors(
    settings: Settings, places: Places, manifest: Manifest, phase: Phase
) -> tuple[Mirror, ...]:
    mirrors: list[Mirror] = []
    if settings.tracking.mlflow:
        mirrors.append(_runs(settings, places, manifest, phase))
    goals = settings.sweep.goals.levels != "auto"  # a pilot has none, so no value either
    if settings.tracking.optuna and phase != "tune" and goals:  # a tune has studies of its own
        mirrors.append(_studies(settings, manifest, phase))
    return tuple(mirrors)


def _runs(settings: Settings, places: Places, manifest: Manifest, phase: Phase) -> MlflowMirror:
    return MlflowMirror(
        uri=tracking_uri(settings.tracking, os.environ),
        experiment=settings.tracking.experiment,
        data=_data(manifest, places),
        phase=phase,
        models=settings.models,
        git_commit=_git_commit(),
    )


def _studies(
    settings: Settings, manifest: Manifest, phase: Literal["sweep", "confirm"]
) -> StudyMirror:
    return StudyMirror(
        url=storage_url(settings.tracking, os.environ),
        settings=settings,
        dataset=manifest.dataset,
        data_digest=manifest.digest,
        train_examples=manifest.train_examples,
        phase=phase,
    )


def _data(manifest: Manifest, places: Places) -> Data:
    sizes = ("train_examples", "validation_examples", "test_examples")
    profile = {name: getattr(manifest, name) for name in sizes} | vars(manifest.task)
    return Data(manifest.dataset, manifest.digest, places.prepared.as_posix(), profile)


def _git_commit() -> str | None:
    if not (git := shutil.which("git")):
        return None
    found = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else None
