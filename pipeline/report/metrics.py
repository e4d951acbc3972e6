"""The few numbers of a study that DVC compares between commits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.figures.evidence import Estimates, Study

__all__ = ["metrics"]


def metrics(study: Study) -> dict[str, Any]:
    """Sum the study up: per model at the hardest goal, and how its trials ended.

    Transfer regrets are octaves of steps, at an unchanged learning rate. Steps are optimiser steps,
    batch sizes and examples are examples, errors are shares of the test split; what is not resolved
    is None.
    """
    estimates = study.estimates
    ended = Counter[str]()
    for cell in estimates.cells:
        ended.update(cell.ended)
    return {
        "models": {model: _model(estimates, model) for model in estimates.models},
        "sweep_trials": {name: ended[name] for name in sorted(ended)},
    }


def _model(estimates: Estimates, model: str) -> dict[str, float | None]:
    fit = estimates.trade_off(model, estimates.hardest)
    critical = fit.critical.interval if fit and fit.critical else None
    regret = estimates.finickiness.headline(model, estimates.hardest)
    steps, steps_size = _fewest(estimates, model, "steps")
    examples, examples_size = _fewest(estimates, model, "examples")
    return {
        "critical_batch_size": critical.value if critical else None,
        "critical_batch_size_low": critical.low if critical else None,
        "critical_batch_size_high": critical.high if critical else None,
        "fewest_steps": steps,
        "fewest_steps_batch_size": steps_size,
        "fewest_examples": examples,
        "fewest_examples_batch_size": examples_size,
        "transfer_regret": regret.value,
        "transfer_regret_low": regret.low,
        "transfer_regret_high": regret.high,
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
