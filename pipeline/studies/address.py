"""Where Optuna keeps the studies: the storage's URL, and what is wrong with a bad one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.home import home
from pipeline.tracking.address import TrackingError, redacted, sqlite_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.settings import TrackingSettings

__all__ = ["StorageError", "storage_url"]

VARIABLE: Final = "OPTUNA_STORAGE"
DEFAULT: Final = "sqlite:///optuna.db"
REMEDY: Final = (
    f"set it to {DEFAULT} or to a database of its own (postgresql+psycopg://user@host/optuna), "
    "or set tracking.optuna to false"
)
_DATABASES: Final = {"sqlite", "postgresql", "mysql"}


class StorageError(TrackingError):
    """Optuna's storage cannot be reached, or not written to; the message says what to do.

    Args:
        url: Of the storage; a password in it is not shown.
        problem: What is wrong with it.
        key: The setting that it came from.
    """

    def __init__(self, url: str, problem: str, key: str = "tracking.storage") -> None:
        ValueError.__init__(self, f"{key} is {redacted(url)!r}: {problem}; {REMEDY}")


def storage_url(settings: TrackingSettings, environment: Mapping[str, str]) -> str:
    """Where the studies go: the setting, else OPTUNA_STORAGE, else optuna.db beside the ledger.

    A relative SQLite path is made absolute, so that it means one file whoever opens it.

    Args:
        settings: The tracking branch of params.yaml.
        environment: Environment variables of the process.

    Returns:
        The URL of a database.

    Raises:
        StorageError: It is no URL of a database that Optuna serves, or an SQLite database in
            memory.
    """
    key = VARIABLE if settings.storage is None and environment.get(VARIABLE) else "tracking.storage"
    url = settings.storage or environment.get(VARIABLE) or DEFAULT
    scheme = url.partition("://")[0].partition("+")[0].lower() if "://" in url else ""
    if scheme not in _DATABASES:
        raise StorageError(url, "not the URL of a database that Optuna serves", key)
    if scheme != "sqlite":
        return url
    file = sqlite_file(url)
    if file is None or ":memory:" in url:
        problem = "an SQLite database in memory or without a path, which nobody else can open"
        raise StorageError(url, problem, key)
    return url.replace(f"///{file}", f"///{home() / file}", 1)
