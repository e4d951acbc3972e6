"""The runs of one MLflow experiment: the sole module that imports mlflow."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, cast

import sqlalchemy
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param
from mlflow.exceptions import MlflowException

from pipeline.aside import write_aside
from pipeline.tracking import environment
from pipeline.tracking.address import TrackingError, sqlite_file

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from mlflow.entities import Run as MlflowRun

    from pipeline.tracking.projection import Run

__all__ = ["FoundRun", "RunStore"]

PAGE: Final = 1000  # runs a search; what is beyond comes by page token
PARENT: Final = "mlflow.parentRunId"
DIGEST: Final = 36  # characters that MLflow takes of a data set's digest
ABOUT: Final = "One child run per trial; filter by tags: tags.\"batchscope.model\" = 'conv'"


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
    """Reads and writes the runs of one experiment, through MLflow's client alone.

    Args:
        uri: A database, or the address of an MLflow server.
        experiment: Created where it is missing, restored where it was deleted.

    Raises:
        TrackingError: Nothing answers there, or not MLflow.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self._uri = uri
        try:
            with environment.during(environment.IMPATIENT):
                _check_database(uri)
                self._client = MlflowClient(tracking_uri=uri)
                self._experiment = _experiment(self._client, experiment)
        except TrackingError:
            raise
        except Exception as error:  # of mlflow, sqlalchemy, alembic, a driver that is not installed
            raise TrackingError(uri, _root_cause(error)) from error

    def find(self, tag: str, value: str) -> list[FoundRun]:
        """All runs that carry a tag, the oldest first; deleted ones are left out."""
        with self._reported():
            return list(self._pages(f"tags.\"{tag}\" = '{value}'"))

    def create_parent(self, name: str, tags: dict[str, str], data: tuple[str, str]) -> str:
        """Create a run that is RUNNING from now on, and return its identifier.

        Args:
            name: Shown in the list of runs.
            tags: Found again by.
            data: Name and digest of the data set.

        Returns:
            Its identifier.
        """
        dataset = Dataset(data[0], data[1][:DIGEST], "local", "{}")
        with self._reported():
            run = self._client.create_run(self._experiment, None, tags, name)
            self._client.log_inputs(run.info.run_id, [DatasetInput(dataset, [])])
        return run.info.run_id

    def create(self, run: Run, parent: str) -> FoundRun:
        """Create a child run with its tags, RUNNING: it is not complete before `fill`."""
        tags = {**run.tags, PARENT: parent}
        with self._reported():
            return _found(self._client.create_run(self._experiment, run.started, tags, run.name))

    def fill(self, child: FoundRun, run: Run) -> FoundRun:
        """Write a child's parameters and metrics, and only then its status."""
        parameters = [Param(key, value) for key, value in run.parameters.items()]
        metrics = [Metric(p.key, p.value, run.started, p.step) for p in run.points]
        with self._reported():
            # The client cuts this into requests of at most 1,000 entries. Synchronous whatever
            # MLFLOW_ENABLE_ASYNC_LOGGING says, or the status would overtake the metrics.
            self._client.log_batch(child.identifier, metrics, parameters, synchronous=True)
            self._client.set_terminated(child.identifier, run.status, run.ended)
        return replace(child, status=run.status)

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

    @contextmanager
    def _reported(self) -> Generator[None]:
        try:
            with environment.during(environment.PATIENT):
                yield
        except MlflowException as error:
            raise TrackingError(self._uri, _root_cause(error)) from error


def _found(run: MlflowRun) -> FoundRun:
    return FoundRun(run.info.run_id, run.info.status, run.info.start_time, run.data.tags)


def _experiment(client: MlflowClient, name: str) -> str:
    known = client.get_experiment_by_name(name)
    if known is None:
        return client.create_experiment(name, tags={"mlflow.note.content": ABOUT})
    if known.lifecycle_stage == "deleted":
        client.restore_experiment(known.experiment_id)
    return known.experiment_id


def _check_database(uri: str) -> None:
    """Refuse a database that MLflow would damage, or try for minutes to reach; create SQLite's.

    Raises:
        TrackingError: It is another program's.
    """
    if uri.startswith(("http://", "https://", "databricks")):
        return
    file = sqlite_file(uri)
    if file and not file.exists():
        _create_sqlite(file)
        return
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
    tables = set(sqlalchemy.inspect(engine).get_table_names())
    if "alembic_version" in tables and "experiments" not in tables:
        raise TrackingError(uri, "the database of another program (Optuna?); MLflow needs its own")


def _create_sqlite(file: Path) -> None:
    """Create the database aside: a kill amid the migrations would leave one that never opens."""
    with TemporaryDirectory(prefix="mlflow-") as folder:
        fresh = Path(folder) / "mlflow.db"
        MlflowClient(tracking_uri=f"sqlite:///{fresh}").get_experiment_by_name("Default")
        write_aside(file, fresh.read_bytes())


def _root_cause(error: BaseException) -> str:
    """What happened, in one line: MLflow and SQLAlchemy wrap it in pages."""
    while cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        error = cause
    return (str(error).strip() or type(error).__name__).splitlines()[0]
