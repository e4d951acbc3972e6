"""A connection to one MLflow experiment."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from pipeline.aside import write_aside
from pipeline.causes import root_cause
from pipeline.tracking import environment
from pipeline.tracking.address import (
    ArtifactError,
    TrackingError,
    artifact_folder,
    sqlite_file,
)
from pipeline.tracking.runs import NOTE

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Connection"]

ABOUT: Final = (
    "How finicky are networks about the batch size of SGD, and what should one set?\n\n"
    "A parent run a model, with the report among its artifacts; a child run a trial. Filter by "
    "tags: tags.\"batchscope.model\" = 'conv'. Key results follow when the report is written."
)


class Connection:
    """MLflow's client, and the experiment that it is used for.

    Args:
        uri: A database, or the address of an MLflow server.
        experiment: Created where it is missing, restored where it was deleted.

    Attributes:
        uri: Of the database or server.
        client: Of MLflow.
        experiment: Identifier of the experiment.

    Raises:
        TrackingError: Nothing answers there, or not MLflow.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self.uri = uri
        try:
            with environment.during(environment.IMPATIENT), _without_twin(uri):
                _check_database(uri)
                self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)
                self.experiment = _experiment(self.client, experiment, artifact_folder(uri))
        except TrackingError:
            raise
        except Exception as error:  # of mlflow, sqlalchemy, alembic, a driver that is not installed
            raise TrackingError(uri, root_cause(error)) from error

    @contextmanager
    def reported(self) -> Generator[None]:
        """Make MLflow's errors ours, and wait for a server only so long.

        Yields:
            Nothing.

        Raises:
            TrackingError: MLflow is gone, or refuses.
        """
        try:
            with environment.during(environment.PATIENT):
                yield
        except (MlflowException, SQLAlchemyError) as error:
            raise TrackingError(self.uri, root_cause(error)) from error

    @contextmanager
    def uploading(self, what: str) -> Generator[None]:
        """Make any error ours: a disk, a store's library and a proxy each have errors of their own.

        Args:
            what: Is put among the artifacts.

        Yields:
            Nothing.

        Raises:
            ArtifactError: It can't be put there.
        """
        try:
            with environment.during(environment.PATIENT):
                yield
        except Exception as error:
            raise ArtifactError(self.uri, what, root_cause(error)) from error


def _experiment(client: MlflowClient, name: str, artifacts: Path | None) -> str:
    known = client.get_experiment_by_name(name)
    if known is None:
        # A server chooses for itself; MLflow's own choice otherwise is a folder where one happens
        # to be.
        location = artifacts.joinpath(name).as_uri() if artifacts else None
        return client.create_experiment(name, location, {NOTE: ABOUT})
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


@contextmanager
def _without_twin(uri: str) -> Generator[None]:
    """MLflow makes the folder of an SQLite address as it stands, escapes (%3F) and all.

    Yields:
        Nothing; of what that made, nothing is left afterwards.
    """
    file, (_, _, path) = sqlite_file(uri), uri.partition(":///")
    twin = Path(path)
    made = [one for one in twin.parents if not one.exists()] if file and file != twin else []
    yield
    for folder in made:  # innermost first
        with suppress(OSError):  # it was not made
            folder.rmdir()


def _create_sqlite(file: Path) -> None:
    """Create the database aside: a kill amid the migrations would leave one that never opens."""
    with TemporaryDirectory(prefix="mlflow-") as folder:
        fresh = Path(folder) / "mlflow.db"
        MlflowClient(tracking_uri=f"sqlite:///{fresh}").get_experiment_by_name("Default")
        write_aside(file, fresh.read_bytes())
