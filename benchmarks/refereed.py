"""What the product's referee makes of a race whose whole curves are known."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.outcome import Curve, TrialResult
from pipeline.stopping import Evaluation, Referee, evaluation_steps
from pipeline.trial import Recipe

__all__ = ["refereed"]


def refereed(recipe: Recipe, curves: Sequence[Curve]) -> tuple[TrialResult, ...]:
    """Let a race be judged evaluation by evaluation, as a cohort does while it trains.

    Args:
        recipe: Gives goal, race and budget.
        curves: Of its trials, each up to where the trial ends by itself, or longer.

    Returns:
        How each trial ended, with its curve up to there.
    """
    referee, running = Referee(recipe), list(range(len(curves)))
    ended: dict[int, TrialResult] = {}
    for place, step in enumerate(evaluation_steps(recipe)[1:], 1):
        seen = [
            Evaluation(c.train_loss[place], c.validation_loss[place], c.validation_error[place])
            for c in (curves[member] for member in running)
        ]
        for member, how in zip(tuple(running), referee.judge(step, seen), strict=True):
            if how is not None:
                columns = vars(curves[member]).items()
                curve = Curve(**{name: column[: place + 1] for name, column in columns})
                ended[member] = TrialResult(how, curve)
                running.remove(member)
        if not running:
            break
    assert not running, "the last step exhausts whatever still runs"
    return tuple(ended[member] for member in range(len(curves)))
