"""Where Optuna keeps the studies: the storage's URL, and what is wrong with a bad one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.settings.addresses import (
    STUDIES,
    STUDIES_REMEDY,
    origin,
    placed,
    redacted,
    studies_problem,
)
from pipeline.tracking.address import TrackingError, remedy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.settings import TrackingSettings

__all__ = ["StorageError", "storage_url"]

VARIABLE: Final = "OPTUNA_STORAGE"


class StorageError(TrackingError):
    """Optuna's storage cannot be reached, or not written to; the message says what to do.

    Args:
        url: Of the storage; a password in it is not shown.
        problem: What is wrong with it.
        key: What it came from; by default the variable that holds it, or the setting.
        another: How to use another storage.
    """

    def __init__(
        self,
        url: str,
        problem: str,
        key: str | None = None,
        another: str = STUDIES_REMEDY,
    ) -> None:
        key = key or origin(url, VARIABLE, "tracking.storage")
        self.url, self.problem, self.key = url, problem, key
        told = remedy(url, problem, another)
        ValueError.__init__(self, f"{key} is {redacted(url)!r}: {problem}; {told}")


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
    url = settings.storage or environment.get(VARIABLE) or STUDIES
    if problem := studies_problem(url):
        raise StorageError(url, problem, key)
    return placed(url)
