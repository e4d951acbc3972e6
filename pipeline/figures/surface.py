"""The surface: steps to the hardest goal over batch size and learning rate, as a heatmap."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import altair as alt
import numpy as np

from pipeline.figures.axes import RATE_TITLE, batch_band, log_domain, log_y
from pipeline.figures.figure import PANEL_HEIGHT, Figure, data, hover, side_by_side
from pipeline.figures.palette import FAINT, NEUTRAL
from pipeline.wording import number, said

if TYPE_CHECKING:
    from pipeline.figures.evidence import Study

__all__ = ["surface"]

Row = dict[str, Any]

_NAME: Final = "surface"
_TITLE: Final = "Steps to goal over batch size and learning rate"
_REACHED: Final = "reached"
_ROUNDING: Final = 1e-4  # a rate given to six digits still lies in its own part of the box
_NEVER: Final = "goal not reached"
_DIVERGED: Final = "diverged"
_GREYS: Final = {_NEVER: FAINT, _DIVERGED: NEUTRAL}


def surface(study: Study) -> Figure:
    """Draw the median steps to the hardest goal of the grid's trials, in bins of learning rate.

    The shifted grids put one trial of every replicate into each bin: a bin is one of the equal
    parts, in log learning rate, that the sweep cuts its box into.
    """
    estimates = study.estimates
    subtitle = f"{estimates.dataset}: {estimates.goal_quantity} at most {estimates.level()}"
    caption = (
        "Colour: median over the grid's trials in the bin of steps to the hardest goal, on a "
        "log2 scale; dark is few. Grey: more than half had not reached the goal when they "
        "stopped. Grey with a cross: more than half diverged. Blank: no trial. White dots: the "
        f"tuned learning rate, bars its {estimates.interval_name}."
    )
    bins = _bins(study)
    if not bins:
        reason = "the sweep has no trial of the grid with a result"
        return Figure(_NAME, _TITLE, subtitle, caption, f"{_TITLE}: {reason}.", None, reason)
    panels = {model: _Panel(study, bins, model).layers() for model in estimates.models}
    return Figure(_NAME, _TITLE, subtitle, caption, _summary(bins), side_by_side(panels))


def _bins(study: Study) -> list[Row]:
    low, high = study.box
    width = math.log(high / low) / study.points
    of_grid = study.sweep["origin"].str.match("grid$|expansion-")
    grid = study.sweep[of_grid & (study.sweep["kind"] != "missing")]
    trials = defaultdict[tuple[str, int, int], list[Row]](list)
    for trial in grid.to_dict("records"):
        place = math.floor(math.log(trial["learning_rate"] / low) / width + _ROUNDING)
        trials[trial["model"], trial["batch_size"], place].append(cast(Row, trial))
    return [
        {
            "model": model,
            "size": f"{size:,}",
            "learning_rate": low * math.exp(width * place),
            "upper": low * math.exp(width * (place + 1)),
            **_outcome(binned),
        }
        for (model, size, place), binned in sorted(trials.items())
    ]


def _outcome(trials: list[Row]) -> Row:
    kinds = Counter(str(trial["kind"]) for trial in trials)
    steps = [t["steps_to_goal"] if t["kind"] == "reached" else math.inf for t in trials]
    median = float(np.median(steps))
    state = _REACHED if math.isfinite(median) else _NEVER
    if state == _NEVER and 2 * kinds["infinite"] > len(trials):
        state = _DIVERGED
    reached = f"{kinds['reached']} of {len(trials)}, {kinds['infinite']} diverged"
    return {"state": state, "steps": median, "said": said(median, state), "reached": reached}


@dataclass(frozen=True)
class _Panel:
    """One model's tiles and its tuned learning rates; scales come from all bins."""

    study: Study
    bins: list[Row]
    model: str

    def layers(self) -> list[alt.Chart]:
        mine = [row for row in self.bins if row["model"] == self.model]
        broken = [
            {"size": row["size"], "middle": math.sqrt(row["learning_rate"] * row["upper"])}
            for row in mine
            if row["state"] == _DIVERGED
        ]
        return [
            *self._tiles(mine),
            self._layer(broken, "middle").mark_text(text="×", color="#ffffff", fontSize=13),
            *self._tuned(),
            self._infeasible(),
        ]

    def _tiles(self, rows: list[Row]) -> list[alt.Chart]:
        """Coloured and grey tiles; kinds that no panel has stay out of the legend."""
        titles = {
            "size:N": "batch size",
            "learning_rate:Q": "learning rate from",
            "upper:Q": "to",
            "said:N": "median steps to goal",
            "reached:N": "reached",
        }
        anywhere = {row["state"] for row in self.bins}
        greys = {state: grey for state, grey in _GREYS.items() if state in anywhere}
        state = alt.Color("state:N", title=None).scale(
            domain=list(greys), range=list(greys.values())
        )
        reached, others = (
            self
            ._layer([row for row in rows if (row["state"] == _REACHED) is whether])
            .mark_rect()
            .encode(y2="upper:Q", tooltip=hover(titles))
            for whether in (True, False)
        )
        return [
            *([reached.encode(fill=self._steps())] if _REACHED in anywhere else []),
            *([others.encode(color=state)] if greys else []),
        ]

    def _layer(self, rows: list[Row], field: str = "learning_rate") -> alt.Chart:
        edges = [row[key] for row in self.bins for key in ("learning_rate", "upper")]
        domain = log_domain([*edges, *self.study.box], 1.0)
        x = batch_band(self.study.estimates.batch_sizes)
        return alt.Chart(data(rows)).encode(x=x, y=log_y(field, RATE_TITLE, domain, form="~g"))

    def _steps(self) -> alt.Fill:
        finite = [row["steps"] for row in self.bins if row["state"] == _REACHED]
        low, high = log_domain(finite, 1.0)
        powers = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
        return (
            alt
            .Fill("steps:Q", title="Median steps to goal (log2 scale)")
            .scale(type="log", base=2, domain=[low, high], nice=False)
            .legend(values=[2**power for power in powers][:: -(-len(powers) // 6)], format=",d")
        )

    def _tuned(self) -> list[alt.Chart]:
        rows = [
            {
                "size": f"{cell.batch_size:,}",
                "tuned": cell.tuned.rate.value,
                "low": cell.tuned.rate.low,
                "high": cell.tuned.rate.high,
            }
            for cell in self.study.estimates.of(self.model)
            if cell.tuned is not None and cell.tuned.rate.value is not None
        ]
        whole = [row for row in rows if None not in {row["low"], row["high"]}]
        bars, rings = self._layer(whole, "low"), self._layer(rows, "tuned")
        return [
            bars.mark_rule(color="#ffffff", strokeWidth=2, clip=True).encode(y2="high:Q"),
            rings.mark_point(
                size=60, filled=True, fill="#ffffff", stroke="#1b1f24", strokeWidth=1.5, opacity=1
            ),
        ]

    def _infeasible(self) -> alt.Chart:
        rows = [
            {"size": f"{cell.batch_size:,}", "reason": cell.reason}
            for cell in self.study.estimates.of(self.model)
            if not cell.feasible
        ]
        text = alt.Chart(data(rows)).mark_text(
            text="infeasible", angle=270, fontStyle="italic", color=NEUTRAL
        )
        x = batch_band(self.study.estimates.batch_sizes)
        return text.encode(
            x=x, y=alt.YValue(PANEL_HEIGHT / 2), tooltip=hover({"reason:N": "infeasible"})
        )


def _summary(bins: list[Row]) -> str:
    counts = Counter(row["state"] for row in bins)
    best = min((row for row in bins if row["state"] == _REACHED), key=_steps, default=None)
    fewest = (
        f" Fewest: {number(best['steps'])} steps, {best['model']} at batch size {best['size']}."
        if best
        else ""
    )
    return (
        f"{_TITLE}: of {len(bins)} bins the median trial reached the goal in {counts[_REACHED]}, "
        f"did not in {counts[_NEVER]} and diverged in {counts[_DIVERGED]}.{fewest}"
    )


def _steps(row: Row) -> float:
    return row["steps"]
