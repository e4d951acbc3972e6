"""An advice as lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.intervals import Interval
from pipeline.study.wording import table
from pipeline.wording import FORMULAS, number, span

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["advice_lines"]

Json = dict[str, Any]

_UNITS: Final = {"error": "validation error", "loss": "validation loss"}


def advice_lines(found: Json) -> list[str]:
    """Settings, a line a batch size, and what holds for the model as a whole."""
    smallest, largest = found["measured"]
    head = ["batch size", "learning rate", "steps", "examples", "seconds alone", "remark"]
    rows = [
        [
            f"{row['batch_size']:,}",
            *(_span(row[key]) for key in ("learning_rate", "steps", "examples", "seconds")),
            _remark(row, found),
        ]
        for row in found["settings"]
    ]
    return [
        f"{found['model']} on {found['dataset']}: {_UNITS[found['quantity']]} at most "
        f"{found['goal']:g}, {100 * found['confidence']:.4g} % intervals",
        "",
        *table(head, rows),
        "",
        f"measured: batch sizes {smallest:,} to {largest:,}; "
        + (f"seconds on {found['machine']}" if found["machine"] else "not timed on this machine"),
        f"largest batch size within 20 % of the fewest examples: {_within(found)}",
        f"fastest in wall time: {_batch_size(found['fastest'])}; fewest examples: "
        f"{_batch_size(found['fewest_examples'])}",
        f"rule of the learning rate: {_rule(found['rule'])}",
    ]


def _remark(row: Json, found: Json) -> str:
    smallest, largest = found["measured"]
    if row["source"] == "outside":
        return (
            f"outside the measured batch sizes {smallest:,} to {largest:,}: nothing is known; add "
            "it to sweep.batch_sizes"
        )
    said: list[str] = []
    if row["source"] == "interpolated":
        said.append("interpolated between measured batch sizes")
    elif row["reached"] < row["replicates"]:
        said.append(f"{row['reached']} of {row['replicates']} replicates reached the goal")
    if row["edge"]:
        said.append(f"at the {row['edge']} edge of what was tried")
    return "; ".join(said)


def _span(numbers: Mapping[str, float | None]) -> str:
    return span(Interval(numbers["value"], numbers["low"], numbers["high"]))


def _within(found: Json) -> str:
    bounded = found["within_20_percent"]
    if bounded["bound"] == "lower":
        return f"at least {number(bounded['low'])}"
    if bounded["bound"] == "upper":
        return f"at most {number(bounded['high'])}"
    return _span(bounded)


def _batch_size(size: int | None) -> str:
    return "not resolved" if size is None else f"batch size {size:,}"


def _rule(rule: Json) -> str:
    best = rule["best"]
    return f"{best}, {FORMULAS[best]}" if best else f"not resolved ({rule['reason']})"
