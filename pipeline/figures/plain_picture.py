"""The plain picture: error after a fixed budget, learning rate unchanged and tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt

from pipeline.figures.axes import batch_axis, share_y
from pipeline.figures.figure import Figure, absent, chooser, data, hover, side_by_side
from pipeline.figures.palette import CROSS, NEUTRAL, RULES
from pipeline.wording import percent, span

if TYPE_CHECKING:
    from pipeline.figures.evidence import CellEstimate, Estimates, FixedBudget, Study

__all__ = ["plain_picture"]

Row = dict[str, Any]

_NAME: Final = "plain_picture"
_TITLE: Final = "The plain picture: error against batch size"
_MEASURES: Final = {"test error": "test_error", "validation error": "validation_error"}
_LABELS: Final = {"tuned": "tuned per batch size", "constant": "unchanged"}
_HOVER: Final = {
    "rule:N": "learning rate",
    "batch_size:Q": "batch size",
    "interval:N": "error",
    "share:N": "diverged",
}
_END: Final = "the full budget"


def plain_picture(study: Study) -> Figure:
    """Draw error after the study's epochs, at unchanged and at tuned learning rate, per model."""
    estimates = study.estimates
    epochs = f"{estimates.epochs:g} epochs"
    subtitle = f"{estimates.dataset}: test error after {epochs}"
    unchanged = any("constant" in cell.plain for cell in estimates.cells)
    caption = (
        "Confirm's runs. Squares: the learning rate tuned at batch size "
        f"{estimates.reference_batch_size:,} (grey line), carried unchanged to every other. "
        f"Circles: tuned at every batch size, for the fewest steps to {estimates.goal_quantity} "
        f"{estimates.level()} and not for this error: where the epochs are a few steps only, an "
        f"unchanged learning rate can look better. Bars: {estimates.interval_name} of the mean "
        "over replicates that did not diverge. Crosses at the top: how many did. The full budget "
        "is longer than the epochs where those would be fewer than the least number of steps. The "
        "error axis is square-root."
        + ("" if unchanged else " Confirm trained nothing at an unchanged learning rate.")
    )
    rows = [row for cell in estimates.cells for row in _rows(cell, epochs)]
    drawn = [row for row in rows if row["error"] is not None or row["diverged"]]
    if not drawn:
        reason = "no confirmed trial of the rules tuned and constant has a result"
        return Figure(_NAME, _TITLE, subtitle, caption, f"{_TITLE}: {reason}.", None, reason)
    chart = side_by_side(
        {model: _panel(estimates, drawn, model) for model in estimates.models},
        chooser("measure", "Show", list(_MEASURES)),
        chooser("moment", "After", [epochs, _END]),
    )
    return Figure(_NAME, _TITLE, subtitle, caption, _summary(estimates), chart)


def _rows(cell: CellEstimate, epochs: str) -> list[Row]:
    return [
        _row(cell, rule, budget, measure, moment)
        for moment, budgets in ((epochs, cell.plain), (_END, cell.final))
        for rule, budget in budgets.items()
        if rule in _LABELS
        for measure in _MEASURES
    ]


def _row(cell: CellEstimate, rule: str, budget: FixedBudget, measure: str, moment: str) -> Row:
    interval = getattr(budget, _MEASURES[measure])
    return {
        "model": cell.model,
        "batch_size": cell.batch_size,
        "rule": _LABELS[rule],
        "measure": measure,
        "moment": moment,
        "error": interval.value,
        "low": None if interval.low is None else max(interval.low, 0.0),
        "high": interval.high,
        "interval": span(interval, percent),
        "diverged": budget.diverged,
        "share": f"{budget.diverged}/{budget.replicates}",
    }


def _panel(estimates: Estimates, rows: list[Row], model: str) -> list[alt.Chart]:
    x = batch_axis(estimates.batch_sizes)
    values = [row[key] for row in rows for key in ("error", "high") if row[key] is not None]
    mine = [row for row in rows if row["model"] == model]
    shape = alt.Shape("rule:N", title="Learning rate").scale(
        domain=list(_LABELS.values()), range=["circle", "square"]
    )

    def layer(chosen: list[Row], field: str = "error") -> alt.Chart:
        y = share_y(field, "Error (share of examples)", values)
        chart = alt.Chart(data(chosen)).encode(x=x, y=y, color=_colour(), tooltip=hover(_HOVER))
        return chart.transform_filter("datum.measure === measure && datum.moment === moment")

    known = [row for row in mine if row["error"] is not None]
    whole = [row for row in mine if None not in {row["low"], row["high"]}]
    top = layer([row for row in mine if row["diverged"]]).encode(y=alt.YValue(7))
    reference = alt.Chart(data([{"batch_size": estimates.reference_batch_size}]))
    tuned, unchanged = (
        layer([row for row in known if row["rule"] == label]).encode(shape=shape)
        for label in _LABELS.values()
    )
    return [
        reference.mark_rule(color=NEUTRAL, strokeDash=[2, 4]).encode(x=x),
        layer(mine).mark_line(strokeWidth=1.5, opacity=0.7, aria=False),
        layer(whole, "low").mark_rule(strokeWidth=2).encode(y2="high:Q"),
        tuned.mark_point(filled=True, size=60, opacity=1),
        unchanged.mark_point(filled=False, size=90, strokeWidth=2, opacity=1),
        top.mark_point(shape=CROSS, size=22, strokeWidth=2, opacity=1),
        top.mark_text(dy=13, fontSize=10).encode(text="share:N"),
        *([] if mine else [absent("no confirmed trial")]),
    ]


def _colour() -> alt.Color:
    return (
        alt
        .Color("rule:N", title="Learning rate")
        .scale(domain=list(_LABELS.values()), range=list(RULES.values()))
        .legend(symbolOpacity=1)
    )


def _summary(estimates: Estimates) -> str:
    spoken = [
        f"{cell.model} at batch size {cell.batch_size:,}, "
        f"{_LABELS[rule]}: {span(cell.plain[rule].test_error, percent)}"
        for cell in estimates.cells
        for rule in _LABELS
        if rule in cell.plain
    ]
    return f"Test error after {estimates.epochs:g} epochs. {'; '.join(spoken)}."
