"""The database of a tune's study: refused before use if it can't serve, and clear if it fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import Final

from pipeline.causes import root_cause
from pipeline.tracking.address import redacted, sqlite_file

__all__ = ["answering", "check", "missing", "opening"]

_PATIENCE: Final = 5.0  # seconds to wait for a writer's lock


def check(storage: str) -> None:
    """Refuse what is no URL, no SQLite file that answers, or another program's (MLflow's, say).

    That a folder is missing SQLite would say too, but a dry run does not ask it.

    Raises:
        ValueError: With the remedy.
    """
    if "://" not in storage:
        raise ValueError(
            f"storage is {storage}; give a URL such as sqlite:///optuna.db or postgresql://..."
        )
    if (file := sqlite_file(storage)) is None:
        return
    if not file.parent.is_dir():
        raise ValueError(
            f"storage is {storage}, and {file.parent} is no folder; make it, or give another "
            "with --storage"
        )
    if not file.exists():
        return
    try:
        # As a URI: a folder's name may hold what would end the path there (#, ?, %).
        address = f"{file.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, timeout=_PATIENCE, uri=True)) as connection:
            tables = {row[0] for row in connection.execute("select name from sqlite_master")}
    except sqlite3.OperationalError as error:  # it may be sound: locked, or not to be read
        raise ValueError(
            f"storage is {storage}: {error}; let the program that uses it finish, see that you may "
            "read it, or give another with --storage"
        ) from None
    except sqlite3.DatabaseError:
        raise ValueError(f"storage is {storage}, which is not an SQLite database") from None
    if tables and "studies" not in tables:
        raise ValueError(
            f"storage is {storage}, the database of another program (MLflow?); Optuna needs its own"
        )


def missing(storage: str) -> bool:
    """Whether an SQLite file is not there, which Optuna would make."""
    file = sqlite_file(storage)
    return file is not None and not file.exists()


@contextmanager
def answering(storage: str, *more: type[Exception]) -> Generator[None]:
    """Say in one line that a database does not answer: full, locked, read-only, or gone.

    Args:
        storage: Its URL; a password in it is not shown.
        more: Errors that mean it too, because nothing else can raise them inside.

    Yields:
        Nothing; what is inside uses the storage.

    Raises:
        ValueError: With what happened, and the remedy.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError, *more) as error:
        driver = "install the driver, or " if isinstance(error, ImportError) else ""
        raise ValueError(
            f"storage is {redacted(storage)}: {root_cause(error)}; {driver}give another with "
            "--storage, such as sqlite:///optuna.db or postgresql+psycopg://user@host/optuna"
        ) from error


@contextmanager
def opening(storage: str) -> Generator[None]:
    """As `answering`; while only Optuna is at work, whatever fails is the storage's fault."""
    from pipeline.studies.storage import FAILURES

    # SQLAlchemy refuses a port that is no number with a ValueError.
    with answering(storage, *FAILURES, ValueError):
        yield
