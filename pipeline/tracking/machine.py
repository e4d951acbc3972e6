"""How busy the machine is, sampled by MLflow's own monitors."""

from __future__ import annotations

import math
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from pipeline.tracking.runs import Point

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.tracking.store import RunStore

__all__ = ["Machine"]

_AFTER: Final = 30.0  # seconds; shorter sessions say nothing about a machine
_EVERY: Final = 10.0  # seconds
_SWITCH: Final = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"


class Machine:
    """Logs the system metrics of a long session to its runs.

    MLflow's monitors are asked from the driver's own loop: MLflow's thread would write to the
    database beside it. Steps are seconds since the epoch, so that sessions follow one another.

    Args:
        store: Of the runs.
        runs: Identifiers of those that get them.
    """

    def __init__(self, store: RunStore, runs: Iterable[str]) -> None:
        self._store = store
        self._runs = list(runs)
        self._next = time.monotonic() + _AFTER
        if os.environ.get(_SWITCH, "").lower() in {"false", "0"}:
            self._next = math.inf
        self._monitors: list[Any] = []

    def sample(self, now: float) -> None:
        """Log a sample, if it is time for one.

        Args:
            now: By the monotonic clock, in seconds.
        """
        if now < self._next:
            return
        self._next = now + _EVERY
        self._monitors = self._monitors or _monitors()
        step, values = int(time.time()), dict[str, float]()
        for monitor in self._monitors:
            monitor.collect_metrics()
            values |= monitor.aggregate_metrics()
            monitor.clear_metrics()
        self._store.log_now(
            self._runs, [Point(f"system/{key}", value, step) for key, value in values.items()]
        )


def _monitors() -> list[Any]:
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    monitors: list[Any] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    with suppress(Exception):  # no GPU, or no library to ask it with
        monitors.append(GPUMonitor())
    return monitors
