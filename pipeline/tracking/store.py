"""The runs of one MLflow experiment."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mlflow.entities import Run as MlflowRun

    from pipeline.tracking.connection import Connection
    from pipeline.tracking.runs import Data, Point, Run

__all__ = ["FoundRun", "RunStore"]

PAGE: Final = 1000  # runs a search; what is beyond comes by page token
PARENT: Final = "mlflow.parentRunId"
DIGEST: Final = 36  # characters that MLflow takes of a data set's digest


@dataclass(frozen=True)
class FoundRun:
    """An MLflow run as far as the mirror looks at it."""

    identifier: str
    status: str
    started: int
    tags: dict[str, str]

    @property
    def complete(self) -> bool:
        """Whether all of it was written: its status is set last."""
        return self.status in {"FINISHED", "FAILED"}

    @property
    def parent(self) -> str | None:
        """Identifier of the parent run."""
        return self.tags.get(PARENT)


class RunStore:
    """Reads and writes the runs of one experiment.

    Args:
        connection: To it.
    """

    def __init__(self, connection: Connection) -> None:
        self._client = connection.client
        self._experiment = connection.experiment
        self._reported = connection.reported

    def find(self, tag: str, value: str) -> list[FoundRun]:
        """All runs that carry a tag, the oldest first; deleted ones are left out."""
        with self._reported():
            return list(self._pages(f"tags.\"{tag}\" = '{value}'"))

    def create_parent(self, name: str, tags: dict[str, str], data: Data) -> str:
        """Create a run that is RUNNING from now on, and return its identifier.

        Args:
            name: Shown in the list of runs.
            tags: Found again by.
            data: Logged as its input.

        Returns:
            Its identifier.
        """
        source, profile = json.dumps({"path": data.source}), json.dumps(data.profile)
        dataset = Dataset(data.name, data.digest[:DIGEST], "local", source, None, profile)
        use = InputTag("mlflow.data.context", "training")
        with self._reported():
            run = self._client.create_run(self._experiment, None, tags, name)
            self._client.log_inputs(run.info.run_id, [DatasetInput(dataset, [use])])
        return run.info.run_id

    def create(self, run: Run, parent: str) -> FoundRun:
        """Create a child run with its tags, RUNNING: it is not complete before `fill`."""
        tags = {**run.tags, PARENT: parent}
        with self._reported():
            return _found(self._client.create_run(self._experiment, run.started, tags, run.name))

    def log(
        self,
        child: FoundRun,
        parameters: Mapping[str, str],
        points: Iterable[Point],
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Add to a child. Metrics get its start as their time: written twice, one is there once."""
        self._log(child.identifier, points, child.started, parameters, tags or {})

    def fill(self, child: FoundRun, run: Run, shown: int | None) -> FoundRun:
        """Write what a child lacks of a trial that has ended, and only then its status.

        Args:
            child: As it was created.
            run: All that it is to show.
            shown: Last step that it shows already; None where it has nothing but tags.

        Returns:
            The child as it is now.
        """
        lacking = run.points if shown is None else _after(shown, run.points)
        tags = {key: value for key, value in run.tags.items() if child.tags.get(key) != value}
        self.log(child, run.parameters if shown is None else {}, lacking, tags)
        with self._reported():
            self._client.set_terminated(child.identifier, run.status, run.ended)
        return replace(child, status=run.status, tags={**child.tags, **run.tags})

    def log_now(self, identifiers: Iterable[str], points: Sequence[Point]) -> None:
        """Add metrics of this moment to some runs."""
        now = time.time_ns() // 1_000_000
        for identifier in identifiers:
            self._log(identifier, points, now)

    def resume(self, identifier: str) -> None:
        """Set a run's status back to RUNNING."""
        with self._reported():
            self._client.update_run(identifier, status="RUNNING")

    def end(self, identifier: str, status: str) -> None:
        """Set a run's last status, now."""
        with self._reported():
            self._client.set_terminated(identifier, status)

    def adopt(self, child: str, parent: str) -> None:
        """Put a child run under another parent."""
        with self._reported():
            self._client.set_tag(child, PARENT, parent)

    def delete(self, identifier: str) -> None:
        """Delete a run, as far as MLflow deletes: `mlflow gc` removes it for good."""
        with self._reported():
            self._client.delete_run(identifier)

    def _log(
        self,
        identifier: str,
        points: Iterable[Point],
        timestamp: int,
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        # The client cuts this into requests of at most 1,000 entries. Synchronous whatever
        # MLFLOW_ENABLE_ASYNC_LOGGING says, or the status would overtake the metrics.
        with self._reported():
            self._client.log_batch(
                identifier,
                [Metric(point.key, point.value, timestamp, point.step) for point in points],
                [Param(key, value) for key, value in (parameters or {}).items()],
                [RunTag(key, value) for key, value in (tags or {}).items()],
                synchronous=True,
            )

    def _pages(self, condition: str) -> Iterator[FoundRun]:
        token: str | None = None
        while True:
            page = self._client.search_runs(
                [self._experiment],
                condition,
                max_results=PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            yield from map(_found, page)
            token = cast("str | None", page.token)  # pyright: ignore[reportUnknownMemberType]
            if not token:
                return


def _found(run: MlflowRun) -> FoundRun:
    return FoundRun(run.info.run_id, run.info.status, run.info.start_time, run.data.tags)


def _after(shown: int, points: Iterable[Point]) -> list[Point]:
    """What follows a step, and what stands at step 0: the summary, and the curve's beginning."""
    return [point for point in points if point.step > shown or point.step == 0]
