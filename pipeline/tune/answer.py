"""What a tune found: the best setting, or the Pareto front of two objectives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.tune.expected import expected
from pipeline.tune.progress import Told, shown
from pipeline.tune.question import TO_GOAL, Question
from pipeline.tune.storage import ENDED, MESSAGE, REACHED, finished
from pipeline.tune.values import plain

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

__all__ = ["Answer", "Found", "answer", "best_so_far"]

_SHOWN: Final = 5  # best settings in the table of one objective


@dataclass(frozen=True)
class Found:
    """A setting of a study.

    Attributes:
        number: Of its trial in Optuna's study.
        batch_size: In examples.
        learning_rate: As trained.
        values: Of the study: costs of reaching the goal as log2.
        reached: Whether every replicate reached the goal.
        expected: What the setting is expected to cost, as ``values`` are; None where that is not
            known (`pipeline.tune.expected`).
    """

    number: int
    batch_size: int
    learning_rate: float
    values: tuple[float, ...]
    reached: bool
    expected: float | None = None


@dataclass(frozen=True)
class Answer:
    """What a tune found.

    Attributes:
        question: What was asked.
        study: Name of the study.
        trials: How many ended ``complete``, ``pruned`` and ``fail``.
        best: Of one objective the best settings, best first, by what they are expected to cost
            where that is known; of two the Pareto front, in order of the first.
    """

    question: Question
    study: str
    trials: dict[str, int]
    best: tuple[Found, ...]

    def document(self) -> dict[str, Any]:
        """As JSON: values in the objectives' own units."""
        return {
            "study": self.study,
            "model": self.question.model,
            "objectives": list(self.question.objectives),
            "goal": {"quantity": self.question.quantity, "level": self.question.goal},
            "trials": self.trials,
            "best": [
                {
                    "number": found.number,
                    "batch_size": found.batch_size,
                    "learning_rate": found.learning_rate,
                    "reached": found.reached,
                    "values": {
                        name: plain(name, value)
                        for name, value in zip(self.question.objectives, found.values, strict=True)
                    },
                    "expected": None
                    if found.expected is None
                    else plain(self.question.objectives[0], found.expected),
                }
                for found in self.best
            ],
        }

    def text(self) -> str:
        """As a table for people."""
        counts = ", ".join(f"{number:,} {state}" for state, number in self.trials.items())
        front = len(self.question.objectives) > 1
        lines = [
            f"{self.study}: {counts}",
            "Pareto front, one setting a line" if front else "best settings, best first",
            f"{'batch size':>10}  {'learning rate':>13}  {self._columns()}",
            *(self._row(found) for found in self.best),
        ]
        return "\n".join(lines)

    def _columns(self) -> str:
        known = any(found.expected is not None for found in self.best)
        return ("expected (its own trial) " if known else "") + ", ".join(self.question.objectives)

    def _row(self, found: Found) -> str:
        short = set(self.question.objectives) & TO_GOAL and not found.reached
        worth = shown(self.question, found.values)
        if found.expected is not None:
            worth = f"{shown(self.question, (found.expected,))} ({worth})"
        note = "  (goal not reached; penalty included)" if short else ""
        return f"{found.batch_size:>10,}  {found.learning_rate:>13.4g}  {worth}{note}"


def answer(study: Study, question: Question) -> Answer:
    """What a study found so far.

    Args:
        study: Optuna's.
        question: What it asks.

    Returns:
        The answer.

    Raises:
        ValueError: If no trial has a value.
    """
    trials = finished(study)
    counts = Counter(trial.state.name.lower() for trial in trials)
    complete = [
        trial for trial in trials if trial.values is not None and trial.state.name == "COMPLETE"
    ]
    if not complete:
        why = next((t.user_attrs[MESSAGE] for t in trials if MESSAGE in t.user_attrs), "")
        raise ValueError(
            f"study {study.study_name}: none of {len(trials)} trials ended with a value"
            + (f": {why}" if why else "; give it more trials or time")
        )
    if len(question.objectives) > 1:
        numbers = {trial.number for trial in study.best_trials}
        best = sorted((t for t in complete if t.number in numbers), key=lambda t: t.values)
        found = tuple(_found(trial, None) for trial in best)
    else:
        found = _ranked(complete, expected(question, trials) or {})
    return Answer(question, study.study_name, dict(sorted(counts.items())), found)


def best_so_far(study: Study, question: Question) -> Told | None:
    """The best trial of earlier calls; None of two objectives, where none is."""
    complete = [t for t in finished(study) if t.state.name == "COMPLETE"]
    if not complete or len(question.objectives) > 1:
        return None
    best = min(complete, key=lambda trial: trial.values)
    batch_size, rate = best.params["batch_size"], best.params["learning_rate"]
    return Told(batch_size, rate, best.user_attrs[ENDED], tuple(best.values))


def _ranked(complete: Sequence[FrozenTrial], expects: Mapping[int, float]) -> tuple[Found, ...]:
    """The best settings, each once: by what is expected of them, else by what they measured."""
    found = [_found(trial, expects.get(trial.number)) for trial in complete]
    found.sort(key=lambda f: f.values if f.expected is None else (f.expected,))
    unlike = {(f.batch_size, f.learning_rate): f for f in reversed(found)}
    return tuple(f for f in found if f in unlike.values())[:_SHOWN]


def _found(trial: FrozenTrial, expects: float | None) -> Found:
    return Found(
        trial.number,
        trial.params["batch_size"],
        float(f"{trial.params['learning_rate']:.6g}"),
        tuple(trial.values),
        bool(trial.user_attrs.get(REACHED)),
        expects,
    )
