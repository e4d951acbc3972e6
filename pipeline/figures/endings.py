"""How the sweep's trials ended, per model and batch size."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import altair as alt

from pipeline.figures.axes import batch_band
from pipeline.figures.figure import PANEL_HEIGHT, Figure, data, hover, side_by_side
from pipeline.figures.palette import ENDINGS, NEUTRAL
from pipeline.outcome import Ended

if TYPE_CHECKING:
    from pipeline.figures.evidence import CellEstimate, Study

__all__ = ["endings"]

Row = dict[str, Any]

_NAME: Final = "endings"
_TITLE: Final = "How the sweep's trials ended"


def endings(study: Study) -> Figure:
    """Draw the number of trials by ending, stacked, with infeasible cells named."""
    estimates = study.estimates
    subtitle = f"{estimates.dataset}: trials by batch size"
    caption = (
        "Reached: the hardest goal. Exhausted: spent the budget. Outraced: a race-mate reached the "
        "goal long before. Outpaced: so far behind the race's best that it was not waited for. "
        "Diverged: a loss was no longer finite; a trial stuck at guessing is not diverged."
    )
    rows = [row for cell in estimates.cells for row in _rows(cell)]
    infeasible = [cell for cell in estimates.cells if not cell.feasible]
    if not rows and not infeasible:
        reason = "the sweep has no trials"
        return Figure(_NAME, _TITLE, subtitle, caption, f"{_TITLE}: {reason}.", None, reason)
    most = max(_totals(rows).values(), default=1)
    chart = side_by_side({model: _panel(study, rows, model, most) for model in estimates.models})
    return Figure(_NAME, _TITLE, subtitle, caption, _summary(rows, len(infeasible)), chart)


def _rows(cell: CellEstimate) -> list[Row]:
    return [
        {
            "model": cell.model,
            "size": f"{cell.batch_size:,}",
            "ended": _words(ended),
            "order": order,
            "trials": cell.ended[ended],
        }
        for order, ended in enumerate(Ended)
        if cell.ended.get(ended)
    ]


def _totals(rows: list[Row]) -> Counter[tuple[str, str]]:
    totals = Counter[tuple[str, str]]()
    for row in rows:
        totals[row["model"], row["size"]] += row["trials"]
    return totals


def _panel(study: Study, rows: list[Row], model: str, most: int) -> list[alt.Chart]:
    seen = {row["ended"] for row in rows}
    domain = [_words(ended) for ended in Ended if _words(ended) in seen]
    colours = [ENDINGS[ended] for ended in Ended if _words(ended) in seen]
    titles = {"size:N": "batch size", "ended:N": "ended", "trials:Q": "trials"}
    x = batch_band(study.estimates.batch_sizes)
    bars = alt.Chart(data([row for row in rows if row["model"] == model])).mark_bar()
    missing = [
        {"size": f"{cell.batch_size:,}", "reason": cell.reason, "text": "infeasible"}
        for cell in study.estimates.of(model)
        if not cell.feasible
    ]
    text = alt.Chart(data(missing)).mark_text(
        angle=270, align="left", fontStyle="italic", color=NEUTRAL
    )
    return [
        bars.encode(
            x=x,
            y=alt.Y("trials:Q", title="Trials").scale(domain=[0, most], nice=True),
            color=alt.Color("ended:N", title=None).scale(domain=domain, range=colours),
            order="order:Q",
            tooltip=hover(titles),
        ),
        text.encode(
            x=x,
            y=alt.YValue(PANEL_HEIGHT - 8),
            text="text:N",
            tooltip=hover({"reason:N": "infeasible"}),
        ),
    ]


def _words(ended: Ended) -> str:
    return ended.replace("_", " ")


def _summary(rows: list[Row], infeasible: int) -> str:
    totals = Counter[str]()
    for row in rows:
        totals[row["ended"]] += row["trials"]
    spoken = ", ".join(f"{count:,} {ended}" for ended, count in totals.items())
    cells = f" Infeasible cells: {infeasible}." if infeasible else ""
    return f"{_TITLE}: {spoken or 'none was run'}.{cells}"
