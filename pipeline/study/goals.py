"""The goals of a study once the sweep has begun: numbers, whoever found them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.study.places import Places

__all__ = ["GOALS", "known_goals"]

GOALS: Final = "goals.json"  # in the sweep's folder


def known_goals(settings: Settings, places: Places) -> Settings:
    """Settings with the goals that the sweep's pilot found.

    Args:
        settings: Of the study.
        places: Where the sweep's tables are.

    Returns:
        The settings; as they are where goals are given as numbers.

    Raises:
        ValueError: If the goals are auto, and the sweep has left none, or none that can be read.
    """
    if settings.sweep.goals.levels != "auto":
        return settings
    path = places.sweep / GOALS
    if not path.exists():
        raise ValueError(
            f"sweep.goals.levels is auto, and {path} is missing, which the sweep writes; run "
            "dvc repro (or dvc pull), or write levels as numbers"
        )
    try:
        levels = tuple(json.loads(path.read_bytes())["levels"])
    except (KeyError, TypeError, ValueError) as problem:
        remedy = "remove it, then run dvc repro or dvc pull"
        raise ValueError(f"{path} holds no goals ({problem}); {remedy}") from problem
    return settings.with_goals(levels)
