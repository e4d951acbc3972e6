"""Publish: descriptions, report and confirmed models into MLflow, once a study has its report."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from pipeline.causes import root_cause
from pipeline.figures import read_estimates
from pipeline.manifest import Manifest, read_manifest
from pipeline.report.findings import findings
from pipeline.study.confirmed import confirmed_models, recommended
from pipeline.study.estimates_file import read_estimates_file
from pipeline.study.guard import say
from pipeline.study.marks import mark_rules
from pipeline.tracking import TrackingError, environment, tracking_uri
from pipeline.tracking.runs import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.settings import Settings
    from pipeline.study.confirmed import ConfirmedModel
    from pipeline.study.places import Places
    from pipeline.tracking.gallery import Gallery
    from pipeline.tracking.runs import FoundRun
    from pipeline.tracking.store import RunStore

__all__ = ["publish"]

_QUESTION: Final = (
    "How finicky is `{model}` about batch size on `{dataset}`, and what should one set?"
)


def publish(settings: Settings, places: Places) -> bool:
    """Show a finished study in MLflow; what is there already stays, and a lost MLflow is a warning.

    Args:
        settings: Of the study.
        places: Where its files are.

    Returns:
        Whether MLflow took all that there is to show.
    """
    if not settings.tracking.mlflow:
        return True
    environment.apply(environment.QUIET)
    try:
        _publish(settings, places, read_manifest(places.prepared))
    except TrackingError as problem:
        say(f"warning: {problem}. batchscope restore adds what MLflow lacks of report and models")
        return False
    return True


def _publish(settings: Settings, places: Places, manifest: Manifest) -> None:
    # Here, for mlflow takes more than a second to import.
    from pipeline.tracking.connection import Connection
    from pipeline.tracking.gallery import Gallery
    from pipeline.tracking.glance import moved_from
    from pipeline.tracking.store import RunStore

    tracking = settings.tracking
    uri = tracking_uri(tracking, os.environ)
    connection = Connection(uri, tracking.experiment)
    gallery, store = Gallery(connection), RunStore(connection)
    parents = {
        run.tags[NAMESPACE + "model"]: run
        for run in store.find(NAMESPACE + "data_digest", manifest.digest)
        if run.tags.get(NAMESPACE + "role") == "parent"
    }
    mark_rules(store, places, manifest.digest, settings.confirm.rules)
    if elsewhere := moved_from(uri, tracking.experiment):
        raise TrackingError(uri, f"its files would go to {elsewhere}, where it was moved from")
    _show_reports(gallery, places, manifest.dataset, parents)
    models = confirmed_models(places)
    best = recommended(models)
    for model in models:
        registered = f"{tracking.experiment}-{manifest.dataset}-{model.cell.model}"
        _show_model(gallery, store, places, model, registered if model in best else None)


def _show_reports(
    gallery: Gallery, places: Places, dataset: str, parents: dict[str, FoundRun]
) -> None:
    """Give every parent its description and the report, and the experiment the results of all."""
    estimates = read_estimates_file(places, read_estimates)
    found = findings(estimates)
    digest = _digest(places)
    if all(gallery.shows(parents[f.model], digest) for f in found if f.model in parents):
        return
    results: list[str] = []
    for finding in found:
        if (parent := parents.get(finding.model)) is None:
            continue
        link = f"[report, figures and estimates]({gallery.address(parent.identifier)})"
        key = "\n".join(f"- {sentence}" for sentence in finding.sentences)
        question = _QUESTION.format(model=finding.model, dataset=dataset)
        gallery.show_report(
            parent,
            f"{question}\n\n{key}\n\nAmong the artifacts: the {link}. One child run a trial.",
            [places.report, places.estimates],
            digest,
        )
        results.append(f"**{finding.model}** ({link})\n\n{key}")
    gallery.describe_experiment(
        "How finicky are networks about the batch size of SGD, and what should one set? "
        "A parent run a model, a child run a trial.\n\n"
        f"Key results on `{dataset}`: {estimates.finickiness.answer}\n\n" + "\n\n".join(results)
    )


def _show_model(
    gallery: Gallery,
    store: RunStore,
    places: Places,
    model: ConfirmedModel,
    registered: str | None,
) -> None:
    children = store.find(NAMESPACE + "fingerprint", model.fingerprint)
    if not children:
        return  # MLflow has lost the trial; the next session or a restore brings it back
    identifier = gallery.model_of(model.fingerprint)
    if identifier is None:
        identifier = _log(gallery, places, model, children[-1])
    if registered and identifier:
        gallery.recommend(_registrable(registered), model.shown, children[-1], identifier)


def _log(gallery: Gallery, places: Places, model: ConfirmedModel, child: FoundRun) -> str | None:
    """Log a model, and return its identifier; None where it can't be exported."""
    # Here, for torch takes seconds to import, and most often there is nothing new.
    from pipeline.tracking.model_files import stamped

    with TemporaryDirectory(prefix="model-") as folder:
        files = Path(folder) / "model"
        try:
            _export(files, places, model)
        except Exception as problem:  # of a user's network, or torch's, which can't trace it
            say(
                f"warning: {model.cell.model} at batch size {model.cell.batch_size:,} can't be "
                f"exported: {root_cause(problem)}. MLflow shows its run without the network"
            )
            return None
        return gallery.log_model(model.shown, child, lambda name: stamped(files, name))


def _export(folder: Path, places: Places, model: ConfirmedModel) -> None:
    from pipeline.images import load_prepared
    from pipeline.ledger import read_weights
    from pipeline.predictor import predictor
    from pipeline.tracking.model_files import save_model

    prepared = load_prepared(places.prepared)
    network = predictor(model.cell.model, prepared, read_weights(model.weights, 0))
    example = prepared.test.images[:2].astype("float32")
    save_model(folder, network, example, prepared.task.classes)


def _registrable(name: str) -> str:
    """MLflow takes neither slash nor colon in a registered model's name."""
    return name.replace("/", "-").replace(":", "-")


def _digest(places: Places) -> str:
    """Of all that is shown."""
    files: Sequence[Path] = sorted(path for path in places.report.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in (*files, places.estimates):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
