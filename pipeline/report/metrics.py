"""The few numbers of a study that DVC compares between commits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pipeline.intervals import UNKNOWN

if TYPE_CHECKING:
    from pipeline.figures.evidence import Estimates, Study

__all__ = ["metrics"]


def metrics(study: Study) -> dict[str, Any]:
    """Sum the study up: per model at the hardest goal, and how its trials ended.

    Transfer regrets are octaves of steps, at an unchanged learning rate. Steps are optimiser steps,
    batch sizes and examples are examples, errors are shares of the test split; what is not resolved
    is None. A bound is ``lower`` where only the lower limit is an answer, ``upper`` where only the
    upper one is.
    """
    estimates = study.estimates
    ended = Counter[str]()
    for cell in estimates.cells:
        ended.update(cell.ended)
    return {
        "models": {model: _model(estimates, model) for model in estimates.models},
        "sweep_trials": {name: ended[name] for name in sorted(ended)},
    }


def _model(estimates: Estimates, model: str) -> dict[str, float | str | None]:
    fit = estimates.trade_off(model, estimates.hardest)
    critical = fit.critical if fit else None
    size = critical.interval if critical else UNKNOWN
    regret = estimates.finickiness.headline(model, estimates.hardest)
    octaves = regret.octaves if regret else UNKNOWN
    steps, steps_size = _fewest(estimates, model, "steps")
    examples, examples_size = _fewest(estimates, model, "examples")
    return {
        "critical_batch_size": size.value,
        "critical_batch_size_low": size.low,
        "critical_batch_size_high": size.high,
        "critical_batch_size_bound": critical.bound if critical else None,
        "fewest_steps": steps,
        "fewest_steps_batch_size": steps_size,
        "fewest_examples": examples,
        "fewest_examples_batch_size": examples_size,
        "transfer_regret": octaves.value,
        "transfer_regret_low": octaves.low,
        "transfer_regret_high": octaves.high,
        "transfer_regret_bound": "lower" if regret and regret.lower else None,
        "reference_test_error": _reference_error(estimates, model),
    }


def _fewest(
    estimates: Estimates, model: str, measure: str
) -> tuple[float, int] | tuple[None, None]:
    """Least confirmed steps or examples to the hardest goal, and the batch size that takes them."""
    found = [
        (getattr(goal, measure).value, cell.batch_size)
        for cell in estimates.of(model)
        for goal in [cell.goal(estimates.hardest)]
        if goal is not None and getattr(goal, measure).value is not None
    ]
    return min(found, default=(None, None))


def _reference_error(estimates: Estimates, model: str) -> float | None:
    """Test error at the end of the budget, tuned, at the reference batch size."""
    return next(
        (
            cell.final["tuned"].test_error.value
            for cell in estimates.of(model)
            if cell.batch_size == estimates.reference_batch_size and "tuned" in cell.final
        ),
        None,
    )
