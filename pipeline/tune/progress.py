"""What a person sees of a tune while it runs: a line a trial."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pipeline.tune.question import Objective, Question
from pipeline.tune.values import plain

__all__ = ["Progress", "Told", "setting", "shown"]

_UNITS: Final[dict[Objective, str]] = {
    "loss": "loss",
    "error": "error",
    "steps": "steps",
    "examples": "examples",
    "seconds": "s",
}


@dataclass(frozen=True)
class Told:
    """A trial that has ended.

    Attributes:
        batch_size: In examples.
        learning_rate: As trained.
        how: Its replicates ended, or ``pruned``.
        values: Of the study; None where it has none.
        message: Why it failed, or "".
    """

    batch_size: int
    learning_rate: float
    how: str
    values: tuple[float, ...] | None
    message: str = ""


class Progress:
    """Writes a line for every trial: what it was worth, the lowest so far, rate and time left.

    Args:
        question: What is searched for.
        planned: Trials of the study in all.
        done: Of those, how many had ended before.
        best: The best of those.
        say: Writes a line.
    """

    def __init__(
        self,
        question: Question,
        planned: int,
        done: int,
        best: Told | None,
        say: Callable[[str], None],
    ) -> None:
        self._question = question
        self._planned = planned
        self._before = done
        self._done = done
        self._best = best
        self._say = say
        self._began = time.monotonic()

    def __call__(self, told: Told) -> None:
        """Take note of a trial that has ended, and say so.

        Args:
            told: The trial.
        """
        self._done += 1
        self._best = _better(self._best, told)
        self._say(" | ".join([self._head(told), *self._tail()]))

    def _head(self, told: Told) -> str:
        worth = f" {shown(self._question, told.values)}" if told.values else ""
        why = f": {told.message}" if told.message else ""
        return (
            f"tune: {self._done:,} of {self._planned:,} | "
            f"{setting(told.batch_size, told.learning_rate)} {told.how}{why}{worth}"
        )

    def _tail(self) -> list[str]:
        parts: list[str] = []
        best = self._best
        if best and best.values and len(best.values) == 1:  # of two objectives none is the best
            worth = shown(self._question, best.values)
            parts.append(f"lowest {worth} at {setting(best.batch_size, best.learning_rate)}")
        pace = (time.monotonic() - self._began) / (self._done - self._before)
        parts.append(f"{60 / max(pace, 1e-3):,.0f} trials/min")
        if left := self._planned - self._done:
            parts.append(f"about {_duration(left * pace)} left")
        return parts


def _better(best: Told | None, told: Told) -> Told | None:
    if told.values is None or (best is not None and best.values and best.values <= told.values):
        return best
    return told


def setting(batch_size: int, learning_rate: float) -> str:
    """A setting, as people read it."""
    return f"B={batch_size:,} η={learning_rate:.3g}"


def shown(question: Question, values: tuple[float, ...]) -> str:
    """Values of a trial with their units."""
    return ", ".join(
        f"{plain(objective, value):,.4g} {_UNITS[objective]}"
        if objective != "examples" and objective != "steps"
        else f"{plain(objective, value):,.0f} {_UNITS[objective]}"
        for objective, value in zip(question.objectives, values, strict=True)
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
