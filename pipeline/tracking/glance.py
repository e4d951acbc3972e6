"""A glance into an SQLite database, without the seconds that MLflow and Optuna take to open it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from pipeline.tracking.address import artifact_folder, sqlite_file
from pipeline.tracking.runs import found_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.tracking.runs import FoundRun

__all__ = ["TAGGED", "glance", "glanced_runs", "moved_from"]

_PATIENCE: Final = 1.0  # seconds to wait for a writer's lock: whoever opens the database waits too
_EXPERIMENT: Final = """
SELECT experiment_id FROM experiments WHERE name = ? AND lifecycle_stage = 'active'
"""
TAGGED: Final = """
SELECT run.run_uuid, run.status, run.start_time, tags.key, tags.value
FROM runs AS run JOIN tags ON tags.run_uuid = run.run_uuid
WHERE run.experiment_id = ? AND run.lifecycle_stage = 'active'
AND run.run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = ?)
ORDER BY run.start_time, run.run_uuid
"""
"""Rows for `found_runs`: of an experiment's identifier, the name and the value of a tag."""


def glance(uri: str, query: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    """Ask an SQLite database a question, without writing to it or making it.

    Args:
        uri: Of a database, of whatever kind.
        query: In SQL.
        parameters: Of the query, by place.

    Returns:
        Rows; none where it is another kind of database, is missing, or cannot be asked that.
    """
    file = sqlite_file(uri)
    if file is None or not file.exists():
        return []
    address = f"{file.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, timeout=_PATIENCE, uri=True)) as connection:
            return connection.execute(query, parameters).fetchall()
    except sqlite3.Error:
        return []


def glanced_runs(uri: str, experiment: str, tag: str, value: str) -> list[FoundRun]:
    """Runs that carry a tag, as `pipeline.tracking.store.RunStore.find` has them.

    Args:
        uri: Of MLflow's database or server.
        experiment: Name of the experiment.
        tag: Its name.
        value: Its value.

    Returns:
        The oldest first; none where a glance does not tell.
    """
    return [
        run
        for (identifier,) in glance(uri, _EXPERIMENT, [experiment])
        for run in found_runs(glance(uri, TAGGED, [identifier, tag, value]))
    ]


def moved_from(uri: str, experiment: str) -> Path | None:
    """Where a project was before it was moved or copied, as far as MLflow still puts files there.

    MLflow remembers the folder of an experiment's artifacts by its full path.

    Args:
        uri: Of MLflow's database or server.
        experiment: Name of the experiment.

    Returns:
        The folder of artifacts there; None where they go beside the database, or to a place that
        somebody chose.
    """
    own, file = artifact_folder(uri), sqlite_file(uri)
    if own is None or file is None:
        return None
    query = "SELECT artifact_location FROM experiments WHERE name = ?"
    for (location,) in glance(uri, query, [experiment]):
        address = urlsplit(str(location))
        folder = Path(unquote(address.path))
        if address.scheme != "file" or folder != folder.parent / experiment:
            continue
        before = folder.parent
        if before.name == own.name and before.resolve() != own.resolve() and _left(before, file):
            return before
    return None


def _left(artifacts: Path, database: Path) -> bool:
    """Whether a database was there: its folder is gone (moved), or has one of its own (copied)."""
    return not artifacts.parent.exists() or artifacts.with_name(database.name).exists()
