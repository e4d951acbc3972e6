"""Digests of all that a race's numbers depend on: what has the same fingerprint need not run again.

Source code counts as its syntax tree: comments, docstrings and layout change nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import lru_cache
from typing import Final

from models.registry import module_of
from pipeline.probe_plan import ProbePlan
from pipeline.source import imported_modules, source_digest
from pipeline.trial import Recipe, Trial

__all__ = [
    "HARMLESS_MODULES",
    "PROBE_MODULES",
    "TRAINING_MODULES",
    "code_digest",
    "probe_digest",
    "race_fingerprint",
]

TRAINING_MODULES: Final = (
    "models.task",
    "pipeline.cohort",
    "pipeline.lanes",
    "pipeline.members",
    "pipeline.optimisers",
    "pipeline.resident",
    "pipeline.schedules",
    "pipeline.seeds",
    "pipeline.stopping",
    "pipeline.streams",
)
"""Modules whose code decides what a trial's numbers are."""

PROBE_MODULES: Final = (
    "pipeline.probes",
    *(
        f"pipeline.probes.{name}"
        for name in (
            "keskar", "landscape", "noise_scale", "prober", "schedule", "sharpness", "trail",
        )
    ),
)  # fmt: skip
"""Modules whose code decides what probes find, and no number of training."""

HARMLESS_MODULES: Final = frozenset({
    "models.contract",  # refuses networks that are not what they declare
    "models.factories",  # finds users' networks
    "models.registered",  # names networks; adding one must not retrain the others
    "models.registry",  # finds them
    "models.shape",  # the task's sizes, which the data digest covers
    "pipeline.conflicts",  # words for what is wrong with settings
    "pipeline.dataset_specification",  # types of raw data
    "pipeline.events",  # tells of progress
    "pipeline.fingerprint",  # names races
    "pipeline.home",  # where a project lies
    "pipeline.images",  # reads the prepared data, which the data digest covers
    "pipeline.manifest",  # likewise
    "pipeline.memory",  # tells one error from others
    "pipeline.outcome",  # values
    "pipeline.probe_plan",  # values; the digest of probes covers them
    "pipeline.settings",  # what of the settings matters is in the recipe
    *(
        f"pipeline.settings.{branch}"
        for branch in (
            "addresses",
            "branch",
            "confirm",
            "data",
            "sweep",
            "tracking",
            "training",
            "tree",
        )
    ),
    "pipeline.source",  # names races, too
    "pipeline.splits",  # makes the splits, which the data digest covers
    "pipeline.training",  # wraps the cohort in a Trainer
    "pipeline.trial",  # values; their content is in the fingerprint
})
"""Modules that training imports and whose code decides no number. A test holds the partition."""

_VERSION: Final = 1  # of what the fingerprint is made of


def race_fingerprint(trials: tuple[Trial, ...], recipe: Recipe, data_digest: str) -> str:
    """Fingerprint of a race.

    Args:
        trials: Of one cell and replicate.
        recipe: What they share.
        data_digest: Digest of the prepared data.

    Returns:
        32 hexadecimal digits.
    """
    content = {
        "version": _VERSION,
        "data": data_digest,
        "training": source_digest(TRAINING_MODULES),
        "network": _network_digest(trials[0].model),
        "recipe": asdict(recipe),
        "trials": [asdict(trial) for trial in trials],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def probe_digest(plan: ProbePlan) -> str:
    """Digest of what probes depend on besides the race: the plan, and the code that follows it.

    It is no part of a race's fingerprint: who looks at a training changes none of its numbers.

    Args:
        plan: What is measured.

    Returns:
        16 hexadecimal digits.
    """
    text = json.dumps([asdict(plan), source_digest(PROBE_MODULES)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_digest(model: str) -> str:
    """Digest of the code that decides a model's numbers: of training and of the network.

    Args:
        model: Registered name or ``package.module:factory``.

    Returns:
        64 hexadecimal digits; they change when an edit changes fingerprints.
    """
    text = f"{_VERSION}:{source_digest(TRAINING_MODULES)}:{_network_digest(model)}"
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache
def _network_digest(model: str) -> str:
    modules = imported_modules(module_of(model))
    return source_digest(tuple(m for m in modules if m not in HARMLESS_MODULES))
