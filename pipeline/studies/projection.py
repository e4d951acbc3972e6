"""From a race's result to the Optuna trials that show it, and what a study is the study of."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from pipeline.fingerprint import code_digest
from pipeline.studies.space import RATE, point, space_of, widened
from pipeline.studies.values import value_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from pipeline.outcome import Curve, RaceResult
    from pipeline.settings import Settings

__all__ = ["Subject", "attributes_of", "frozen_trials", "study_name", "subject_of"]

Phase = Literal["sweep", "confirm"]

LONGEST: Final = 1000  # characters of a message
_STRANGE: Final = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True)
class Subject:
    """What a study is the study of: its trials agree in all of it, so their values compare.

    Attributes:
        dataset: Name of the data set.
        model: Registered name or ``package.module:factory``.
        phase: The stage that trained the trials.
        data_digest: Digest of the prepared data.
        code_digest: Digest of the code that decides the model's numbers.
        quantity: What the goal is a level of.
        goal: The hardest goal, whose steps are the value.
        train_examples: Largest batch size.
        space: Boxes of the searched hyperparameters, as far as they may be expanded, as JSON.
        training: The settings of training that all trials share, as JSON.
    """

    dataset: str
    model: str
    phase: Phase
    data_digest: str
    code_digest: str
    quantity: Literal["error", "loss"]
    goal: float
    train_examples: int
    space: str
    training: str

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def subject_of(
    model: str,
    settings: Settings,
    *,
    dataset: str,
    data_digest: str,
    train_examples: int,
    phase: Phase,
) -> Subject:
    """The subject of a model's study under the settings.

    Args:
        model: Registered name or ``package.module:factory``.
        settings: Of the study.
        dataset: Name of the data set.
        data_digest: Digest of the prepared data.
        train_examples: Size of the training split.
        phase: The stage.

    Returns:
        The subject; more batch sizes, replicates or search rounds leave it as it is.
    """
    sweep, training = settings.sweep, settings.training
    boxes = {name: box.model_dump() for name, box in sweep.hyperparameters.items()}
    boxes[RATE] = dict(zip(("low", "high"), sweep.reach, strict=True))
    shared = training.rule() | training.model_dump(
        include={"momentum", "weight_decay", "order", "precision"},
        exclude=set(sweep.hyperparameters),
    )
    return Subject(
        dataset=dataset,
        model=model,
        phase=phase,
        data_digest=data_digest,
        code_digest=code_digest(model),
        quantity=sweep.goals.quantity,
        goal=sweep.goals.hardest,
        train_examples=train_examples,
        space=json.dumps(boxes, sort_keys=True),
        training=json.dumps(shared, sort_keys=True),
    )


def study_name(subject: Subject) -> str:
    """``digits.conv``, or ``digits.conv-confirm``: letters, digits and ``._-`` alone.

    A factory's colon becomes a dot, and whatever else is not allowed a dash.
    """
    name = _STRANGE.sub("-", f"{subject.dataset}.{subject.model.replace(':', '.')}")
    return name if subject.phase == "sweep" else f"{name}-{subject.phase}"


def attributes_of(subject: Subject) -> dict[str, Any]:
    """What `optuna studies` and the dashboard show of a study."""
    objective = f"log2 optimiser steps to validation {subject.quantity} {subject.goal:g}"
    return {"objective": objective, **asdict(subject)}


def frozen_trials(result: RaceResult, subject: Subject, settings: Settings) -> list[FrozenTrial]:
    """The trials of a race as Optuna's, one each, in the race's order.

    Args:
        result: Of a race of the subject's model.
        subject: Of the study.
        settings: Of the study.

    Returns:
        COMPLETE with a value where the trial ended by itself, FAIL where it failed or ran out of
        memory. No intermediate values: Optuna stores them one query each, which would cost three
        times all the rest.
    """
    import optuna
    from optuna.trial import TrialState

    space = _space(subject, settings)
    began = datetime.fromtimestamp(result.started_at)  # Optuna's times are local and naive
    frozen: list[FrozenTrial] = []
    for member, trial in enumerate(result.race.trials):
        value = value_of(result, member, quantity=subject.quantity, goal=subject.goal)
        made = optuna.trial.create_trial(
            state=TrialState.FAIL if value is None else TrialState.COMPLETE,
            value=value,
            params={
                "batch_size": trial.batch_size,
                **point(settings.sweep, trial.hyperparameters),
            },
            distributions=space,
            user_attrs=_attributes(result, member, subject),
        )
        made.datetime_start = began
        made.datetime_complete = began + timedelta(seconds=result.seconds)
        frozen.append(made)
    return frozen


def _space(subject: Subject, settings: Settings) -> dict[str, BaseDistribution]:
    """Equal for all trials of a study: else Optuna leaves a parameter out of what it compares."""
    from optuna.distributions import FloatDistribution, IntDistribution

    low, high = settings.sweep.reach
    space = space_of(widened(settings.sweep, [low, high]))
    if subject.phase == "confirm":
        # Rules carry a learning rate out of the sweep's reach by at most the ratio of batch sizes,
        # and preferred numbers by less than a factor of 2.
        carried = 2.0 * subject.train_examples
        space[RATE] = FloatDistribution(low / carried, high * carried, log=True)
    return {"batch_size": IntDistribution(1, subject.train_examples, log=True), **space}


def _attributes(result: RaceResult, member: int, subject: Subject) -> dict[str, Any]:
    trial, outcome = result.race.trials[member], result.results[member]
    attributes: dict[str, Any] = {
        "fingerprint": result.race.fingerprint,
        "member": member,
        "members": len(result.race.trials),
        "replicate": trial.replicate,
        "origin": result.race.origin,
        "phase": subject.phase,
        "ended": str(outcome.ended),
        "steps": outcome.curve.last_step,
        "examples": outcome.curve.last_step * trial.batch_size,
        **_best(outcome.curve),
    }
    return attributes | ({"message": outcome.message[:LONGEST]} if outcome.message else {})


def _best(curve: Curve) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in ("validation_loss", "validation_error"):
        finite = [value for value in getattr(curve, name).tolist() if math.isfinite(value)]
        if finite:
            found[f"best_{name}"] = min(finite)
    return found
