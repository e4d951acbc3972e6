"""What it costs each network to keep a learning rate while the batch size changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt

from pipeline.figures.figure import Figure, chooser, data, hover, single
from pipeline.figures.palette import NEUTRAL
from pipeline.wording import percent

if TYPE_CHECKING:
    from pipeline.figures.evidence import Estimates, Study
    from pipeline.figures.regret_evidence import Regret

__all__ = ["transfer_regret"]

Row = dict[str, Any]

_NAME: Final = "transfer_regret"
_TITLE: Final = "What a learning rate carried over from one batch size costs at the others"
_RULES: Final = {"constant": "unchanged", "sqrt": "times √B", "linear": "times B"}
_COLOURS: Final = ("#d55e00", "#0072b2", "#009e73")
_HOVER: Final = {
    "model:N": "model",
    "rule:N": "learning rate",
    "said:N": "octaves of steps",
    "never:N": "never reached the goal",
}


def transfer_regret(study: Study) -> Figure:
    """Draw F2, octaves of steps over tuned, for every network and rule."""
    estimates = study.estimates
    subtitle = (
        f"{estimates.dataset}: tuned at batch size {estimates.reference_batch_size:,}, "
        f"{estimates.goal_quantity} at most {estimates.level()}"
    )
    caption = (
        "Octaves (factors of two) of steps to the goal over those of the learning rate tuned for "
        "each batch size, averaged over all batch sizes but the reference; bars: "
        f"{estimates.interval_name}. Hollow marks stand where some trials never reached the goal "
        "and count as the whole budget: the bar's left end is then what is known, a lower bound, "
        "which flatters networks that need many steps. So do not compare networks by this "
        "picture; the verdicts below do."
    )
    rows = [_row(estimates, one) for one in estimates.finickiness.regrets]
    rows = [row for row in rows if row["octaves"] is not None]
    if not rows:
        reason = "no rule carried a learning rate over"
        return Figure(_NAME, _TITLE, subtitle, caption, f"{_TITLE}: {reason}.", None, reason)
    return Figure(_NAME, _TITLE, subtitle, caption, _summary(estimates, rows), _chart(study, rows))


def _row(estimates: Estimates, one: Regret) -> Row:
    return {
        "model": one.model,
        "rule": _RULES.get(one.rule, one.rule),
        "goal": estimates.level(one.goal),
        "octaves": one.octaves.value,
        "low": one.octaves.low,
        "high": one.octaves.value if one.lower else one.octaves.high,
        "lower": one.lower,
        "said": one.said,
        "never": "unknown" if one.never_reached is None else percent(one.never_reached),
    }


def _chart(study: Study, rows: list[Row]) -> alt.LayerChart:
    estimates = study.estimates
    levels = [estimates.level(goal) for goal in reversed(estimates.goals)]
    goal = chooser("regret_goal", f"{estimates.goal_quantity.capitalize()} at most", levels)
    shown = [rule for rule in _RULES.values() if any(row["rule"] == rule for row in rows)]
    y = alt.Y("model:N", title="Network").scale(domain=list(estimates.models), paddingInner=0.3)
    aside = alt.YOffset("rule:N").scale(domain=shown)
    colours = list(_COLOURS[: len(shown)])
    colour = alt.Color("rule:N", title="Learning rate").scale(domain=shown, range=colours)

    def layer(chosen: list[Row], field: str = "octaves") -> alt.Chart:
        x = alt.X(f"{field}:Q", title="Octaves of steps lost").axis(format="~g")
        chart = alt.Chart(data(chosen)).transform_filter("datum.goal === regret_goal")
        return chart.encode(x=x, y=y, yOffset=aside, color=colour, tooltip=hover(_HOVER))

    whole = [row for row in rows if None not in {row["low"], row["high"]}]
    nothing = alt.Chart(data([{"octaves": 0}])).mark_rule(color=NEUTRAL, strokeDash=[2, 4])
    return single(
        [
            nothing.encode(x=alt.X("octaves:Q", title="Octaves of steps lost")),
            layer(whole, "low").mark_rule(strokeWidth=2).encode(x2="high:Q"),
            layer([r for r in rows if not r["lower"]]).mark_point(filled=True, size=65, opacity=1),
            layer([r for r in rows if r["lower"]]).mark_point(
                filled=False, size=80, strokeWidth=2, opacity=1
            ),
        ],
        goal,
    )


def _summary(estimates: Estimates, rows: list[Row]) -> str:
    spoken = [
        f"{row['model']}, {row['rule']}: {row['said']}"
        for row in rows
        if row["goal"] == estimates.level()
    ]
    return f"{_TITLE}, in octaves of steps. {'; '.join(spoken)}."
