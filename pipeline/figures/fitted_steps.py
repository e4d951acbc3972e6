"""A user's own steps to a goal against batch size, the fits, and the critical batch sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt
import numpy as np

from pipeline.figures.axes import batch_axis, log_domain, log_y
from pipeline.figures.figure import Figure, data
from pipeline.figures.palette import NEUTRAL, model_colour, model_shape
from pipeline.wording import UNRESOLVED, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.bounded import Bounded
    from pipeline.replicates import Replicates
    from pipeline.trade_off import TradeOff

__all__ = ["fitted_steps"]

Row = dict[str, Any]

_NAME: Final = "fitted_steps"
_TITLE: Final = "Steps to goal against batch size"
_WIDTH: Final = 640  # pixels of either panel
_HEIGHT: Final = 340
_ROW: Final = 14  # pixels of one interval
_POINTS: Final = 80  # of a curve


def fitted_steps(
    measured: Mapping[str, Replicates],
    fits: Mapping[str, TradeOff],
    confidence: float,
    space: str,
) -> Figure:
    """Draw the measurements with their hyperbolas, and below them what is critical by whom.

    Args:
        measured: Replicates by model.
        fits: Their fits.
        confidence: Level of the intervals.
        space: What the hyperbola's residuals are differences of.

    Returns:
        Two panels over the same batch sizes.
    """
    level = f"{100 * confidence:.4g} % intervals"
    subtitle = f"hyperbolas fitted in {space} steps; below, critical batch sizes with {level}"
    caption = (
        "Marks: one replicate each; a hollow triangle had not reached the goal at its last step. "
        "Lines: the fitted hyperbolas. Below: a dot is an estimate, a bar its interval; a bar "
        "without an end of its own is a bound that runs to the edge."
    )
    names = list(fits)
    sizes = sorted({int(size) for rows in measured.values() for size in rows.size})
    cloud = [row for model in names for row in _replicates(model, measured[model])]
    if not cloud:
        reason = "no replicate took a finite number of steps"
        return Figure(_NAME, _TITLE, subtitle, caption, f"{_TITLE}: {reason}.", None, reason)
    curves = [row for model in names for row in _curve(model, fits[model], measured[model])]
    panels = [_steps(names, sizes, cloud, curves), _critical(names, sizes, fits)]
    chart = alt.ConcatChart(concat=panels, columns=1, spacing=24)
    return Figure(_NAME, _TITLE, subtitle, caption, _summary(fits), chart)


def _replicates(model: str, rows: Replicates) -> list[Row]:
    return [
        {"model": model, "batch_size": int(size), "steps": float(steps), "kind": str(kind)}
        for size, steps, kind in zip(*rows[:3], strict=True)
        if kind in {"reached", "censored"}
    ]


def _curve(model: str, fit: TradeOff, rows: Replicates) -> list[Row]:
    fewest, examples = fit.s_min.value, fit.e_min.value
    if fewest is None or examples is None:
        return []
    sizes = np.geomspace(int(rows.size.min()), int(rows.size.max()), _POINTS)
    return [
        {"model": model, "batch_size": size, "steps": fewest + examples / size}
        for size in map(float, sizes)
    ]


def _steps(
    names: Sequence[str], sizes: Sequence[int], cloud: list[Row], curves: list[Row]
) -> alt.LayerChart:
    domain = log_domain(row["steps"] for row in [*cloud, *curves])
    y = log_y("steps", "Steps to goal (optimiser steps)", domain)

    def layer(rows: list[Row]) -> alt.Chart:
        return alt.Chart(data(rows)).encode(x=batch_axis(sizes), y=y, color=model_colour(names))

    reached = layer([row for row in cloud if row["kind"] == "reached"])
    censored = layer([row for row in cloud if row["kind"] == "censored"])
    return alt.LayerChart(
        layer=[
            layer(curves).mark_line(strokeWidth=1.5, opacity=0.8),
            reached.mark_point(filled=True, size=40, opacity=0.6).encode(shape=model_shape(names)),
            censored.mark_point(shape="triangle-up", size=50),
        ],
        width=_WIDTH,
        height=_HEIGHT,
    )


def _critical(
    names: Sequence[str], sizes: Sequence[int], fits: Mapping[str, TradeOff]
) -> alt.LayerChart:
    rows = [row for model in names for row in _intervals(model, fits[model], sizes)]
    order = ["hyperbola", "slope_half", "overhead20"]
    labels = [f"{name}: {model}" for name in order for model in names]
    y = alt.Y("label:N", title=None).scale(domain=labels).axis(labelLimit=240, grid=False)
    x = batch_axis(sizes)
    chart = alt.Chart(data(rows)).encode(y=y, color=model_colour(names))
    bars = chart.mark_rule(strokeWidth=2, clip=True).encode(
        x=x.copy().title("Critical batch size (examples per step)"), x2="high:Q"
    )
    known = alt.Chart(data([row for row in rows if row["value"] is not None]))
    dots = known.mark_point(filled=True, size=60, opacity=1, clip=True).encode(
        x=alt.X("value:Q"), y=y, color=model_colour(names), shape=model_shape(names)
    )
    open_ended = alt.Chart(data([row for row in rows if row["bound"]]))
    marks = open_ended.mark_text(fontSize=11, dy=-6, align="left", clip=True, color=NEUTRAL).encode(
        x=alt.X("at:Q"), y=y, text="said:N"
    )
    height = _ROW * len(labels) + 10
    return alt.LayerChart(layer=[bars, dots, marks], width=_WIDTH, height=height)


def _intervals(model: str, fit: TradeOff, sizes: Sequence[int]) -> list[Row]:
    first, last = log_domain(sizes, 1.35)
    critical = fit.b_crit
    named = {
        "hyperbola": critical.hyperbola,
        "slope_half": critical.slope_half,
        "overhead20": critical.overhead20,
    }
    return [
        {
            "label": f"{name}: {model}",
            "model": model,
            "batch_size": first if answer.low is None else max(answer.low, first),
            "high": last if answer.high is None else min(answer.high, last),
            "value": answer.value,
            "at": first if answer.low is None else max(answer.low, first),
            "bound": answer.bound,
            "said": _said(answer),
        }
        for name, answer in named.items()
        if answer.resolved
    ]


def _said(answer: Bounded) -> str:
    if answer.bound == "lower" and answer.low is not None:
        return f"at least {number(answer.low)}"
    if answer.bound == "upper" and answer.high is not None:
        return f"at most {number(answer.high)}"
    if answer.value is None or answer.low is None or answer.high is None:
        return UNRESOLVED
    return f"{number(answer.value)} ({number(answer.low)} to {number(answer.high)})"


def _summary(fits: Mapping[str, TradeOff]) -> str:
    spoken = [f"{model}: {_said(fit.b_crit.hyperbola)}" for model, fit in fits.items()]
    return f"{_TITLE}. Critical batch sizes: {'; '.join(spoken)}."
