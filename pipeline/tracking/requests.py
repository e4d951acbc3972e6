"""Runs through MLflow's client, which any server and database understands: a run at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from mlflow.entities import Metric, Param, RunTag

from pipeline.tracking.runs import FoundRun

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlflow import MlflowClient

    from pipeline.tracking.runs import Change, New

__all__ = ["ClientRuns"]

PAGE: Final = 1000  # runs a search; what is beyond comes by page token


class ClientRuns:
    """Reads and writes runs of one experiment.

    Args:
        client: Of MLflow.
        experiment: Identifier of the experiment.
    """

    def __init__(self, client: MlflowClient, experiment: str) -> None:
        self._client = client
        self._experiment = experiment

    def find(self, tag: str, value: str) -> Iterator[FoundRun]:
        """Runs that carry a tag, the oldest first; deleted ones are left out.

        Args:
            tag: Its name.
            value: Its value.

        Yields:
            Each as it is.
        """
        token: str | None = None
        while True:
            page = self._client.search_runs(
                [self._experiment],
                f"tags.\"{tag}\" = '{value}'",
                max_results=PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            for run in page:
                info = run.info
                yield FoundRun(info.run_id, info.status, info.start_time, run.data.tags)
            token = cast("str | None", page.token)  # pyright: ignore[reportUnknownMemberType]
            if not token:
                return

    def create(self, news: Sequence[New]) -> Iterator[str]:
        """Create runs, RUNNING.

        Args:
            news: The runs.

        Yields:
            The identifier of each, in their order, as soon as it is there.
        """
        for new in news:
            run = self._client.create_run(self._experiment, new.started, dict(new.tags), new.name)
            yield run.info.run_id

    def write(self, changes: Sequence[Change]) -> None:
        """Change runs, each one's status last."""
        for change in changes:
            # The client cuts this into requests of at most 1,000 entries. Synchronous whatever
            # MLFLOW_ENABLE_ASYNC_LOGGING says, or the status would overtake the metrics.
            self._client.log_batch(
                change.identifier,
                [Metric(p.key, p.value, change.time, p.step) for p in change.points],
                [Param(key, value) for key, value in change.parameters.items()],
                [RunTag(key, value) for key, value in change.tags.items()],
                synchronous=True,
            )
            if change.ending:
                ending = change.ending
                self._client.set_terminated(change.identifier, ending.status, ending.time)
