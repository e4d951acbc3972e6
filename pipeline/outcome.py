"""What became of trials and races: endings, curves and results. No torch, no I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pipeline.trial import Race

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Curve",
    "Ended",
    "ProbeRow",
    "RaceResult",
    "Row",
    "TrialResult",
    "Weights",
    "broken_results",
]

Weights = dict[str, "NDArray[Any]"]
"""Parameters and buffers of a network by name, as in ``named_parameters`` and ``named_buffers``.

Unlike in its ``state_dict``, what is tied stands there once, and buffers that don't persist do too.
"""


class Ended(StrEnum):
    """How a trial ended."""

    REACHED = "reached"  # the hardest goal
    EXHAUSTED = "exhausted"  # spent its budget
    OUTRACED = "outraced"  # a race-mate reached the hardest goal long before
    OUTPACED = "outpaced"  # so far behind its race-mates that this is only a question of time
    DIVERGED = "diverged"  # a loss was no longer finite
    OUT_OF_MEMORY = "out_of_memory"
    FAILED = "failed"  # the network or its worker broke

    @property
    def measured(self) -> bool:
        """Whether the curve is a valid, possibly censored, measurement."""
        return self not in {Ended.OUT_OF_MEMORY, Ended.FAILED}

    @property
    def short(self) -> str:
        """What the trial says of a goal that its curve does not show: the kind of observation.

        ``censored``: it takes longer; ``infinite``: it is never reached; ``missing``: nothing.
        """
        if self is Ended.DIVERGED:
            return "infinite"
        return "censored" if self.measured else "missing"


class Row(NamedTuple):
    """One evaluation of one trial; losses in the objective's units, errors as fractions."""

    step: int
    validation_loss: float
    validation_error: float
    train_loss: float
    test_loss: float
    test_error: float


class ProbeRow(NamedTuple):
    """What one probe of one trial found; NaN where it was not measured.

    Attributes:
        step: Optimiser steps taken.
        group: Examples b of a gradient: 1 per example, more where the network couples examples.
        signal: Unbiased estimate of |G|²; may be negative.
        noise: Unbiased estimate of tr Σ per example.
        largest_eigenvalue: Of the Hessian of the mean loss.
        residual: An eigenvalue lies within it of the one above.
        products: With the Hessian, that it took.
        keskar: Keskar's φ in per cent.
        message: Why the network could not be probed, or for what; empty otherwise.
    """

    step: int
    group: int
    signal: float
    noise: float
    largest_eigenvalue: float
    residual: float
    products: int
    keskar: float
    message: str


@dataclass(frozen=True, eq=False)
class Curve:
    """A trial's evaluations, one entry each, in order of step; the first is step 0.

    Attributes:
        steps: Optimiser steps taken, int64.
        validation_loss: Mean per-example loss over the validation split.
        validation_error: Mean per-example error over the validation split.
        train_loss: Mean training loss of the steps since the evaluation before; NaN at step 0.
        test_loss: As ``validation_loss`` on the test split; NaN where not measured.
        test_error: As ``validation_error`` on the test split; NaN where not measured.
    """

    steps: NDArray[np.int64]
    validation_loss: NDArray[np.float64]
    validation_error: NDArray[np.float64]
    train_loss: NDArray[np.float64]
    test_loss: NDArray[np.float64]
    test_error: NDArray[np.float64]

    def __post_init__(self) -> None:
        if len({len(column) for column in vars(self).values()}) != 1:
            raise ValueError("columns of a curve differ in length")
        if np.any(np.diff(self.steps) <= 0):
            raise ValueError("steps of a curve must increase")

    @property
    def last_step(self) -> int:
        """Optimiser steps at the last evaluation; 0 where there is none."""
        return int(self.steps[-1]) if len(self.steps) else 0


@dataclass(frozen=True, eq=False)
class TrialResult:
    """How one trial went.

    Attributes:
        ended: How it ended.
        curve: Its evaluations; empty where it failed before the first.
        message: Why it failed or ran out of memory; empty otherwise.
        weights: What it had learned by its end, where that was to be kept.
        probes: What was found along it, where it was probed.
    """

    ended: Ended
    curve: Curve
    message: str = ""
    weights: Weights | None = None
    probes: tuple[ProbeRow, ...] | None = None

    def __post_init__(self) -> None:
        if self.ended.measured and not len(self.curve.steps):
            raise ValueError(f"a trial that ended {self.ended} has at least one evaluation")
        if self.ended.measured == bool(self.message):
            raise ValueError(f"a trial that ended {self.ended} has the wrong message")


@dataclass(frozen=True, eq=False)
class RaceResult:
    """What the ledger keeps of a race.

    Attributes:
        race: The race as planned.
        results: One per trial, in the race's order.
        started_at: Seconds since the epoch (Unix time).
        seconds: Wall-clock seconds of the cohort that the race was trained in.
        environment: Versions and hardware, recorded but not in the fingerprint.
    """

    race: Race
    results: tuple[TrialResult, ...]
    started_at: float
    seconds: float
    environment: dict[str, str]

    def __post_init__(self) -> None:
        if len(self.results) != len(self.race.trials):
            raise ValueError("a race has one result per trial")

    @property
    def final(self) -> bool:
        """Whether the race need not be run again: nothing in it failed or ran out of memory."""
        return all(result.ended.measured for result in self.results)

    def exceeded(self, member: int) -> int:
        """Optimiser steps that a trial took, or, outpaced, would have taken to its race's end.

        Args:
            member: Position of the trial in the race.
        """
        trial, race = self.results[member], self.race.recipe.race
        last = trial.curve.last_step
        if trial.ended is not Ended.OUTPACED:
            return last
        assert race is not None, "without a race nobody is outpaced"
        first = min(one.curve.last_step for one in self.results if one.ended is Ended.REACHED)
        return max(last, min(math.ceil(race * first), self.race.recipe.max_steps))


def broken_results(
    race: Race, message: str, ended: Ended = Ended.FAILED
) -> tuple[TrialResult, ...]:
    """Results of a race whose computation broke: nothing of its trials can be told apart.

    Args:
        race: Whose trials broke.
        message: Why.
        ended: ``failed`` or ``out_of_memory``.

    Returns:
        One result per trial, with an empty curve.
    """
    nothing = np.empty(0)
    curve = Curve(np.empty(0, dtype=np.int64), nothing, nothing, nothing, nothing, nothing)
    return tuple(TrialResult(ended, curve, message) for _ in race.trials)
