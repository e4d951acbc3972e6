"""What a finished study shows in MLflow beside its trials: descriptions, report, models."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric
from mlflow.entities.model_registry import ModelVersion

from pipeline.tracking.address import TrackingError
from pipeline.tracking.runs import NAMESPACE, NOTE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pipeline.tracking.connection import Connection
    from pipeline.tracking.runs import FoundRun, TrainedModel

__all__ = ["ALIAS", "Gallery"]

ALIAS: Final = "recommended"
_REPORT: Final = NAMESPACE + "report"  # tag of a parent: digest of the report that it shows
_FINGERPRINT: Final = NAMESPACE + "fingerprint"


class Gallery:
    """Writes to one experiment, and only what is not there.

    Args:
        connection: To it.
    """

    def __init__(self, connection: Connection) -> None:
        self._client = connection.client
        self._experiment = connection.experiment
        self._reported = connection.reported
        self._uploading = connection.uploading

    def describe_experiment(self, note: str) -> None:
        """Set the experiment's description, in Markdown."""
        with self._reported():
            self._client.set_experiment_tag(self._experiment, NOTE, note)

    def address(self, run: str) -> str:
        """Where the UI shows a run's artifacts, as a link from any of its pages."""
        return f"#/experiments/{self._experiment}/runs/{run}/artifacts"

    def shows(self, parent: FoundRun, digest: str) -> bool:
        """Whether a parent has the report of this digest already."""
        return parent.tags.get(_REPORT) == digest

    def show_report(self, parent: FoundRun, note: str, paths: Sequence[Path], digest: str) -> None:
        """Describe a parent run and add files to it.

        A `TrackingError` says that MLflow is gone, or takes no files.

        Args:
            parent: The run.
            note: Its description, in Markdown.
            paths: Files and folders, which keep their names.
            digest: Of the report; set last.
        """
        with self._reported():
            self._client.set_tag(parent.identifier, NOTE, note)
        with self._uploading(f"the report of {parent.model}"):
            for path in paths:
                self._client.log_artifact(  # pyright: ignore[reportUnknownMemberType]
                    parent.identifier, str(path)
                )
        with self._reported():
            self._client.set_tag(parent.identifier, _REPORT, digest)

    def model_of(self, fingerprint: str) -> str | None:
        """Identifier of the model that was logged of a race, if one was."""
        with self._reported():
            found = self._client.search_logged_models(
                [self._experiment], f"tags.`{_FINGERPRINT}` = '{fingerprint}'"
            )
        ready = [model for model in found if model.status == LoggedModelStatus.READY]
        return ready[0].model_id if ready else None

    def log_model(
        self, trained: TrainedModel, child: FoundRun, files: Callable[[str], Path]
    ) -> str:
        """Log a model to the run of its trial; one that is cut short is FAILED.

        A `TrackingError` says that MLflow is gone, or takes no files.

        Args:
            trained: What it is.
            child: The run.
            files: Given the model's identifier, says which folder holds it in MLflow's format.

        Returns:
            The model's identifier.
        """
        with self._reported():
            identifier = self._client.create_logged_model(
                self._experiment, trained.name, child.identifier, dict(trained.tags)
            ).model_id
        try:
            with self._uploading(f"the network {trained.name}"):
                self._client.log_model_artifacts(identifier, str(files(identifier)))
            with self._reported():
                self._link(identifier, trained, child)
                self._client.finalize_logged_model(identifier, LoggedModelStatus.READY)
        except BaseException:  # Ctrl-C too: it would be PENDING for good
            with suppress(TrackingError), self._reported():
                self._client.finalize_logged_model(identifier, LoggedModelStatus.FAILED)
            raise
        return identifier

    def recommend(self, name: str, trained: TrainedModel, child: FoundRun, model: str) -> None:
        """Register a model, unless it is, and let the alias ``recommended`` point to it.

        Args:
            name: Of the registered model.
            trained: What it is.
            child: Run of its trial.
            model: Its identifier.
        """
        with self._reported():
            if not self._client.search_registered_models(f"name = '{name}'"):
                self._client.create_registered_model(name)
            version = self._version_of(name, trained.fingerprint)
            if version is None:
                version = self._client.create_model_version(
                    name,
                    f"models:/{model}",
                    child.identifier,
                    dict(trained.tags),
                    await_creation_for=0,
                    model_id=model,
                )
            if ALIAS not in version.aliases:
                self._client.set_registered_model_alias(name, ALIAS, str(version.version))

    def _link(self, identifier: str, trained: TrainedModel, child: FoundRun) -> None:
        output = LoggedModelOutput(identifier, trained.step)
        self._client.log_outputs(child.identifier, [output])
        # Rows that the run has already: only their link to the model is new.
        metrics = [
            Metric(key, value, child.started, trained.step, model_id=identifier)
            for key, value in trained.metrics.items()
        ]
        self._client.log_batch(child.identifier, metrics, synchronous=True)

    def _version_of(self, name: str, fingerprint: str) -> ModelVersion | None:
        versions = self._client.search_model_versions(
            f"name = '{name}' and tags.`{_FINGERPRINT}` = '{fingerprint}'"
        )
        # The search leaves aliases out.
        return next((self._client.get_model_version(name, str(v.version)) for v in versions), None)
