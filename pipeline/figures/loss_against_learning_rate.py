"""Best validation loss against learning rate, one colour per batch size."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import altair as alt

from pipeline.figures.axes import log_domain, log_ticks, log_y, rate_x
from pipeline.figures.figure import PANEL_HEIGHT, Figure, absent, data, hover, side_by_side
from pipeline.figures.palette import CROSS, NEUTRAL, size_colour
from pipeline.outcome import Ended
from pipeline.wording import said

if TYPE_CHECKING:
    from pipeline.figures.evidence import Study

__all__ = ["loss_against_learning_rate"]

Row = dict[str, Any]

_NAME: Final = "loss_against_learning_rate"
_TITLE: Final = "Best validation loss against learning rate"
_STRIP: Final = 48  # pixels at the top of a panel kept for trials that diverged
_MOST: Final = 4_000  # trials drawn; each takes a kilobyte of the page, and time of its reader


def loss_against_learning_rate(study: Study) -> Figure:
    """Draw the trials of the sweep, per model, both axes logarithmic.

    Every trial is drawn up to 4,000 of them; of more, those of the first replicates alone, as many
    as stay within that and one at least. Replicates differ by chance only, and none is cut. What
    the summary states is of all trials.
    """
    estimates = study.estimates
    rows = _rows(study)
    silent = len(study.sweep) - len(rows)
    drawn = _first_replicates(rows)
    which = "all" if len(drawn) == len(rows) else f"{len(drawn):,} of {len(rows):,}"
    subtitle = f"{estimates.dataset}: {which} trials of the sweep, one colour per batch size"
    caption = (
        "Every mark is one trial of the sweep; a line joins the trials of one replicate. Crosses "
        "above the line at the top diverged, a row per batch size. Trials stop at the hardest "
        "goal, so a flat bottom is where they stopped, not the best that they could have done; "
        f"those that a race-mate left far behind stopped earlier. {_left_out(rows, drawn)}"
        f"{_silent(silent)}"
    ).strip()
    if not rows:
        reason = "no trial of the sweep was evaluated"
        return Figure(_NAME, _TITLE, subtitle, caption, f"{_TITLE}: {reason}.", None, reason)
    losses = _loss([row["loss"] for row in rows if row["ended"] != Ended.DIVERGED])
    panels = {
        model: _panel(study, [row for row in drawn if row["model"] == model], losses)
        for model in estimates.models
    }
    return Figure(_NAME, _TITLE, subtitle, caption, _summary(study, rows), side_by_side(panels))


def _first_replicates(rows: list[Row]) -> list[Row]:
    """All rows, or where they are too many those of the first replicates."""
    counts = Counter(row["replicate"] for row in rows)
    total, kept = 0, set[int]()
    for replicate in sorted(counts):
        total += counts[replicate]
        if kept and total > _MOST:
            break
        kept.add(replicate)
    return [row for row in rows if row["replicate"] in kept]


def _left_out(rows: list[Row], drawn: list[Row]) -> str:
    if len(drawn) == len(rows):
        return ""
    kept, of = (len({row["replicate"] for row in some}) for some in (drawn, rows))
    plural = "" if kept == 1 else "s"
    return (
        f"Drawn: the first {kept} replicate{plural} of {of}, {len(drawn):,} of {len(rows):,} "
        "trials; all numbers are of all trials. "
    )


def _silent(trials: int) -> str:
    plural = "" if trials == 1 else "s"
    return f"Not shown: {trials} trial{plural} that failed before an evaluation." if trials else ""


def _rows(study: Study) -> list[Row]:
    table = study.sweep
    diverged = table["ended"] == Ended.DIVERGED
    shown = table[diverged | table["best_validation_loss"].notna()]
    return [
        {
            "model": row["model"],
            "size": f"{row['batch_size']:,}",
            "batch_size": row["batch_size"],
            "learning_rate": row["learning_rate"],
            "replicate": row["replicate"],
            "line": f"{row['batch_size']} {row['replicate']} {row['origin']}",
            "ended": row["ended"],
            "loss": row["best_validation_loss"],
            "said": said(row["best_validation_loss"], "none"),
        }
        for row in shown.to_dict("records")
    ]


def _panel(study: Study, rows: list[Row], losses: alt.Y) -> list[alt.Chart]:
    sizes = study.estimates.batch_sizes
    rates = log_domain([*study.box, *study.sweep["learning_rate"]])
    titles = {
        "size:N": "batch size",
        "learning_rate:Q": "learning rate",
        "said:N": "best validation loss",
        "ended:N": "ended",
        "replicate:N": "replicate",
    }

    def layer(chosen: list[Row]) -> alt.Chart:
        chart = alt.Chart(data(chosen)).encode(x=rate_x(rates), y=losses)
        return chart.encode(color=size_colour(sizes))

    whole = [row for row in rows if row["ended"] != Ended.DIVERGED]
    crosses = [
        layer([row for row in rows if row["ended"] == Ended.DIVERGED and row["batch_size"] == size])
        .mark_point(shape=CROSS, size=14, strokeWidth=1.5, opacity=1)
        .encode(y=alt.YValue(5 + (_STRIP - 8) * place / len(sizes)), tooltip=hover(titles))
        for place, size in enumerate(sizes)
    ]
    strip = alt.Chart(data([{}])).mark_rule(color=NEUTRAL, strokeWidth=0.5)
    return [
        strip.encode(y=alt.YValue(_STRIP)),
        layer(whole).mark_line(strokeWidth=1, opacity=0.35).encode(detail="line:N"),
        layer(whole).mark_point(filled=True, size=22, opacity=0.8).encode(tooltip=hover(titles)),
        *crosses,
        *([] if rows else [absent("no trial was evaluated")]),
    ]


def _loss(losses: list[float]) -> alt.Y:
    """An axis that leaves the strip at the top free, without ticks there.

    Logarithmic, but for an objective whose loss can be zero or less.
    """
    title, share = "Best validation loss (nats)", _STRIP / (PANEL_HEIGHT - _STRIP)
    if min(losses, default=1.0) <= 0:
        low, high = min(losses), max(losses)
        top = high + (high - low or 1.0) * share
        return alt.Y("loss:Q", title=title).scale(domain=[low, top], nice=False)
    low, high = log_domain(losses)
    top = high * math.exp(math.log(high / low) * share)
    return log_y("loss", title, (low, top), ticks=log_ticks(low, high))


def _summary(study: Study, rows: list[Row]) -> str:
    diverged = sum(row["ended"] == Ended.DIVERGED for row in rows)
    best = {
        model: min(
            (row["loss"] for row in rows if row["model"] == model and math.isfinite(row["loss"])),
            default=None,
        )
        for model in study.estimates.models
    }
    spoken = [f"{model} {loss:.3g}" for model, loss in best.items() if loss is not None]
    return (
        f"{_TITLE}: {len(rows)} trials, {diverged} of them diverged. Lowest loss: "
        f"{'; '.join(spoken)}."
    )
