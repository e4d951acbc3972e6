"""From races to the MLflow runs that show them: pure functions, no mlflow."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite, nan
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from pipeline.schedules import Schedule
from pipeline.tracking.runs import NAMESPACE, NOTE, Point, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.outcome import Curve, RaceResult, Row, TrialResult
    from pipeline.tracking.runs import Data, Study
    from pipeline.trial import Race, Recipe, Trial

__all__ = ["LONGEST", "begun", "parent_tags", "points", "project"]

LONGEST: Final = 5000  # characters; MLflow cuts longer parameters silently and refuses longer tags


def project(result: RaceResult, study: Study) -> list[Run]:
    """The runs of a race that has ended, one a trial, in the race's order."""
    return [
        replace(
            run,
            ended=run.started + round(result.seconds * 1000),
            status="FINISHED" if trial_result.ended.measured else "FAILED",
            tags=run.tags | _ending(trial_result),
            points=(
                *_curve(trial_result.curve),
                *_probes(trial, trial_result, Schedule.of(result.race.recipe)),
                *_summary(trial, trial_result),
            ),
        )
        for run, trial, trial_result in zip(
            begun(result.race, result.started_at, study),
            result.race.trials,
            result.results,
            strict=True,
        )
    ]


def begun(race: Race, started_at: float, study: Study) -> list[Run]:
    """The runs of a race that trains, one a trial, in the race's order, without any metric.

    Args:
        race: As planned.
        started_at: Seconds since the epoch, as its result will have it.
        study: What every run has in common.

    Returns:
        The runs, all RUNNING.
    """
    return [
        Run(
            fingerprint=race.fingerprint,
            member=member,
            model=trial.model,
            name=_name(trial),
            started=round(started_at * 1000),
            ended=None,
            status="RUNNING",
            parameters=_parameters(trial, race.recipe),
            tags=_tags(race, member, study),
            points=(),
        )
        for member, trial in enumerate(race.trials)
    ]


def points(rows: Sequence[Row]) -> list[Point]:
    """Evaluations of one trial, as `project` has them in its curve."""
    return [
        Point(key, value, row.step)
        for row in rows
        for key, value in row._asdict().items()
        if key != "step" and isfinite(value)
    ]


def parent_tags(model: str, data: Data) -> dict[str, str]:
    """Tags of the parent run of a model; they are the same in every session and phase."""
    note = (
        f"How finicky is `{model}` about batch size on `{data.name}`, and what should one set?\n\n"
        "One child run a trial: a batch size, a learning rate and a replicate. A copy of the "
        "ledger, which is the original. Key results follow when the report is written."
    )
    return {
        NAMESPACE + "role": "parent",
        NAMESPACE + "dataset": data.name,
        NAMESPACE + "model": model,
        NAMESPACE + "data_digest": data.digest,
        NOTE: note,
    }


def _name(trial: Trial) -> str:
    return f"{trial.model} · B={trial.batch_size} · η={_rate(trial)} · r{trial.replicate}"


def _rate(trial: Trial) -> str:
    """The learning rate as people would type it into a filter; the parameter has all digits."""
    return f"{trial.learning_rate:.3g}"


def _parameters(trial: Trial, recipe: Recipe) -> dict[str, str]:
    return {key: _text(value) for key, value in {**vars(trial), **vars(recipe)}.items()}


def _tags(race: Race, member: int, study: Study) -> dict[str, str]:
    trial = race.trials[member]
    values = {
        "role": "trial",
        "dataset": study.data.name,
        "data_digest": study.data.digest,
        "model": trial.model,
        "batch_size": trial.batch_size,
        "learning_rate": _rate(trial),
        "replicate": trial.replicate,
        "phase": study.phase,
        "origin": race.origin,
        "fingerprint": race.fingerprint,
        "member": member,
        "members": len(race.trials),
        "git_commit": study.git_commit or "unknown",
    }
    tags = {NAMESPACE + key: _text(value) for key, value in values.items()}
    tags |= {"mlflow.source.name": study.phase, "mlflow.source.type": "LOCAL"}
    if study.git_commit:
        tags["mlflow.source.git.commit"] = study.git_commit
    return tags


def _ending(result: TrialResult) -> dict[str, str]:
    """The tags that a trial gets when it has ended."""
    tags = {NAMESPACE + "ended": result.ended.value}
    if result.message:
        tags[NOTE] = f"```text\n{_shortened(result.message)}\n```"
    return tags


def _curve(curve: Curve) -> Iterator[Point]:
    for key, column in vars(curve).items():
        if key == "steps":
            continue
        for step, value in zip(curve.steps.tolist(), column.tolist(), strict=True):
            if isfinite(value):
                yield Point(key, value, step)


def _probes(trial: Trial, result: TrialResult, schedule: Schedule) -> Iterator[Point]:
    """What probes found; the noise scale of one probe only where its |G|² is positive.

    Yields:
        Finite values.
    """
    for row in result.probes or ():
        step = min(row.step, schedule.steps - 1)  # one that is taken, also where none comes next
        rate = trial.learning_rate * schedule.factor(step)
        sharpness = rate * (row.largest_eigenvalue + trial.weight_decay)
        values = {
            "gradient_signal": row.signal,
            "gradient_noise": row.noise,
            "noise_scale": row.noise / row.signal if row.signal > 0 else nan,
            "sharpness": sharpness,
            "keskar": row.keskar,
        }
        yield from (Point(key, value, row.step) for key, value in values.items() if isfinite(value))


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
