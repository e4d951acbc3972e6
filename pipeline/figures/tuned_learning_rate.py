"""The tuned learning rate against batch size, and what confirm made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt

from pipeline.figures.axes import RATE_TITLE, batch_axis, log_domain, log_y
from pipeline.figures.figure import Figure, data, hover, single
from pipeline.figures.palette import NEUTRAL, model_colour, model_shape
from pipeline.wording import number, said, span

if TYPE_CHECKING:
    from pipeline.figures.evidence import Study

__all__ = ["tuned_learning_rate"]

Row = dict[str, Any]

_NAME: Final = "tuned_learning_rate"
_TITLE: Final = "Tuned learning rate against batch size"
_APART: Final = 9.0  # pixels between models at one batch size
_HOVER: Final = {
    "model:N": "model",
    "batch_size:Q": "batch size",
    "interval:N": "tuned learning rate",
    "trained:N": "confirmed at",
    "where:N": "place in the box",
}


def tuned_learning_rate(study: Study) -> Figure:
    """Draw the learning rate of fewest steps to the hardest goal, both axes logarithmic."""
    estimates = study.estimates
    subtitle = f"{estimates.dataset}: fewest steps to {estimates.goal_quantity} {estimates.level()}"
    caption = (
        f"Filled marks: where the sweep puts the optimum; bars: its {estimates.interval_name}. "
        "Hollow marks lie at an edge of the learning rates tried, so the optimum may lie beyond. "
        "Short horizontal ticks: the rounded learning rate that confirm trained. Dotted lines: "
        "the box. Models stand side by side at each batch size, so that their bars stay apart."
    )
    rows = _rows(study)
    if not rows:
        reason = "no cell has a tuned learning rate"
        return Figure(_NAME, _TITLE, subtitle, caption, f"{_TITLE}: {reason}.", None, reason)
    chart = single(_layers(study, rows))
    return Figure(_NAME, _TITLE, subtitle, caption, _summary(rows), chart)


def _rows(study: Study) -> list[Row]:
    return [
        {
            "model": cell.model,
            "batch_size": cell.batch_size,
            "learning_rate": cell.tuned.rate.value,
            "low": cell.tuned.rate.low,
            "high": cell.tuned.rate.high,
            "confirmed": cell.tuned.confirmed,
            "trained": said(cell.tuned.confirmed, "not trained"),
            "edge": cell.tuned.edge,
            "where": f"at the {cell.tuned.edge} edge tried" if cell.tuned.edge else "inside",
            "interval": span(cell.tuned.rate),
        }
        for cell in study.estimates.cells
        if cell.tuned is not None and cell.tuned.rate.value is not None
    ]


def _layers(study: Study, rows: list[Row]) -> list[alt.Chart]:
    numbers = [row[key] for row in rows for key in ("learning_rate", "low", "high", "confirmed")]
    domain = log_domain([*study.box, *(value for value in numbers if value is not None)])
    box = alt.Chart(data([{"learning_rate": edge} for edge in study.box]))
    models = study.estimates.models
    return [
        box.mark_rule(color=NEUTRAL, strokeDash=[2, 4]).encode(y=_rate("learning_rate", domain)),
        *(
            layer
            for place, model in enumerate(models)
            for layer in _model(
                study,
                [row for row in rows if row["model"] == model],
                domain,
                (place - (len(models) - 1) / 2) * min(_APART, 4 * _APART / len(models)),
            )
        ),
    ]


def _model(
    study: Study, rows: list[Row], domain: tuple[float, float], aside: float
) -> list[alt.Chart]:
    """One model's marks, ``aside`` pixels beside its batch sizes so that bars stay apart."""
    x = batch_axis(study.estimates.batch_sizes, 2.0)
    colour, shape = model_colour(study.estimates.models), model_shape(study.estimates.models)

    def layer(chosen: list[Row], field: str = "learning_rate") -> alt.Chart:
        chart = alt.Chart(data(chosen)).encode(x=x, y=_rate(field, domain), color=colour)
        return chart.encode(tooltip=hover(_HOVER))

    whole = [row for row in rows if None not in {row["low"], row["high"]}]
    inside = layer([row for row in rows if not row["edge"]]).encode(shape=shape)
    edges = layer([row for row in rows if row["edge"]]).encode(shape=shape)
    confirmed = layer([row for row in rows if row["confirmed"] is not None], "confirmed")
    return [
        layer(rows).mark_line(strokeWidth=1, opacity=0.4, xOffset=aside),
        layer(whole, "low").mark_rule(strokeWidth=2, xOffset=aside).encode(y2="high:Q"),
        confirmed.mark_tick(orient="horizontal", size=16, thickness=2, xOffset=aside),
        inside.mark_point(filled=True, size=65, opacity=1, xOffset=aside),
        edges.mark_point(filled=False, size=90, strokeWidth=2, opacity=1, xOffset=aside),
    ]


def _rate(field: str, domain: tuple[float, float]) -> alt.Y:
    return log_y(field, RATE_TITLE, domain, form="~g")


def _summary(rows: list[Row]) -> str:
    spoken = [
        f"{row['model']} at batch size {row['batch_size']:,}: {number(row['learning_rate'])}"
        + (f" ({row['where']})" if row["edge"] else "")
        for row in rows
    ]
    return f"{_TITLE}. {'; '.join(spoken)}."
