"""Tables of another program's SQLite database, written to only if they are as expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy
from sqlalchemy import column, event, table

from pipeline.tracking.address import sqlite_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Engine, TableClause

__all__ = ["engine_of", "named_table"]

_PATIENCE: Final = 20  # seconds to wait for another writer's lock, as MLflow does


def named_table(name: str, columns: str) -> TableClause:
    """A table by its name and those of its columns, with blanks between them."""
    return table(name, *map(column, columns.split()))


def engine_of(uri: str, tables: Iterable[TableClause]) -> Engine | None:
    """Connects to an SQLite database that holds these tables, and keeps their foreign keys.

    Args:
        uri: Of a database, of whatever kind.
        tables: Each with all of its columns.

    Returns:
        The engine; None for another kind of database, and for tables of another version.
    """
    if sqlite_file(uri) is None:
        return None
    engine = sqlalchemy.create_engine(
        uri, poolclass=sqlalchemy.NullPool, connect_args={"timeout": _PATIENCE}
    )
    event.listen(engine, "connect", _keep_foreign_keys)
    inspector = sqlalchemy.inspect(engine)
    there = set(inspector.get_table_names())
    for expected in tables:
        if expected.name not in there:
            return None
        found = {column["name"] for column in inspector.get_columns(expected.name)}
        if found != set(expected.c.keys()):
            return None
    return engine


def _keep_foreign_keys(connection: Any, _: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")  # as MLflow does; SQLite's default is off
