"""Where MLflow keeps its runs: the tracking URI, and what to do about one that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.home import home
from pipeline.settings.addresses import (
    RUNS,
    RUNS_REMEDY,
    origin,
    placed,
    redacted,
    runs_problem,
    sqlite_file,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.settings import TrackingSettings

__all__ = [
    "ArtifactError",
    "TrackingError",
    "artifact_folder",
    "redacted",
    "remedy",
    "sqlite_file",
    "tracking_uri",
]

VARIABLE: Final = "MLFLOW_TRACKING_URI"

_IN_USE: Final = "let the program that writes to it finish, then repeat the command"
_UNWRITABLE: Final = "make it a file that you may write to, then repeat the command"
_OF_SOUND_FILES: Final = {  # words of SQLite and ours about a file that is as it should be
    "is locked": _IN_USE,
    "is full": "free some space, then repeat the command",
    "disk I/O error": "free some space or mend the disk, then repeat the command",
    "readonly database": _UNWRITABLE,
    "unable to open": _UNWRITABLE,
}


class TrackingError(ValueError):
    """MLflow cannot be reached, or not written to; the message says what to do.

    Args:
        uri: The tracking URI; a password in it is not shown.
        problem: What is wrong with it.
        key: What it came from; by default the variable that holds it, or the setting.
    """

    def __init__(self, uri: str, problem: str, key: str | None = None) -> None:
        key = key or origin(uri, VARIABLE, "tracking.uri")
        told = remedy(uri, problem, RUNS_REMEDY)
        super().__init__(f"{key} is {redacted(uri)!r}: {problem}; {told}")


class ArtifactError(TrackingError):
    """A file cannot be put where MLflow keeps artifacts: its database may be as sound as ever.

    Args:
        uri: The tracking URI; a password in it, or in the problem, is not shown.
        what: Would have been put there.
        problem: What is wrong.
    """

    def __init__(self, uri: str, what: str, problem: str) -> None:
        told = f"{what} can't be put among the artifacts of MLflow at {uri!r}: {problem}"
        ValueError.__init__(self, redacted(told))


def remedy(address: str, problem: str, another: str) -> str:
    """What to do about a database that fails.

    An SQLite file that is damaged has to go: runs and studies are copies, which the ledger or the
    tables in results/ make again.

    Args:
        address: Of the database.
        problem: What is wrong with it.
        another: How to use another database.

    Returns:
        What to do about the file, where the address is an SQLite file that is there and is not
        another program's; else ``another``.
    """
    file = sqlite_file(address)
    if file is None or not _there(file) or "another program" in problem:
        return another
    for words, told in _OF_SOUND_FILES.items():
        if words in problem and not file.is_dir():
            return told
    return (
        f"move {file} away, then batchscope restore or the same command writes a new one from "
        "what has been trained"
    )


def _there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # of a folder that may not be looked into
        return False


def tracking_uri(settings: TrackingSettings, environment: Mapping[str, str]) -> str:
    """Where the runs go: the setting, else MLFLOW_TRACKING_URI, else mlflow.db beside the ledger.

    A relative SQLite path is made absolute, so that it means one file whoever opens it.

    Args:
        settings: The tracking branch of params.yaml.
        environment: Environment variables of the process.

    Returns:
        A database URI, or the address of an MLflow server.

    Raises:
        TrackingError: The URI is a folder, which MLflow from 3.13 on refuses, an SQLite database
            in memory, or its scheme is not one that MLflow serves.
    """
    key = VARIABLE if settings.uri is None and environment.get(VARIABLE) else "tracking.uri"
    uri = settings.uri or environment.get(VARIABLE) or RUNS
    if problem := runs_problem(uri):
        raise TrackingError(uri, problem, key)
    return placed(uri)


def artifact_folder(uri: str) -> Path | None:
    """Where artifacts go: mlartifacts beside the SQLite file; None where a server decides.

    A database of another kind says nothing of folders: for it, mlartifacts in this folder.
    """
    if uri.startswith(("http://", "https://", "databricks")):
        return None
    file = sqlite_file(uri)
    return (file.parent if file else home()) / "mlartifacts"
