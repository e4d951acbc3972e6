"""Numbers into pictures: every figure of the report, as Vega-Lite and as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.figures.endings import endings
from pipeline.figures.evidence import Estimates, Study
from pipeline.figures.figure import PLAYER_VERSION, THEMES, Figure
from pipeline.figures.goal_curves import examples_to_goal, steps_to_goal
from pipeline.figures.loss_against_learning_rate import loss_against_learning_rate
from pipeline.figures.plain_picture import plain_picture
from pipeline.figures.probes import noise_scale, sharpness
from pipeline.figures.reading import read_estimates
from pipeline.figures.study import gather
from pipeline.figures.surface import surface
from pipeline.figures.transfer_regret import transfer_regret
from pipeline.figures.tuned_learning_rate import tuned_learning_rate

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "PLAYER_VERSION",
    "THEMES",
    "Estimates",
    "Figure",
    "Study",
    "draw",
    "gather",
    "read_estimates",
]

_FIGURES: tuple[Callable[[Study], Figure], ...] = (
    steps_to_goal,
    examples_to_goal,
    tuned_learning_rate,
    plain_picture,
    transfer_regret,
    loss_against_learning_rate,
    surface,
    noise_scale,
    sharpness,
    endings,
)


def draw(study: Study) -> tuple[Figure, ...]:
    """Draw every figure, in the order of the report."""
    return tuple(figure(study) for figure in _FIGURES)
