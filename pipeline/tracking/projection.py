"""From a race's result to the MLflow runs that show it: pure functions, no mlflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.outcome import Curve, RaceResult, TrialResult
    from pipeline.trial import Recipe, Trial

__all__ = ["NAMESPACE", "Phase", "Point", "Run", "Status", "Study", "parent_tags", "project"]

Phase = Literal["sweep", "confirm", "tune"]
Status = Literal["FINISHED", "FAILED"]

NAMESPACE: Final = "batchscope."
NOTE: Final = "mlflow.note.content"  # what the MLflow UI shows as a run's description
LONGEST: Final = 5000  # characters; MLflow cuts longer parameters silently and refuses longer tags


@dataclass(frozen=True)
class Study:
    """What every run of a session has in common.

    Attributes:
        dataset: Name of the data set.
        data_digest: Digest of the prepared data.
        phase: The stage that trained the trials.
        git_commit: Commit that the driver ran from; None outside a repository.
    """

    dataset: str
    data_digest: str
    phase: Phase
    git_commit: str | None


@dataclass(frozen=True)
class Point:
    """One finite value of a metric, at a number of optimiser steps."""

    key: str
    value: float
    step: int


@dataclass(frozen=True)
class Run:
    """One trial as MLflow shows it: a child run.

    Attributes:
        fingerprint: Of the trial's race.
        member: Index of the trial within its race.
        model: Whose parent run it belongs to.
        name: Shown in the list of runs.
        started: Milliseconds since the epoch; the time of every metric too, so that writing
            a point twice leaves one.
        ended: Milliseconds since the epoch.
        status: FAILED where the trial failed or ran out of memory.
        parameters: Everything that the trial's numbers depend on, but data and code.
        tags: What runs are found by.
        points: The curve, and its summary.
    """

    fingerprint: str
    member: int
    model: str
    name: str
    started: int
    ended: int
    status: Status
    parameters: dict[str, str]
    tags: dict[str, str]
    points: tuple[Point, ...]


def project(result: RaceResult, study: Study) -> list[Run]:
    """The runs of a race, one a trial, in the race's order."""
    started = round(result.started_at * 1000)
    return [
        Run(
            fingerprint=result.race.fingerprint,
            member=member,
            model=trial.model,
            name=_name(trial),
            started=started,
            ended=started + round(result.seconds * 1000),
            status="FINISHED" if trial_result.ended.measured else "FAILED",
            parameters=_parameters(trial, result.race.recipe),
            tags=_tags(result, member, study),
            points=(*_curve(trial_result.curve), *_summary(trial, trial_result)),
        )
        for member, (trial, trial_result) in enumerate(
            zip(result.race.trials, result.results, strict=True)
        )
    ]


def parent_tags(model: str, study: Study) -> dict[str, str]:
    """Tags of the parent run of a model; they are the same in every session and phase."""
    note = (
        f"All trials of `{model}` on `{study.dataset}`, one child run each: a batch size, a "
        "learning rate and a replicate. A copy of the ledger, which is the original."
    )
    return {
        NAMESPACE + "role": "parent",
        NAMESPACE + "dataset": study.dataset,
        NAMESPACE + "model": model,
        NAMESPACE + "data_digest": study.data_digest,
        NOTE: note,
    }


def _name(trial: Trial) -> str:
    return f"{trial.model} · B={trial.batch_size} · η={_rate(trial)} · r{trial.replicate}"


def _rate(trial: Trial) -> str:
    """The learning rate as people would type it into a filter; the parameter has all digits."""
    return f"{trial.learning_rate:.3g}"


def _parameters(trial: Trial, recipe: Recipe) -> dict[str, str]:
    return {key: _text(value) for key, value in {**vars(trial), **vars(recipe)}.items()}


def _tags(result: RaceResult, member: int, study: Study) -> dict[str, str]:
    trial, trial_result = result.race.trials[member], result.results[member]
    values = {
        "role": "trial",
        "dataset": study.dataset,
        "data_digest": study.data_digest,
        "model": trial.model,
        "batch_size": trial.batch_size,
        "learning_rate": _rate(trial),
        "replicate": trial.replicate,
        "phase": study.phase,
        "origin": result.race.origin,
        "ended": trial_result.ended.value,
        "fingerprint": result.race.fingerprint,
        "member": member,
        "members": len(result.race.trials),
        "git_commit": study.git_commit or "unknown",
    }
    tags = {NAMESPACE + key: _text(value) for key, value in values.items()}
    tags |= {"mlflow.source.name": study.phase, "mlflow.source.type": "LOCAL"}
    if study.git_commit:
        tags["mlflow.source.git.commit"] = study.git_commit
    if trial_result.message:
        tags[NOTE] = f"```text\n{_shortened(trial_result.message)}\n```"
    return tags


def _curve(curve: Curve) -> Iterator[Point]:
    for key, column in vars(curve).items():
        if key == "steps":
            continue
        for step, value in zip(curve.steps.tolist(), column.tolist(), strict=True):
            if np.isfinite(value):
                yield Point(key, value, step)


def _summary(trial: Trial, result: TrialResult) -> Iterator[Point]:
    # At step 0: then the MLflow UI compares runs by bars, not by lone dots.
    if not len(result.curve.steps):
        return  # 0 steps would sort it before the fastest
    steps = result.curve.last_step
    yield Point("steps", steps, 0)
    yield Point("examples", steps * trial.batch_size, 0)
    for key in ("validation_loss", "validation_error"):
        column = getattr(result.curve, key)
        if np.isfinite(column).any():
            yield Point(f"best_{key}", float(column[np.isfinite(column)].min()), 0)


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(float(value))  # shortest that reads back, also for numpy's floats
    if isinstance(value, tuple):
        return _shortened(", ".join(map(_text, cast("tuple[object, ...]", value))))
    return _shortened(str(value))


def _shortened(text: str) -> str:
    """Text of at most ``LONGEST`` characters, from both ends, saying how much is left out."""
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2 - 50
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n… {left_out:,} characters left out …\n{text[-half:]}"
