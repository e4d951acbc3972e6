"""Addresses of the databases that runs and studies go to, and what is wrong with a bad one."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from pipeline.home import home

__all__ = [
    "RUNS",
    "RUNS_REMEDY",
    "STUDIES",
    "STUDIES_REMEDY",
    "database",
    "origin",
    "placed",
    "redacted",
    "runs_problem",
    "sqlite_file",
    "studies_problem",
]

RUNS: Final = "sqlite:///mlflow.db"  # MLflow's, where nothing else is set
STUDIES: Final = "sqlite:///optuna.db"  # Optuna's
RUNS_REMEDY: Final = (
    f"set it to {RUNS} or to the address of a running MLflow server (http://host:port), "
    "or set tracking.mlflow to false"
)
STUDIES_REMEDY: Final = (
    f"set it to {STUDIES} or to a database of its own (postgresql+psycopg://user@host/optuna), "
    "or set tracking.optuna to false"
)

_SCHEME: Final = re.compile(r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")
_SQLITE: Final = re.compile(r"^(?P<dialect>sqlite(\+\w+)?):///(?P<path>[^?]+)(?P<query>\?.*)?$")
_SPECIAL: Final = re.compile(r"[%?{}]")
_PASSWORD: Final = re.compile(r"(?<=://)(?P<user>[^/@]*?):[^/]*@")
_OF_OPTUNA: Final = frozenset({"sqlite", "postgresql", "mysql"})
_OF_MLFLOW: Final = _OF_OPTUNA | {"mssql", "http", "https"}
_NOWHERE: Final = "an SQLite database in memory or without a path, which nobody else can open"


def runs_problem(uri: str) -> str:
    """What keeps MLflow from an address, before anything is connected to; empty if nothing does."""
    match = _SCHEME.match(uri)
    scheme = match["scheme"].lower().partition("+")[0] if match else "file"
    if uri == "databricks" or scheme == "databricks":
        return ""
    if scheme == "file":
        return "a folder of files, which MLflow no longer writes"
    if scheme not in _OF_MLFLOW:
        return f"{scheme} is not a scheme that MLflow knows"
    return _NOWHERE if scheme == "sqlite" and _in_memory(uri) else ""


def studies_problem(url: str) -> str:
    """What keeps Optuna from a URL, before anything is connected to; empty if nothing does."""
    scheme = url.partition("://")[0].partition("+")[0].lower() if "://" in url else ""
    if scheme not in _OF_OPTUNA:
        return "not the URL of a database that Optuna serves"
    return _NOWHERE if scheme == "sqlite" and _in_memory(url) else ""


def placed(address: str) -> str:
    """The address, a relative SQLite path made absolute: it is one file whoever opens it.

    What a URL or Optuna (braces) gives a meaning to is escaped in the folder's name: SQLAlchemy
    undoes it.
    """
    match = _SQLITE.match(address)
    if match is None:
        return address
    folder = _SPECIAL.sub(lambda found: quote(found[0]), str(home()))
    return f"{match['dialect']}:///{Path(folder) / match['path']}{match['query'] or ''}"


def sqlite_file(address: str) -> Path | None:
    """The file of an SQLite URI; None for any other URI."""
    match = _SQLITE.match(address)
    return Path(unquote(match["path"])) if match else None


def database(address: str) -> str:
    """The same for two addresses of one SQLite file; any other address as it is."""
    file = sqlite_file(address)
    return os.path.normpath(home() / file) if file else address


def origin(address: str, variable: str, setting: str) -> str:
    """Where an address came from: the environment's variable if that holds it, else the setting."""
    given = os.environ.get(variable)
    return variable if given and placed(given) == placed(address) else setting


def redacted(text: str) -> str:
    """The text with the password of every address in it replaced by stars."""
    return _PASSWORD.sub(r"\g<user>:***@", text)


def _in_memory(address: str) -> bool:
    return not _SQLITE.match(address) or ":memory:" in address
