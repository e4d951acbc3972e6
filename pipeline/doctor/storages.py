"""The databases: is there one, does it answer, and is it MLflow's own or Optuna's own?

Each of the two migrates the tables of one `alembic_version`, so that in one database they break
each other.
"""

from __future__ import annotations

import sqlite3
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pipeline.causes import first_line
from pipeline.doctor.finding import Finding, error, ok
from pipeline.studies.address import storage_url
from pipeline.tracking.address import TrackingError, redacted, sqlite_file, tracking_uri
from pipeline.tracking.environment import IMPATIENT, during
from pipeline.tracking.glance import moved_from

if TYPE_CHECKING:
    from pipeline.settings import TrackingSettings

__all__ = ["databases", "mlflow", "optuna", "storage"]

Owner = Literal["MLflow", "Optuna"]

_SIGNS: Final[Mapping[Owner, frozenset[str]]] = {
    "MLflow": frozenset({"experiments", "runs"}),
    "Optuna": frozenset({"studies", "trials"}),
}
_SECONDS: Final = 5.0
_HTTP_OK: Final = 200


def mlflow(settings: TrackingSettings, environment: Mapping[str, str]) -> Finding:
    """Whether MLflow's runs have a place of their own to go to."""
    if not settings.mlflow:
        return ok("mlflow", "off (tracking.mlflow is false)")
    found = _addressed("mlflow", lambda: tracking_uri(settings, environment), "MLflow")
    if found.level != "ok":
        return found
    uri = tracking_uri(settings, environment)
    if elsewhere := moved_from(uri, settings.experiment):
        return error(
            "mlflow",
            f"{redacted(uri)} was moved or copied: files would go to {elsewhere}",
            "move the file away, then batchscope restore writes it anew",
        )
    return found


def optuna(settings: TrackingSettings, environment: Mapping[str, str]) -> Finding:
    """Whether the studies of Optuna have a place of their own to go to."""
    if not settings.optuna:
        return ok("optuna", "off (tracking.optuna is false)")
    return _addressed("optuna", lambda: storage_url(settings, environment), "Optuna")


def _addressed(subject: str, address: Callable[[], str], owner: Owner) -> Finding:
    """Whether settings and environment give an address, and what is there."""
    try:
        uri = address()
    except TrackingError as problem:
        message, _, remedy = str(problem).partition("; ")
        return error(subject, message, remedy)
    return storage(subject, uri, owner)


def databases(folder: Path) -> list[Finding]:
    """Databases in a folder that MLflow and Optuna both wrote to; none is nothing to tell."""
    found = [_shared(file) for file in sorted(folder.glob("*.db"))]
    return [finding for finding in found if finding]


def storage(subject: str, uri: str, owner: Owner) -> Finding:
    """Whether a storage answers, and is its owner's.

    Args:
        subject: Of the finding.
        uri: An SQLAlchemy URL, or the address of an MLflow server.
        owner: Whose it has to be.

    Returns:
        The finding; a password in the URI is not shown.
    """
    shown = redacted(uri)
    if uri.startswith(("http://", "https://")):
        return _server(subject, uri)
    file = sqlite_file(uri)
    if file and not file.exists():
        return ok(subject, f"{shown} will be made")
    try:
        tables = _sqlite_tables(file) if file else _tables(uri)
    except Exception as problem:  # of sqlite3, sqlalchemy, a driver that is not installed
        why = f"{shown} does not open ({first_line(problem)})"
        remedy = "move the file away, and restore the runs from the ledger (docs/mlflow.md)"
        return error(subject, why, remedy if file else "start the server, or mend its address")
    return _judged(subject, shown, tables, owner)


def _judged(subject: str, shown: str, tables: frozenset[str], owner: Owner) -> Finding:
    owners = [name for name, signs in _SIGNS.items() if signs <= tables]
    if strangers := [name for name in owners if name != owner]:
        also = " as well" if owner in owners else ""
        return error(
            subject,
            f"{shown} holds the tables of {strangers[0]}{also}; the two break each other",
            f"give {owner} a database of its own",
        )
    if tables and owner not in owners:
        return error(
            subject, f"{shown} is another program's", f"give {owner} a database of its own"
        )
    return ok(subject, f"{shown} answers" if owners else f"{shown} is empty, and will be filled")


def _shared(file: Path) -> Finding | None:
    try:
        tables = _sqlite_tables(file)
    except sqlite3.Error:  # not SQLite, or damaged: whose it is tells who uses it
        return None
    if all(signs <= tables for signs in _SIGNS.values()):
        return error(
            "databases",
            f"{file} holds the tables of MLflow and Optuna both; the two break each other",
            "give each a file of its own, and restore MLflow's runs from the ledger",
        )
    return None


def _sqlite_tables(file: Path) -> frozenset[str]:
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return frozenset(str(row[0]) for row in rows)


def _tables(uri: str) -> frozenset[str]:
    import sqlalchemy

    with during(IMPATIENT):
        engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
        return frozenset(sqlalchemy.inspect(engine).get_table_names())


def _server(subject: str, uri: str) -> Finding:
    shown, remedy = redacted(uri), "start the server, or mend the address in tracking.uri"
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=_SECONDS) as response:
            status, body = response.status, response.read(100)
    except (OSError, ValueError) as problem:  # as URLError and timeouts are
        return error(subject, f"{shown} does not answer ({first_line(problem)})", remedy)
    if status != _HTTP_OK or b"OK" not in body:
        return error(subject, f"{shown} answers, but is no MLflow server", remedy)
    return ok(subject, f"{shown} answers")
