"""MLflow's manners, which it reads from environment variables; the user's own values win."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["CONNECT", "IMPATIENT", "PATIENT", "QUIET", "apply", "during"]

QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it reports usage to its makers otherwise
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines a run
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # errors are raised as well, and logged with 100 lines each
}

# Of PostgreSQL's drivers, Optuna's included; theirs is two minutes, or as long as TCP tries.
CONNECT: Final = {"PGCONNECT_TIMEOUT": "5"}  # seconds

# How long to wait for a server. MLflow's own 7 retries of 120 s could halt a sweep for a quarter
# of an hour; a mistyped address should be told in seconds.
PATIENT: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # seconds
    **CONNECT,
}
IMPATIENT: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",  # seconds
    **CONNECT,
}


def apply(values: dict[str, str]) -> None:
    """Set the variables that are not set, for good: what MLflow reads when it is imported."""
    for name, value in values.items():
        os.environ.setdefault(name, value)


@contextmanager
def during(values: dict[str, str]) -> Generator[None]:
    """Set the variables that are not set, for the while: what MLflow reads at every request."""
    ours = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]
