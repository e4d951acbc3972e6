"""The tables behind DVC's plots, which compare studies between commits."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.figures.evidence import Estimates

__all__ = ["plots"]

Row = dict[str, Any]

_PLAIN: Final = ("constant", "tuned")


def plots(estimates: Estimates) -> dict[str, str]:
    """CSV text by file stem; a row without a number keeps its place with an empty field.

    Steps are optimiser steps, examples and batch sizes are examples, errors are shares.
    """
    return {
        "steps_to_goal": _csv(
            ("model", "rule", "batch_size", "steps", "low", "high", "reached", "replicates"),
            _steps(estimates),
        ),
        "tuned_learning_rate": _csv(
            ("model", "rule", "batch_size", "learning_rate", "low", "high", "edge", "confirmed"),
            _rates(estimates),
        ),
        "plain_picture": _csv(
            ("model", "rule", "batch_size", "test_error", "low", "high", "replicates", "diverged"),
            _errors(estimates),
        ),
    }


def _steps(estimates: Estimates) -> list[Row]:
    return [
        {
            "model": cell.model,
            "rule": "tuned",
            "batch_size": cell.batch_size,
            "steps": goal.steps.value,
            "low": goal.steps.low,
            "high": goal.steps.high,
            "reached": goal.reached,
            "replicates": goal.replicates,
        }
        for cell in estimates.cells
        for goal in [cell.goal(estimates.hardest)]
        if goal is not None
    ]


def _rates(estimates: Estimates) -> list[Row]:
    return [
        {
            "model": cell.model,
            "rule": "tuned",
            "batch_size": cell.batch_size,
            "learning_rate": cell.tuned.rate.value,
            "low": cell.tuned.rate.low,
            "high": cell.tuned.rate.high,
            "edge": cell.tuned.edge,
            "confirmed": cell.tuned.confirmed,
        }
        for cell in estimates.cells
        if cell.tuned is not None
    ]


def _errors(estimates: Estimates) -> list[Row]:
    """After the study's epochs, learning rate unchanged and tuned."""
    return [
        {
            "model": cell.model,
            "rule": rule,
            "batch_size": cell.batch_size,
            "test_error": budget.test_error.value,
            "low": budget.test_error.low,
            "high": budget.test_error.high,
            "replicates": budget.replicates,
            "diverged": budget.diverged,
        }
        for cell in estimates.cells
        for rule, budget in cell.plain.items()
        if rule in _PLAIN
    ]


def _csv(columns: Sequence[str], rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
