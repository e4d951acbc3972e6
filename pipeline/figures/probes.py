"""Gradient noise scale and sharpness along training, per model and batch size."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Literal

import altair as alt

from pipeline.figures.axes import log_domain, log_y
from pipeline.figures.figure import Figure, absent, data, hover, side_by_side
from pipeline.figures.palette import NEUTRAL, size_colour
from pipeline.intervals import Interval
from pipeline.wording import UNRESOLVED, number, span

if TYPE_CHECKING:
    from pipeline.figures.evidence import CellEstimate, Study
    from pipeline.figures.probe_evidence import Probe

__all__ = ["noise_scale", "sharpness"]

Row = dict[str, Any]
Measure = Literal["noise_scale", "sharpness"]

_TITLES: Final = {
    "noise_scale": "Gradient noise scale along training",
    "sharpness": "Sharpness along training",
}
_AXES: Final = {
    "noise_scale": "Gradient noise scale (examples)",
    "sharpness": "Learning rate × largest curvature",
}
_NOTHING: Final = "confirm has measured none; confirm.probes says what, probes.parquet why not"
_OPEN: Final = "at no probe is it resolved over confirm's replicates"


def noise_scale(study: Study) -> Figure:
    """Draw B_simple against examples processed, both axes logarithmic, a panel per model."""
    caption = (
        "Mean trace of the gradient's covariance over its mean squared norm, at the tuned learning "
        "rate, from gradients of single examples of the training split, which don't depend on the "
        "batch size trained with (of batches of examples where a network couples them). Bars: "
        f"{study.estimates.interval_name} over replicates. Where the squared norm is not above its "
        "own error the ratio has no upper limit: a hollow triangle is then its lower one; where "
        "that is unknown too, nothing is drawn."
    )
    return _figure(study, "noise_scale", caption)


def sharpness(study: Study) -> Figure:
    """Draw η·λ_max against examples processed, both axes logarithmic, a panel per model."""
    caption = (
        "Largest eigenvalue of the loss's Hessian, with weight decay, times the tuned learning "
        f"rate. Bars: {study.estimates.interval_name} over replicates. Above the dashed line, full "
        "batches would diverge on a quadratic; small batches break down below it."
    )
    return _figure(study, "sharpness", caption)


def _figure(study: Study, measure: Measure, caption: str) -> Figure:
    estimates, title = study.estimates, _TITLES[measure]
    rows = [row for cell in estimates.cells for row in _rows(cell, measure)]
    subtitle = f"{estimates.dataset}: tuned learning rate at every batch size"
    if not any(row[at] is not None for row in rows for at in ("value", "bound")):
        tried = measure == "noise_scale" and any(row["replicates"] for row in rows)
        reason = _OPEN if tried else _NOTHING
        return Figure(measure, title, subtitle, caption, f"{title}: {reason}.", None, reason)
    panels = {
        model: _layers(study, measure, [row for row in rows if row["model"] == model], rows)
        for model in estimates.models
    }
    chart = side_by_side(panels)
    return Figure(measure, title, subtitle, caption, _summary(title, estimates.cells, rows), chart)


def _rows(cell: CellEstimate, measure: Measure) -> list[Row]:
    """Points after step 0, which a log axis has no place for."""
    if cell.probes is None:
        return []
    return [
        {
            "model": cell.model,
            "size": f"{cell.batch_size:,}",
            "examples": probe.examples,
            **_shown(probe, measure),
            "limit": cell.probes.stability_limit,
        }
        for probe in cell.probes.along
        if probe.examples
    ]


def _shown(probe: Probe, measure: Measure) -> Row:
    """A mean with its interval; of a noise scale without upper limit the lower limit alone."""
    found = probe.noise_scale if measure == "noise_scale" else probe.sharpness
    bound = None
    if measure == "noise_scale" and found.high is None:
        bound = found.low or None  # at least 0 says nothing, and a log axis has no place for it
        found = Interval(low=bound)
    return {**asdict(found), "bound": bound, "said": span(found), "replicates": probe.replicates}


def _layers(
    study: Study, measure: Measure, rows: list[Row], all_rows: list[Row]
) -> list[alt.Chart]:
    known = [row for row in rows if row["value"] is not None]
    bounds = [row for row in rows if row["bound"] is not None]
    if not known and not bounds:
        return [absent(UNRESOLVED)]
    values = [row[at] for row in all_rows for at in ("value", "bound") if row[at] is not None]
    limits = sorted({row["limit"] for row in rows if row["limit"] is not None})
    limits = limits if measure == "sharpness" else []
    domain = log_domain([*values, *limits])
    x = (
        alt
        .X("examples:Q", title="Examples processed")
        .scale(
            type="log", domain=list(log_domain([row["examples"] for row in all_rows])), nice=False
        )
        .axis(format="~s", labelOverlap="greedy")
    )

    def layer(chosen: list[Row], field: str = "value") -> alt.Chart:
        chart = alt.Chart(data(chosen)).encode(x=x, y=log_y(field, _AXES[measure], domain))
        titles = {"size:N": "batch size", "examples:Q": "examples processed", "said:N": measure}
        colour = size_colour(study.estimates.batch_sizes)
        return chart.encode(color=colour, tooltip=hover(titles))

    bars = [
        {**row, "low": max(row["low"], domain[0])}  # down to the axis where it may be 0
        for row in known
        if row["low"] is not None and row["high"] > 0
    ]
    dashed = alt.Chart(data([{"limit": limit} for limit in limits]))
    return [
        dashed.mark_rule(color=NEUTRAL, strokeDash=[6, 5]).encode(
            y=log_y("limit", _AXES[measure], domain)
        ),
        layer(bars, "low").mark_rule(opacity=0.5, clip=True).encode(y2="high:Q"),
        layer(rows).mark_line(strokeWidth=1.5, clip=True),
        layer(known).mark_point(filled=True, size=35, opacity=1, clip=True),
        layer(bounds, "bound").mark_point(shape="triangle-up", size=40, opacity=1, clip=True),
    ]


def _summary(title: str, cells: tuple[CellEstimate, ...], rows: list[Row]) -> str:
    """The last probe of every cell, in words."""
    parts: list[str] = []
    for cell in cells:
        mine = [r for r in rows if (r["model"], r["size"]) == (cell.model, f"{cell.batch_size:,}")]
        if mine:
            value = mine[-1]["value"]
            said = mine[-1]["said"] if value is None else number(value)
            parts.append(f"{cell.model} at batch size {cell.batch_size:,}: {said} at the end")
    return f"{title}. {'; '.join(parts)}."
