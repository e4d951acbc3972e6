"""Calibrate: time both kernels and several widths for each cell, and propose settings."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.registry import infeasible, stochastic
from pipeline.batch_sizes import resolved_batch_sizes
from pipeline.images import load_prepared
from pipeline.kernel_choice import Choice, Timing, choose, in_use
from pipeline.machine import device_of
from pipeline.trial import Cell, Kernel

if TYPE_CHECKING:
    from pipeline.calibration import Conditions
    from pipeline.images import Prepared
    from pipeline.settings import Settings
    from pipeline.study.places import Places

__all__ = ["Calibration", "CellTimes", "Effort", "calibrate", "timed", "widths_of"]

Variant = tuple[Kernel, int]


@dataclass(frozen=True)
class Effort:
    """How much to measure.

    Attributes:
        widths: Of the stacked kernel, ascending, each at least 2.
        rounds: In which all variants of a cell take turns, so that a noisy machine disturbs them
            alike; the median counts.
        seconds: Of one variant in one round.
    """

    widths: tuple[int, ...]
    rounds: int = 3
    seconds: float = 0.2


@dataclass(frozen=True)
class CellTimes:
    """What was measured of a cell.

    Attributes:
        cell: Model and batch size.
        timings: Of every variant that works.
        problems: What was left out, and why.
    """

    cell: Cell
    timings: tuple[Timing, ...]
    problems: tuple[str, ...] = ()

    def of(self, kernel: Kernel, members: int) -> Timing | None:
        """The timing of a variant, if it works."""
        found = (t for t in self.timings if (t.kernel, t.members) == (kernel, members))
        return next(found, None)


@dataclass(frozen=True)
class Calibration:
    """What was measured, and what follows.

    Attributes:
        cells: Cell by cell.
        now: Settings in use.
        proposed: Settings that train fastest; those in use, unless others save enough.
        seconds_now: Predicted for one trial of every cell to its full budget, on one core.
        seconds_proposed: The same with the proposed settings.
        minutes: That the calibration took.
    """

    cells: tuple[CellTimes, ...]
    now: Choice
    proposed: Choice
    seconds_now: float
    seconds_proposed: float
    minutes: float


def calibrate(
    settings: Settings,
    places: Places,
    effort: Effort,
    tell: Callable[[CellTimes], None],
) -> Calibration:
    """Time every cell of a study on this device, and choose kernels and width.

    Args:
        settings: Of the study.
        places: Where its prepared data are.
        effort: How much to measure; the width in use is measured as well.
        tell: Called after each cell.

    Returns:
        The timings and the proposal.

    Raises:
        ValueError: If the data are not prepared, or no cell can be measured.
    """
    began = time.monotonic()
    training = settings.training
    prepared = load_prepared(places.prepared)
    from pipeline.calibration import Conditions  # with torch, after what can go wrong quickly

    conditions = Conditions(training, device_of(training))
    examples = len(prepared.train.labels)
    sizes = resolved_batch_sizes(settings, examples)
    widths = tuple(sorted({*effort.widths, training.cohort_width}))
    cells: list[CellTimes] = []
    for cell in (Cell(model, size) for model in settings.models for size in sizes):
        times = timed(cell, prepared, conditions, Effort(widths, effort.rounds, effort.seconds))
        cells.append(times)
        tell(times)
    # A network that draws random numbers trains solo whatever the settings say.
    free = [t for c in cells if not stochastic(c.cell.model) for t in c.timings]
    if not any(c.timings for c in cells):
        reasons = "; ".join(f"{c.cell.model}: {p}" for c in cells for p in c.problems)
        raise ValueError(f"no cell of the study can be measured ({reasons}); mend models")
    steps = {size: settings.sweep.budget.max_steps(size, examples) for size in sizes}
    now = in_use(training.kernel, training.cohort_width)
    proposed, before, after = choose(free, now, steps)
    minutes = (time.monotonic() - began) / 60
    return Calibration(tuple(cells), now, proposed, before, after, minutes)


def timed(cell: Cell, prepared: Prepared, conditions: Conditions, effort: Effort) -> CellTimes:
    """Time a cell solo and stacked at every width.

    Args:
        cell: Model and batch size.
        prepared: Data to train on.
        conditions: Optimiser, precision and device.
        effort: How much to measure.

    Returns:
        Medians over rounds of seconds per step and member. A variant whose rounds take longer
        than planned gets fewer of them.
    """
    if reason := infeasible(cell.model, prepared.task, cell.batch_size):
        return CellTimes(cell, (), (reason,))
    variants: list[Variant] = [("solo", 1)]
    problems: list[str] = []
    if stochastic(cell.model):
        problems.append("draws random numbers in forward, so it trains solo")
    else:
        variants.extend(("stacked", width) for width in effort.widths)
    rounds: dict[Variant, list[float]] = {variant: [] for variant in variants}
    spent = dict.fromkeys(variants, 0.0)
    for _ in range(effort.rounds):
        for variant in variants:
            if variant in rounds and spent[variant] < effort.rounds * effort.seconds:
                began = time.perf_counter()
                try:
                    rounds[variant].append(_once(cell, variant, prepared, conditions, effort))
                except Exception as problem:  # a network may raise anything, memory may run out
                    problems.append(f"{_name(variant)}: {_first_line(problem)}")
                    del rounds[variant]
                spent[variant] += time.perf_counter() - began
    return CellTimes(cell, _timings(cell, rounds), tuple(problems))


def _timings(cell: Cell, rounds: dict[Variant, list[float]]) -> tuple[Timing, ...]:
    return tuple(
        Timing(cell, kernel, members, statistics.median(times), min(times), max(times))
        for (kernel, members), times in rounds.items()
        if times
    )


def _once(
    cell: Cell, variant: Variant, prepared: Prepared, conditions: Conditions, effort: Effort
) -> float:
    """Seconds per step and member in one round."""
    from pipeline.calibration import seconds_per_step

    kernel, members = variant
    step = seconds_per_step(
        cell.model, cell.batch_size, kernel, members, prepared, conditions, seconds=effort.seconds
    )
    return step / members


def _name(variant: Variant) -> str:
    kernel, members = variant
    return kernel if kernel == "solo" else f"{kernel} at width {members}"


def _first_line(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}".splitlines()[0]


def widths_of(settings: Settings) -> tuple[int, ...]:
    """Widths worth measuring: the narrowest, a race, all replicates of a cell, and the one in use.

    Args:
        settings: Of the study.
    """
    points = settings.sweep.learning_rates.points
    widths: Sequence[int] = (
        2,
        points,
        points * settings.sweep.replicates,
        settings.training.cohort_width,
    )
    return tuple(sorted({max(2, width) for width in widths}))
