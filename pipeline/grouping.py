"""Which races share a cohort, and which cohort comes first."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pipeline.trial import Cell, CohortPlan, Race, Recipe

__all__ = ["cohorts", "rank"]

_STEP = 40  # examples that a step costs as much as, whatever its batch size; a rough figure


def cohorts(races: Sequence[Race], width: int) -> tuple[CohortPlan, ...]:
    """Group races into cohorts, the costliest first.

    Stacked races of a cell share a cohort up to ``width`` members, since width is what makes them
    fast; solo races gain nothing by company and spread over workers one by one.

    Args:
        races: To be trained.
        width: Most members of a stacked cohort, unless one race alone has more.

    Returns:
        Cohorts that hold every race once.
    """
    groups: dict[tuple[Cell, Recipe], list[Race]] = {}
    for race in races:
        groups.setdefault((race.cell, race.recipe), []).append(race)
    plans: list[CohortPlan] = []
    for (_, recipe), members in groups.items():
        room = width if recipe.kernel == "stacked" else 1
        plans.extend(CohortPlan(tuple(part), width) for part in _packed(members, room))
    return tuple(sorted(plans, key=rank, reverse=True))


def _packed(races: Sequence[Race], room: int) -> Generator[list[Race]]:
    """Consecutive races, as many as have room for their trials, at least one.

    Yields:
        Non-empty parts of ``races``.
    """
    part: list[Race] = []
    for race in races:
        if part and sum(len(r.trials) for r in part) + len(race.trials) > room:
            yield part
            part = []
        part.append(race)
    if part:
        yield part


def rank(plan: CohortPlan) -> int:
    """Examples that a cohort processes at most, each step costing some more: a rank of its cost."""
    return len(plan.trials) * plan.recipe.max_steps * (plan.cell.batch_size + _STEP)
