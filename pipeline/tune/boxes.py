"""The boxes that settings are proposed in, and which samplers bear that they change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.tune.question import Question

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

__all__ = ["boxes_of", "check_boxes", "suggest"]

_UNBOUND: Final = frozenset({"valley", "random"})  # samplers that look at today's boxes alone


def boxes_of(question: Question) -> dict[str, BaseDistribution]:
    """Batch size and learning rate, as Optuna draws them."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "batch_size": IntDistribution(*question.batch_sizes, log=True),
        "learning_rate": FloatDistribution(*question.learning_rates, log=True),
    }


def suggest(trial: Trial, question: Question) -> None:
    """Let a trial propose batch size and learning rate, in the boxes of `boxes_of`."""
    trial.suggest_int("batch_size", *question.batch_sizes, log=True)
    trial.suggest_float("learning_rate", *question.learning_rates, log=True)


def check_boxes(study: Study, question: Question, sampler: str) -> None:
    """Refuse boxes that some trial was not proposed in, where the sampler can't follow.

    Optuna's samplers search jointly what has one distribution in all trials, and draw the rest
    parameter by parameter, for good and in silence; its Sobol points stay in the first trial's box.
    The trials tell, and not the recorded question: ``valley`` may have moved the boxes since.

    Args:
        study: Going on.
        question: Its boxes.
        sampler: By name.

    Raises:
        ValueError: With the box that differs, and the remedy.
    """
    from optuna.trial import TrialState

    if sampler in _UNBOUND:
        return
    boxes = boxes_of(question)
    for trial in study.get_trials(deepcopy=False):
        if trial.state == TrialState.FAIL:
            continue  # Optuna leaves these out
        for name, was in trial.distributions.items():
            if name in boxes and was != boxes[name]:
                follower = "valley" if len(question.objectives) == 1 else "random"
                raise ValueError(
                    f"study {study.study_name} is there already, and {name}s was {_edges(was)} in "
                    f"its trial {trial.number}, not {_edges(boxes[name])}: {sampler} can't search "
                    "across boxes that changed; give another name with --study, or choose "
                    f"--sampler {follower}"
                )


def _edges(box: BaseDistribution) -> str:
    from optuna.distributions import FloatDistribution, IntDistribution

    if isinstance(box, IntDistribution | FloatDistribution):
        return f"{box.low}..{box.high}"
    return str(box)  # of somebody who added trials by hand
