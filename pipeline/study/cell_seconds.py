"""What training a cell takes on one core of this machine, from a short calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.machine import device_of
from pipeline.probe_plan import ProbePlan
from pipeline.probes.schedule import probe_steps
from pipeline.stopping import evaluation_steps

if TYPE_CHECKING:
    from pipeline.images import Prepared
    from pipeline.settings import Settings
    from pipeline.trial import Cell, Recipe

__all__ = ["Pace", "paces", "probing_seconds"]

_SECONDS: Final = 0.2  # of measuring a step


@dataclass(frozen=True)
class Pace:
    """What a trial of a cell takes at a number of members side by side, as seconds of a core.

    Attributes:
        steps: Evaluated steps of a trial that spends its budget, from 0.
        step: Seconds of an optimiser step and member.
        evaluation: Seconds of an evaluation and member on the validation split.
    """

    steps: tuple[int, ...]
    step: float
    evaluation: float

    def seconds(self, share: float = 1.0, splits: float = 1.0) -> float:
        """Seconds of a trial that spends a share of its budget.

        Evaluations come at geometric steps, so that a trial that stops early has most of them.

        Args:
            share: Of the budget.
            splits: That are evaluated, as many times the validation split.
        """
        last = share * self.steps[-1]
        evaluations = sum(step <= last for step in self.steps)
        return last * self.step + evaluations * splits * self.evaluation


def paces(
    cell: Cell, recipe: Recipe, trials: tuple[int, ...], prepared: Prepared, settings: Settings
) -> tuple[Pace, ...]:
    """Time a cell's step and evaluation at the widths that numbers of trials train at.

    Args:
        cell: Model and batch size.
        recipe: Gives kernel and budget.
        trials: Of each phase of a study; phases of one width are timed once.
        prepared: Data to train on.
        settings: Of the study.

    Returns:
        A pace a phase.
    """
    from pipeline.calibration import Conditions, seconds_per_evaluation, seconds_per_step

    training = settings.training
    conditions = Conditions(training, device_of(training))
    room = training.cohort_width if recipe.kernel == "stacked" else 1
    widths = [max(1, min(count, room)) for count in trials]
    steps = evaluation_steps(recipe)
    timed: dict[int, Pace] = {}
    for width in set(widths):
        step = seconds_per_step(
            cell.model, cell.batch_size, recipe.kernel, width, prepared, conditions,
            seconds=_SECONDS,
        )  # fmt: skip
        evaluation = seconds_per_evaluation(cell.model, recipe.kernel, width, prepared, conditions)
        timed[width] = Pace(steps, step / width, evaluation / width)
    return tuple(timed[width] for width in widths)


def probing_seconds(model: str, recipe: Recipe, prepared: Prepared, settings: Settings) -> float:
    """Seconds of a core that all probes of one trial to its budget's end take.

    Args:
        model: As in params.yaml.
        recipe: Gives the evaluated steps.
        prepared: Data to probe on.
        settings: Of the study.
    """
    from pipeline.calibration import Conditions
    from pipeline.probe_seconds import seconds_per_probe

    plan = ProbePlan(**settings.confirm.probes.model_dump())
    if not plan.asked:
        return 0.0
    conditions = Conditions(settings.training, device_of(settings.training))
    count = len(probe_steps(evaluation_steps(recipe), plan.ratio))
    return count * seconds_per_probe(model, prepared, conditions, plan)
