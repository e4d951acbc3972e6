"""Where MLflow keeps its runs: the tracking URI, and what is wrong with a bad one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.home import home

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.settings import TrackingSettings

__all__ = ["TrackingError", "artifact_folder", "redacted", "sqlite_file", "tracking_uri"]

VARIABLE: Final = "MLFLOW_TRACKING_URI"
DEFAULT: Final = "sqlite:///mlflow.db"
REMEDY: Final = (
    f"set it to {DEFAULT} or to the address of a running MLflow server (http://host:port), "
    "or set tracking.mlflow to false"
)

_SCHEME = re.compile(r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")
_DATABASES = {"sqlite", "postgresql", "mysql", "mssql"}
_SERVERS = {"http", "https"}
_SQLITE = re.compile(r"^(?P<dialect>sqlite(\+\w+)?):///(?P<path>[^?]+)(?P<query>\?.*)?$")
_PASSWORD = re.compile(r"(?<=://)(?P<user>[^/@]*?):[^/]*@")


class TrackingError(ValueError):
    """MLflow cannot be reached, or not written to; the message says what to do.

    Args:
        uri: The tracking URI; a password in it is not shown.
        problem: What is wrong with it.
        key: The setting that it came from.
    """

    def __init__(self, uri: str, problem: str, key: str = "tracking.uri") -> None:
        super().__init__(f"{key} is {redacted(uri)!r}: {problem}; {REMEDY}")


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
    uri = settings.uri or environment.get(VARIABLE) or DEFAULT
    if problem := _problem(uri):
        raise TrackingError(uri, problem, key)
    if match := _SQLITE.match(uri):
        path = home() / match["path"]
        return f"{match['dialect']}:///{path}{match['query'] or ''}"
    return uri


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite URI; None for any other URI."""
    match = _SQLITE.match(uri)
    return Path(match["path"]) if match else None


def artifact_folder(uri: str) -> Path | None:
    """Where artifacts go: mlartifacts beside the SQLite file; None where a server decides.

    A database of another kind says nothing of folders: for it, mlartifacts in this folder.
    """
    if uri.startswith(("http://", "https://", "databricks")):
        return None
    file = sqlite_file(uri)
    return (file.parent if file else home()) / "mlartifacts"


def redacted(uri: str) -> str:
    """The URI with its password, if any, replaced by stars."""
    return _PASSWORD.sub(r"\g<user>:***@", uri)


def _problem(uri: str) -> str:
    """What makes a URI unusable before anything is connected to; empty where nothing does."""
    match = _SCHEME.match(uri)
    scheme = match["scheme"].lower().partition("+")[0] if match else "file"
    if uri == "databricks" or scheme == "databricks":
        return ""
    if scheme == "file":
        return "a folder of files, which MLflow no longer writes"
    if scheme == "sqlite" and (not _SQLITE.match(uri) or ":memory:" in uri):
        return "an SQLite database in memory or without a path, which nobody else can open"
    if scheme not in _DATABASES | _SERVERS:
        return f"{scheme} is not a scheme that MLflow knows"
    return ""
