"""What the curves to a goal are drawn from: means, replicates, fits, perfect scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from pipeline.wording import number, span

if TYPE_CHECKING:
    from pipeline.figures.evidence import Study
    from pipeline.intervals import Interval

__all__ = ["FIT", "PERFECT", "Measure", "Row", "fits", "means", "perfect_scaling", "replicates"]

Row = dict[str, Any]
Measure = Literal["steps", "examples"]

FIT: Final = "fitted hyperbola"
PERFECT: Final = "perfect scaling"
_CURVE_POINTS: Final = 60


def means(study: Study, measure: Measure) -> list[Row]:
    """Geometric means over replicates, of every cell and goal that has one."""
    estimates, rows = study.estimates, list[Row]()
    for cell in estimates.cells:
        for goal in cell.goals:
            interval: Interval = getattr(goal, measure)
            if interval.value is not None:
                rows.append({
                    "model": cell.model,
                    "batch_size": cell.batch_size,
                    "goal": estimates.level(goal.goal),
                    measure: interval.value,
                    "low": interval.low,
                    "high": interval.high,
                    "interval": span(interval),
                    "reached": f"{goal.reached} of {goal.replicates}",
                })
    return rows


def replicates(study: Study, measure: Measure) -> list[Row]:
    """Every replicate that did not fail; those short of a goal at their last evaluation."""
    table = study.confirmed[study.confirmed["kind"] != "missing"]
    return [
        {
            "model": row["model"],
            "batch_size": row["batch_size"],
            "goal": study.estimates.level(row["goal"]),
            "replicate": row["replicate"],
            measure: row["steps"] * _factor(row["batch_size"], measure),
            "kind": row["kind"],
            "said": _said(row["kind"], row["steps"] * _factor(row["batch_size"], measure)),
        }
        for row in table.to_dict("records")
    ]


def fits(study: Study, measure: Measure, marks: list[Row]) -> list[Row]:
    """The hyperbolas, each from the smallest to the largest batch size that reached the goal."""
    rows = list[Row]()
    for model in study.estimates.models:
        for fit in study.estimates.trade_offs[model]:
            own = (model, study.estimates.level(fit.goal))
            sizes: list[int] = [
                row["batch_size"] for row in marks if (row["model"], row["goal"]) == own
            ]
            fewest, examples = fit.s_min.interval.value, fit.e_min.interval.value
            if len(sizes) < 2 or fewest is None or examples is None:
                continue
            rows += [
                {
                    "model": model,
                    "batch_size": size,
                    "goal": own[1],
                    measure: _hyperbola(fewest, examples, size, measure),
                    "line": FIT,
                }
                for size in map(float, np.geomspace(min(sizes), max(sizes), _CURVE_POINTS))
            ]
    return rows


def _hyperbola(fewest: float, examples: float, size: float, measure: Measure) -> float:
    """S(B) = s_min + e_min/B, and E(B) = B·S(B) (McCandlish et al. 2018, arXiv 1812.06162)."""
    steps = fewest + examples / size
    return steps if measure == "steps" else steps * size


def perfect_scaling(study: Study, measure: Measure, marks: list[Row]) -> list[Row]:
    """One line per goal, through the models' geometric mean at the smallest size measured."""
    rows, sizes = list[Row](), study.estimates.batch_sizes
    for goal in map(study.estimates.level, study.estimates.goals):
        mine = [row for row in marks if row["goal"] == goal]
        first = min((row["batch_size"] for row in mine), default=0)
        here = [row[measure] for row in mine if row["batch_size"] == first]
        for size in sizes if here and len(sizes) > 1 else ():
            height = float(np.exp(np.mean(np.log(here))))
            scaled = height * first / size if measure == "steps" else height
            rows.append({"batch_size": size, "goal": goal, measure: scaled, "line": PERFECT})
    return rows


def _factor(batch_size: int, measure: Measure) -> int:
    return batch_size if measure == "examples" else 1


def _said(kind: str, value: float) -> str:
    if kind == "infinite":
        return "never: diverged"
    return number(value) if kind == "reached" else f"more than {number(value)}"
