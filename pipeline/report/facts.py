"""What was studied: the head of the page."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from pipeline.environments import mixed
from pipeline.wording import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.figures import Study
    from pipeline.manifest import Manifest
    from pipeline.settings import Settings, TrainingSettings

__all__ = ["facts"]

_DIGITS: Final = 12  # of a digest shown; enough to tell studies apart


def facts(
    settings: Settings, manifest: Manifest, study: Study, trained_by: Mapping[str, int]
) -> dict[str, str]:
    """Say in a few words each what was studied.

    Args:
        settings: Of the study.
        manifest: Of its data.
        study: What was found.
        trained_by: Races by versions and hardware.

    Returns:
        Descriptions by term, in the order of the page.
    """
    estimates, sweep, training = study.estimates, settings.sweep, settings.training
    levels = ", ".join(estimates.level(goal) for goal in estimates.goals)
    box, budget = sweep.learning_rates, sweep.budget
    return {
        "Data set": f"{manifest.dataset}: {manifest.train_examples:,} examples to train, "
        f"{manifest.validation_examples:,} to validate, {manifest.test_examples:,} to test",
        "Models": ", ".join(settings.models),
        "Batch sizes": ", ".join(f"{size:,}" for size in estimates.batch_sizes),
        "Learning rates": f"{box.points} from {number(box.low)} to {number(box.high)}, log-spaced",
        "Optimiser": _optimiser(training),
        "Goals": f"{estimates.goal_quantity} at most {levels}",
        "Budget": f"{budget.epochs:g} epochs, at least {budget.min_steps:,} steps",
        "Replicates": f"{sweep.replicates} in the sweep, {_zoomed(settings)}"
        f"{settings.confirm.replicates} fresh ones in confirm",
        "Trials": f"{len(study.sweep):,} in the sweep",
        "Reference batch size": f"{estimates.reference_batch_size:,}",
        "Trained by": mixed(trained_by) or next(iter(trained_by), "unknown"),
        "Digests": f"settings {_digest(settings)}, data {manifest.digest[:_DIGITS]}",
    }


def _zoomed(settings: Settings) -> str:
    zooms = settings.sweep.search.sampler == "zoom"
    return "as many fresh ones in each round of its search, " if zooms else ""


def _optimiser(training: TrainingSettings) -> str:
    if training.optimiser == "sgd":
        how = f"momentum {training.momentum:g}{' (Nesterov)' if training.nesterov else ''}"
    else:
        adam = training.adam
        how = f"beta1 {adam.beta1:g}, beta2 {adam.beta2:g}, epsilon {adam.epsilon:g}"
    words = [training.optimiser, how, f"weight decay {training.weight_decay:g}"]
    schedule = training.schedule
    if schedule.warmup:
        words.append(f"warm-up over {schedule.warmup:.3g} of the budget")
    if schedule.shape != "constant":
        words.append(f"{schedule.shape} decay to {schedule.final:.3g} of the learning rate")
    return ", ".join([*words, f"order {training.order}"])


def _digest(settings: Settings) -> str:
    """SHA-256 of all settings that a number of the report can depend on."""
    content = settings.model_dump(mode="json", exclude={"tracking"})
    canonical = json.dumps(content, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS]
