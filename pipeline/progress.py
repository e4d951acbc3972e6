"""Progress on stderr: trials done of planned, current cells, examples per second, time left."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from pipeline.events import Evaluated, Event, Finished, Started
from pipeline.grouping import rank
from pipeline.trial import CohortPlan

__all__ = ["Progress"]

_PLAIN_SECONDS: Final = 10.0  # between lines where there is no terminal to redraw on


class Progress:
    """Follows the events of one stage. A context manager; nothing is shown outside it.

    The time left is a rough guess: it takes what a model's finished cohorts took, against the most
    that they might have processed, for what that model's other cohorts will take.

    Args:
        stage: Shown in front.
        planned: Trials of the plan, those of the ledger included.
        cohorts: To be trained.
        stream: Where to write; a terminal is redrawn, anything else gets a line now and then.
    """

    def __init__(
        self,
        stage: str,
        planned: int,
        cohorts: Sequence[CohortPlan],
        stream: TextIO = sys.stderr,
    ) -> None:
        self._stage = stage
        self._planned = planned
        self._left = {plan: rank(plan) for plan in cohorts}
        self._done = planned - sum(len(plan.trials) for plan in cohorts)
        self._running: dict[CohortPlan, Evaluated | None] = {}
        self._examples = 0  # processed by cohorts that have finished
        self._since: dict[CohortPlan, float] = {}  # when each running cohort started
        self._spent: Counter[str] = Counter()  # milliseconds of finished cohorts, by model
        self._worth: Counter[str] = Counter()  # what those might have processed at most
        self._began = time.monotonic()
        self._said = self._began
        console = Console(file=stream)
        self._console = console
        self._live = Live(console=console, transient=True, auto_refresh=False)
        self._redraws = console.is_terminal

    def __enter__(self) -> Self:
        if self._redraws:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._redraws:
            self._live.stop()
        self._print(self.line())

    def tell(self, event: Event) -> None:
        """Take note of an event and show where the stage is.

        Args:
            event: Of the engine.
        """
        if isinstance(event, Started):
            self._running[event.plan] = None
            self._since[event.plan] = time.monotonic()
        elif isinstance(event, Evaluated):
            self._running[event.plan] = event
        elif isinstance(event, Finished):
            self._finish(event)
        self._show()

    def line(self) -> str:
        """Where the stage is, on one line."""
        seconds = time.monotonic() - self._began
        parts = [f"{self._stage}: {self._done:,} of {self._planned:,} trials"]
        cells = sorted({f"{p.cell.model} · B={p.cell.batch_size:,}" for p in self._running})
        if cells:
            parts.append(", ".join(cells))
        processed = self._examples + sum(e.examples for e in self._running.values() if e)
        if processed and seconds > 1:
            parts.append(f"{processed / seconds:,.0f} examples/s")
        if (left := self._seconds_left()) is not None:
            parts.append(f"about {_duration(left)} left")
        else:
            parts.append(_duration(seconds))
        return " | ".join(parts)

    def _finish(self, event: Finished) -> None:
        self._running.pop(event.plan, None)
        self._worth[event.plan.cell.model] += self._left.pop(event.plan)
        seconds = time.monotonic() - self._since.pop(event.plan)
        self._spent[event.plan.cell.model] += round(1000 * seconds)
        self._done += len(event.plan.trials)
        size = event.plan.cell.batch_size
        self._examples += size * sum(
            trial.curve.last_step for result in event.results for trial in result.results
        )

    def _seconds_left(self) -> float | None:
        """None while a model has nothing to extrapolate from, or nothing is left."""
        if not self._left or any(not self._worth[p.cell.model] for p in self._left):
            return None
        now, seconds = time.monotonic(), 0.0
        for plan, worth in self._left.items():
            model = plan.cell.model
            expected = worth * self._spent[model] / self._worth[model] / 1000
            seconds += max(0.0, expected - (now - self._since.get(plan, now)))
        return seconds / max(1, len(self._running))

    def _show(self) -> None:
        if self._redraws:
            self._live.update(Text(self.line(), overflow="ellipsis", no_wrap=True), refresh=True)
        elif (now := time.monotonic()) - self._said >= _PLAIN_SECONDS:
            self._said = now
            self._print(self.line())

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
