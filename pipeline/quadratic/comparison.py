"""The pipeline's figures on the noisy quadratic, held against the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import stats

from pipeline.plain_values import plain_values
from pipeline.quadratic.closed_form import NoisyQuadratic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.quadratic.truth import Truth

__all__ = ["CellCheck", "Comparison", "Measured"]

_ERRORS: Final = 3.0  # standard errors that a mean may be off by
_WINDOW: Final = 0.10  # share that the mean window may be off by
_CHANCE: Final = 0.001  # of a right method to miss more tuned learning rates than allowed


@dataclass(frozen=True)
class Measured:
    """What the pipeline found at a batch size.

    A figure that it did not find is None in its estimates, and NaN here.

    Attributes:
        losses: Validation loss of every replicate [R, 2] at the last whole step before and the
            first after the closed form's steps to goal, at its learning rate.
        tuned: Tuned learning rate.
        low: Lower limit of its interval.
        high: Upper limit.
        window: Decades within a factor 2 of the best steps.
        confirmed: Learning rate that confirm trained.
        log_steps: Natural log of steps to goal of confirm's replicates [n].
        expected_log_steps: Mean and standard deviation of the same by simulation.
    """

    losses: tuple[tuple[float, float], ...]
    tuned: float
    low: float
    high: float
    window: float
    confirmed: float
    log_steps: tuple[float, ...]
    expected_log_steps: tuple[float, float]

    def __post_init__(self) -> None:
        for name in ("tuned", "low", "high", "window", "confirmed"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, math.nan)


@dataclass(frozen=True)
class CellCheck:
    """One batch size: what was measured beside what is true.

    Attributes:
        truth: What is true.
        measured: What the pipeline found.
        goal: Level of the loss.
        confidence: Level of the interval of the tuned learning rate.
    """

    truth: Truth
    measured: Measured
    goal: float
    confidence: float

    @property
    def mean_loss(self) -> float:
        """Mean loss over replicates at the closed form's steps to goal, interpolated linearly."""
        if not self.measured.losses:
            return math.nan
        before, after = np.mean(self.measured.losses, axis=0)
        return float(before + (after - before) * (self.truth.optimum.steps % 1))

    @property
    def standard_error(self) -> float:
        """Of the mean loss, by the closed form."""
        if not self.measured.losses:
            return math.nan
        best = self.truth.optimum
        deviation = NoisyQuadratic().deviation_of_loss(
            round(best.steps), self.truth.batch_size, best.learning_rate
        )
        return float(deviation) / math.sqrt(len(self.measured.losses))

    @property
    def loss_errors(self) -> float:
        """Standard errors between the mean loss and the goal."""
        return (self.mean_loss - self.goal) / self.standard_error

    @property
    def covered(self) -> bool:
        """Whether the interval of the tuned learning rate holds that of single runs."""
        return self.measured.low <= self.truth.tuned.learning_rate <= self.measured.high

    @property
    def window_ratio(self) -> float:
        """Measured window over the true one."""
        return self.measured.window / self.truth.window

    @property
    def mean_log_steps(self) -> float:
        """Mean log of confirm's steps."""
        return float(np.mean(self.measured.log_steps)) if self.measured.log_steps else math.nan

    @property
    def step_errors(self) -> float:
        """Standard errors between the mean log of confirm's steps and that of simulated runs."""
        mean, deviation = self.measured.expected_log_steps
        if not deviation:  # of runs that never reach the goal
            return math.nan
        return (self.mean_log_steps - mean) * math.sqrt(len(self.measured.log_steps)) / deviation

    def document(self) -> dict[str, Any]:
        """As JSON."""
        truth, measured = self.truth, self.measured
        return {
            "batch_size": truth.batch_size,
            "optimum": truth.optimum._asdict(),
            "loss": {
                "goal": self.goal,
                "mean": self.mean_loss,
                "standard_error": self.standard_error,
                "errors_off": self.loss_errors,
                "replicates": len(measured.losses),
            },
            "tuned_learning_rate": {
                "value": measured.tuned,
                "low": measured.low,
                "high": measured.high,
                "truth": truth.tuned._asdict(),
                "covered": self.covered,
            },
            "window": {
                "decades": measured.window,
                "truth": truth.window,
                "of_the_mean": truth.mean_window,
                "ratio": self.window_ratio,
            },
            "confirmed": {
                "learning_rate": measured.confirmed,
                "steps": math.exp(self.mean_log_steps),
                "truth": math.exp(measured.expected_log_steps[0]),
                "errors_off": self.step_errors,
                "replicates": len(measured.log_steps),
            },
        }


@dataclass(frozen=True)
class Comparison:
    """All batch sizes."""

    cells: tuple[CellCheck, ...]

    @property
    def misses_allowed(self) -> int:
        """Intervals that a right method leaves out with more than `_CHANCE` or fewer."""
        confidence = self.cells[0].confidence
        return int(stats.binom.isf(_CHANCE, len(self.cells), 1 - confidence))

    @property
    def window_ratio(self) -> float:
        """Geometric mean over batch sizes of measured over true window; 0 where one is empty."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.exp(np.mean(np.log([cell.window_ratio for cell in self.cells]))))

    def faults(self) -> list[str]:
        """What differs from the truth by more than chance allows; none in a pipeline that works."""
        found = [
            f"batch size {cell.truth.batch_size:,}: {fault}"
            for cell in self.cells
            for fault in _faults(cell)
        ]
        missed = [f"{cell.truth.batch_size:,}" for cell in self.cells if not cell.covered]
        if len(missed) > self.misses_allowed:
            found.append(
                f"tuned learning rates lie outside their intervals at batch sizes "
                f"{', '.join(missed)}; chance explains {self.misses_allowed}"
            )
        if not abs(self.window_ratio - 1) <= _WINDOW:
            found.append(f"windows are {self.window_ratio:.2f} times as wide as they should be")
        return found

    def document(self) -> dict[str, Any]:
        """As JSON."""
        faults = self.faults()
        return plain_values({
            "passed": not faults,
            "faults": faults,
            "misses_allowed": self.misses_allowed,
            "window_ratio": self.window_ratio,
            "cells": [cell.document() for cell in self.cells],
        })


def _faults(cell: CellCheck) -> Iterator[str]:
    """What is wrong with one batch size beyond chance.

    Yields:
        A fault each.
    """
    for what, errors in (
        ("the mean loss at the closed form's steps", cell.loss_errors),
        ("confirm's mean log of steps", cell.step_errors),
    ):
        if math.isnan(errors):
            yield f"{what} could not be measured"
        elif abs(errors) > _ERRORS:
            yield f"{what} is {errors:+.1f} standard errors off"
    if math.isnan(cell.measured.tuned):
        yield "no tuned learning rate was found"
    if not cell.measured.window > 0:
        yield "no window of learning rates was found"
