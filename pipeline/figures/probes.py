"""Gradient noise scale and sharpness along training, per model and batch size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import altair as alt

from pipeline.figures.axes import log_domain, log_y
from pipeline.figures.figure import Figure, absent, data, hover, side_by_side
from pipeline.figures.palette import NEUTRAL, size_colour
from pipeline.wording import UNRESOLVED, number, span

if TYPE_CHECKING:
    from pipeline.figures.evidence import CellEstimate, Study

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
_NOTHING: Final = "confirm has measured none; confirm.probes in params.yaml says what it measures"


def noise_scale(study: Study) -> Figure:
    """Draw B_simple against examples processed, both axes logarithmic, a panel per model."""
    caption = (
        "Mean trace of the gradient's covariance over its mean squared norm, at the tuned learning "
        "rate, from gradients of single examples of the training split, which don't depend on the "
        "batch size trained with (of batches of examples where a network couples them). Bars: "
        f"{study.estimates.interval_name} over replicates. Where the squared norm is not above its "
        "own error the ratio is not resolved, and nothing is drawn."
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
    drawn = [row for row in rows if row["value"] is not None]
    if not drawn:
        return Figure(measure, title, subtitle, caption, f"{title}: {_NOTHING}.", None, _NOTHING)
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
            "value": found.value,
            "low": found.low if found.low is None or found.low > 0 else None,
            "high": found.high,
            "said": span(found),
            "limit": cell.probes.stability_limit,
        }
        for probe in cell.probes.along
        if probe.examples
        for found in [probe.noise_scale if measure == "noise_scale" else probe.sharpness]
    ]


def _layers(
    study: Study, measure: Measure, rows: list[Row], all_rows: list[Row]
) -> list[alt.Chart]:
    known = [row for row in rows if row["value"] is not None]
    if not known:
        return [absent(UNRESOLVED)]
    values = [row["value"] for row in all_rows if row["value"] is not None]
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

    whole = [row for row in rows if None not in {row["low"], row["high"]}]
    dashed = alt.Chart(data([{"limit": limit} for limit in limits]))
    return [
        dashed.mark_rule(color=NEUTRAL, strokeDash=[6, 5]).encode(
            y=log_y("limit", _AXES[measure], domain)
        ),
        layer(whole, "low").mark_rule(opacity=0.5, clip=True).encode(y2="high:Q"),
        layer(known).mark_line(strokeWidth=1.5, clip=True),
        layer(known).mark_point(filled=True, size=35, opacity=1, clip=True),
    ]


def _summary(title: str, cells: tuple[CellEstimate, ...], rows: list[Row]) -> str:
    """The last probe of every cell, in words."""
    parts: list[str] = []
    for cell in cells:
        mine = [r for r in rows if (r["model"], r["size"]) == (cell.model, f"{cell.batch_size:,}")]
        if mine:
            value = mine[-1]["value"]
            said = UNRESOLVED if value is None else number(value)
            parts.append(f"{cell.model} at batch size {cell.batch_size:,}: {said} at the end")
    return f"{title}. {'; '.join(parts)}."
