"""Confirmed steps, and examples, to a goal against batch size, with the fitted hyperbola."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import altair as alt

from pipeline.figures.axes import batch_axis, log_domain, log_y
from pipeline.figures.figure import Figure, chooser, data, hover, single
from pipeline.figures.goal_rows import (
    FIT,
    PERFECT,
    Measure,
    Row,
    fits,
    means,
    perfect_scaling,
    replicates,
)
from pipeline.figures.palette import CROSS, NEUTRAL, model_colour, model_shape
from pipeline.wording import UNRESOLVED, ends, number

if TYPE_CHECKING:
    from pipeline.figures.evidence import Study

__all__ = ["examples_to_goal", "steps_to_goal"]

_DASHES: Final = {FIT: [1, 0], PERFECT: [6, 5]}
_UNITS: Final = {"steps": "optimiser steps", "examples": "examples processed"}
_HOVER: Final = {"model:N": "model", "batch_size:Q": "batch size"}
_TOP: Final = alt.YValue(8)  # pixels: where replicates that diverged stand


def steps_to_goal(study: Study) -> Figure:
    """Draw tuned steps to goal against batch size for every model, both axes logarithmic."""
    return _figure(study, "steps", "twice the batch takes half the steps")


def examples_to_goal(study: Study) -> Figure:
    """Draw tuned examples to goal against batch size for every model, both axes logarithmic."""
    return _figure(study, "examples", "a larger batch takes no more examples")


def _figure(study: Study, measure: Measure, perfect: str) -> Figure:
    estimates = study.estimates
    name, title = f"{measure}_to_goal", f"{measure.capitalize()} to goal against batch size"
    subtitle = f"{estimates.dataset}: {estimates.goal_quantity} at most {estimates.level()}"
    caption = (
        f"Learning rate tuned at every batch size for {estimates.level()}, whichever goal is "
        "shown; fresh replicates. Large marks: geometric mean "
        f"over replicates; bars: its {estimates.interval_name}. Faint marks: one replicate each; "
        "a hollow triangle had not reached the goal at its last evaluation, where it stands as a "
        "lower bound, and a cross at the top diverged. Solid lines: the hyperbola fitted to each "
        f"model. Dashed: perfect scaling, where {perfect}, from the "
        "models' mean at the smallest."
    )
    marks, cloud = means(study, measure), replicates(study, measure)
    if not marks and not cloud:
        reason = "no confirmed trial at a tuned learning rate has a result"
        return Figure(name, title, subtitle, caption, f"{title}: {reason}.", None, reason)
    canvas = _Canvas(study, measure, marks, cloud, fits(study, measure, marks))
    return Figure(name, title, subtitle, caption, _summary(study, measure, marks), canvas.chart())


@dataclass(frozen=True)
class _Canvas:
    study: Study
    measure: Measure
    marks: list[Row]
    cloud: list[Row]
    curves: list[Row]

    def chart(self) -> alt.LayerChart:
        estimates = self.study.estimates
        levels = [estimates.level(goal) for goal in reversed(estimates.goals)]
        goal = chooser(
            f"{self.measure}_goal", f"{estimates.goal_quantity.capitalize()} at most", levels
        )
        return single([*self._lines(), *self._cloud(), *self._points(), self._remark()], goal)

    def _lines(self) -> list[alt.Chart]:
        perfect = perfect_scaling(self.study, self.measure, self.marks)
        kinds = [name for name, rows in ((FIT, self.curves), (PERFECT, perfect)) if rows]
        dash = (
            alt
            .StrokeDash("line:N", title=None)
            .scale(domain=kinds, range=[_DASHES[kind] for kind in kinds])
            .legend(symbolStrokeColor=NEUTRAL, symbolType="stroke", symbolSize=200, offset=4)
        )
        return [
            self
            ._layer(perfect)
            .mark_line(color=NEUTRAL, strokeWidth=1.5, clip=True)
            .encode(strokeDash=dash if kinds else alt.Undefined),
            self
            ._layer(self.curves)
            .mark_line(strokeWidth=1.5, opacity=0.8)
            .encode(color=self._colour, strokeDash=dash if kinds else alt.Undefined),
        ]

    def _cloud(self) -> list[alt.Chart]:
        titles = hover({**_HOVER, "replicate:N": "replicate", "said:N": self.measure})
        by_kind = {
            kind: self._layer([row for row in self.cloud if row["kind"] == kind]).encode(
                color=self._colour, tooltip=titles
            )
            for kind in ("reached", "censored", "infinite")
        }
        return [
            by_kind["reached"].mark_point(filled=True, size=28, opacity=0.35),
            by_kind["censored"].mark_point(shape="triangle-up", size=40, opacity=0.7),
            by_kind["infinite"].mark_point(shape=CROSS, size=20, opacity=0.8).encode(y=_TOP),
        ]

    def _points(self) -> list[alt.Chart]:
        whole = [row for row in self.marks if None not in {row["low"], row["high"]}]
        shape = model_shape(self.study.estimates.models)
        titles = {**_HOVER, "interval:N": self.measure, "reached:N": "replicates that reached it"}
        return [
            self
            ._layer(whole, "low")
            .mark_rule(strokeWidth=2)
            .encode(y2="high:Q", color=self._colour),
            self
            ._layer(self.marks)
            .mark_point(filled=True, size=65, opacity=1)
            .encode(color=self._colour, shape=shape, tooltip=hover(titles)),
        ]

    def _remark(self) -> alt.Chart:
        """What to say at goals that have no large mark."""
        levels = map(self.study.estimates.level, self.study.estimates.goals)
        open_goals = {*levels} - {row["goal"] for row in self.marks}
        text = f"{UNRESOLVED}: at no batch size has every replicate reached this goal"
        rows: list[Row] = [{"goal": goal, "text": text} for goal in sorted(open_goals)]
        left = alt.Chart(data(rows)).mark_text(align="left", fontSize=13, fontStyle="italic")
        return left.transform_filter(self._chosen).encode(
            x=alt.XValue(0), y=alt.YValue(-8), text="text:N"
        )

    def _layer(self, rows: list[Row], field: str = "") -> alt.Chart:
        title = f"{self.measure.capitalize()} to goal ({_UNITS[self.measure]})"
        x = batch_axis(self.study.estimates.batch_sizes)
        y = log_y(field or self.measure, title, self._domain)
        return alt.Chart(data(rows)).encode(x=x, y=y).transform_filter(self._chosen)

    @property
    def _chosen(self) -> str:
        return f"datum.goal === {self.measure}_goal"

    @property
    def _colour(self) -> alt.Color:
        return model_colour(self.study.estimates.models)

    @property
    def _domain(self) -> tuple[float, float]:
        rows = [*self.marks, *self.cloud, *self.curves]
        numbers = (row.get(key) for row in rows for key in (self.measure, "low", "high"))
        return log_domain(value for value in numbers if value is not None)


def _summary(study: Study, measure: Measure, marks: list[Row]) -> str:
    """The hardest goal at each model's smallest and largest batch size, in words."""
    estimates, parts = study.estimates, list[str]()
    for model in estimates.models:
        mine = [row for row in marks if (row["model"], row["goal"]) == (model, estimates.level())]
        spoken = [
            f"{number(row[measure])} at batch size {row['batch_size']:,}" for row in ends(mine)
        ]
        parts.append(f"{model}: {', '.join(spoken) or UNRESOLVED}")
    goal = f"{estimates.goal_quantity} at most {estimates.level()}"
    return f"{measure.capitalize()} to {goal}. {'; '.join(parts)}."
