"""From tables and estimates to what the figures draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.figures.evidence import Study
from pipeline.observations import observations

if TYPE_CHECKING:
    from pipeline.estimates import Tables
    from pipeline.figures.evidence import Estimates
    from pipeline.settings import LearningRates

__all__ = ["gather"]

_KEY: Final = ["fingerprint", "member"]


def gather(estimates: Estimates, tables: Tables, learning_rates: LearningRates) -> Study:
    """Observe the trials at the study's goals.

    Args:
        estimates: What the analysis resolved.
        tables: What the sweep and confirm stages wrote.
        learning_rates: The sweep's box and the points of its grid.

    Returns:
        The study, its trials in the order of the tables.
    """
    hardest = observations(
        tables.sweep_trials,
        tables.sweep_curves,
        quantity=estimates.quantity,
        goals=[estimates.hardest],
    )
    sweep = tables.sweep_trials.reset_index(drop=True)
    sweep = sweep.assign(kind=hardest["kind"], steps_to_goal=hardest["steps"])
    tuned = tables.assignments.loc[tables.assignments["rule"] == "tuned", _KEY]
    confirmed = observations(
        tables.confirm_trials.merge(tuned, on=_KEY, validate="one_to_one"),
        tables.confirm_curves,
        quantity=estimates.quantity,
        goals=estimates.goals,
    )
    box = learning_rates.low, learning_rates.high
    return Study(estimates, sweep, confirmed, box, learning_rates.points)
