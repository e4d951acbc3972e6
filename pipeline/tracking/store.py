"""The runs of one MLflow experiment."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from mlflow.entities import Dataset, DatasetInput, InputTag

from pipeline.outcome import Row
from pipeline.tracking.requests import ClientRuns
from pipeline.tracking.rows import RowRuns
from pipeline.tracking.runs import PARENT, Change, Ending, FoundRun, New

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.tracking.connection import Connection
    from pipeline.tracking.runs import Data, Lacking, Point, Run

__all__ = ["RunStore"]

DIGEST: Final = 36  # characters that MLflow takes of a data set's digest


class _Runs(Protocol):
    def find(self, tag: str, value: str) -> Iterator[FoundRun]: ...
    def create(self, news: Sequence[New]) -> Iterator[str]: ...
    def write(self, changes: Sequence[Change]) -> None: ...


class RunStore:
    """Reads and writes the runs of one experiment.

    Args:
        connection: To it.
    """

    def __init__(self, connection: Connection) -> None:
        self._client = connection.client
        self._experiment = connection.experiment
        self._reported = connection.reported
        with self._reported():
            self._runs: _Runs = RowRuns.of(connection.uri, connection.experiment) or ClientRuns(
                self._client, self._experiment
            )

    def find(self, tag: str, value: str) -> list[FoundRun]:
        """All runs that carry a tag, the oldest first; deleted ones are left out."""
        with self._reported():
            return list(self._runs.find(tag, value))

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

    def create(self, runs: Sequence[Run], parents: Sequence[str]) -> Iterator[FoundRun]:
        """Create child runs with their tags, RUNNING: they are not complete before `fill`.

        Args:
            runs: To be created.
            parents: Identifier of each one's parent.

        Yields:
            Each as it is now, as soon as it is there.
        """
        tags = [{**run.tags, PARENT: parent} for run, parent in zip(runs, parents, strict=True)]
        news = [New(run.name, run.started, own) for run, own in zip(runs, tags, strict=True)]
        with self._reported():
            created = zip(self._runs.create(news), news, strict=True)
            for identifier, new in created:
                yield FoundRun(identifier, "RUNNING", new.started, dict(new.tags))

    def log(self, changes: Sequence[Change]) -> None:
        """Add to runs."""
        with self._reported():
            self._runs.write(changes)

    def fill(self, lacking: Sequence[Lacking]) -> list[FoundRun]:
        """Write what children lack of trials that have ended, and only then their status.

        Args:
            lacking: The children.

        Returns:
            The children as they are now, in the same order.
        """
        self.log([_rest(*each) for each in lacking])
        return [
            replace(child, status=run.status, tags={**child.tags, **run.tags})
            for child, run, _ in lacking
        ]

    def log_now(self, identifiers: Iterable[str], points: Sequence[Point]) -> None:
        """Add metrics of this moment to some runs."""
        now = time.time_ns() // 1_000_000
        self.log([Change(identifier, now, points) for identifier in identifiers])

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


def _rest(child: FoundRun, run: Run, shown: int | None) -> Change:
    assert run.ended is not None
    return Change(
        identifier=child.identifier,
        time=child.started,
        points=run.points if shown is None else _after(shown, run.points),
        parameters=run.parameters if shown is None else {},
        tags={key: value for key, value in run.tags.items() if child.tags.get(key) != value},
        ending=Ending(run.status, run.ended),
    )


def _after(shown: int, points: Iterable[Point]) -> list[Point]:
    """What follows a step, stands at step 0 (the summary, say), or is never shown live: probes."""
    return [
        point
        for point in points
        if point.step > shown or point.step == 0 or point.key not in Row._fields
    ]
