"""A figure: its words and its chart, as a Vega-Lite specification or as SVG."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import altair as alt
import vl_convert

__all__ = [
    "PANEL_HEIGHT",
    "PLAYER_VERSION",
    "THEMES",
    "Chart",
    "Figure",
    "absent",
    "chooser",
    "data",
    "hover",
    "side_by_side",
    "single",
]

Chart = alt.LayerChart | alt.ConcatChart

PLAYER_VERSION: Final = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
"""Version of Vega-Lite that the specifications are written for, as vl-convert names it."""

_SINGLE: Final = (640, 380)  # width and height in pixels of a panel that stands alone
_PANEL_WIDTH: Final = 260  # pixels, of one of several panels
PANEL_HEIGHT: Final = 260
_FONT: Final = "Arial, Helvetica, sans-serif"


def _theme(ink: str, paper: str | None, line: str, viridis: tuple[float, float]) -> dict[str, Any]:
    """Colours of a page, and the part of viridis that stands out from its paper."""
    scale = {"scheme": "viridis", "extent": list(viridis)}
    return {
        "range": {"ordinal": scale, "ramp": scale, "heatmap": scale},
        "background": paper,
        "font": _FONT,
        "padding": 8,
        "view": {"stroke": line},
        "title": {
            "color": ink,
            "subtitleColor": ink,
            "fontSize": 15,
            "subtitleFontSize": 12,
            "subtitlePadding": 6,
            "anchor": "start",
            "offset": 12,
        },
        "axis": {
            "labelColor": ink,
            "titleColor": ink,
            "gridColor": line,
            "domainColor": line,
            "tickColor": line,
            "labelFontSize": 11,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 8,
        },
        "legend": {
            "labelColor": ink,
            "titleColor": ink,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "symbolSize": 90,
            "labelLimit": 260,
            "orient": "top",
        },
        "text": {"color": ink, "font": _FONT, "fontSize": 11},
    }


THEMES: Final = {
    "light": _theme("#1b1f24", "#ffffff", "#dfe3e8", (0.0, 0.88)),
    "dark": _theme("#e6e9ee", None, "#3a414b", (0.25, 1.0)),
}


@dataclass(frozen=True, eq=False)
class Figure:
    """One picture of the report.

    Attributes:
        name: Stem of its file.
        title: What it shows, without numbers.
        subtitle: What the picture shows until a reader chooses something else.
        caption: How to read it, in whole sentences.
        summary: What a reader who cannot see it should know.
        chart: The picture; None where there is nothing to draw.
        reason: Why there is nothing to draw; empty where there is.
    """

    name: str
    title: str
    subtitle: str
    caption: str
    summary: str
    chart: Chart | None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.chart is None) != bool(self.reason):
            raise ValueError(f"figure {self.name} needs either a chart or a reason")

    @cached_property
    def specification(self) -> Mapping[str, Any] | None:
        """Vega-Lite for the page, which gives it a width and the title; None without a chart."""
        return None if self.chart is None else _plain(self.chart)

    def svg(self) -> str:
        """The picture for print, with its title; a line of text where there is nothing to draw."""
        untitled = self.specification or _plain(_nothing(self.reason))
        specification = {**untitled, "title": {"text": self.title, "subtitle": self.subtitle}}
        drawn = vl_convert.vegalite_to_svg(
            specification, vl_version=PLAYER_VERSION, config=THEMES["light"], allowed_base_urls=[]
        )
        return _renumbered(drawn)


def data(rows: Iterable[Mapping[str, object]]) -> alt.InlineData:
    """Rows as a chart's own data: six significant digits, None for what is no finite number."""
    return alt.InlineData(
        values=[{name: _cell(value) for name, value in row.items()} for row in rows]
    )


def hover(titles: Mapping[str, str]) -> list[alt.Tooltip]:
    """Tooltips by typed field, ``batch_size:Q`` say; numbers as precise as the data they show."""
    return [
        alt.Tooltip(field, title=title, format=",.6~r" if field.endswith(":Q") else alt.Undefined)
        for field, title in titles.items()
    ]


def absent(text: str) -> alt.Chart:
    """A word in the middle of a panel that has nothing to show."""
    return alt.Chart(data([{}])).mark_text(text=text, fontStyle="italic", fontSize=12)


def chooser(name: str, label: str, options: Sequence[str]) -> alt.VariableParameter:
    """What a reader may choose, the first option at first; a constant if there is but one.

    ``name`` is that of the radio buttons, so no two figures of a page may share one.
    """
    if len(options) < 2:
        return alt.VariableParameter(name=name, value=options[0])
    bind = alt.BindRadioSelect(input="radio", options=list(options), name=f"{label}: ")
    return alt.VariableParameter(name=name, value=options[0], bind=bind)


def single(layers: Iterable[alt.Chart], *choosers: alt.VariableParameter) -> alt.LayerChart:
    """One panel for all models."""
    width, height = _SINGLE
    return alt.LayerChart(layer=list(layers), params=list(choosers), width=width, height=height)


def side_by_side(
    panels: Mapping[str, Iterable[alt.Chart]], *choosers: alt.VariableParameter
) -> alt.ConcatChart:
    """Small multiples, three to a row, with one legend; panels are layers by title."""
    charts = [
        alt.LayerChart(
            layer=list(layers),
            width=_PANEL_WIDTH,
            height=PANEL_HEIGHT,
            title=alt.Title(title, fontSize=13, offset=6, limit=_PANEL_WIDTH),
        )
        for title, layers in panels.items()
    ]
    return alt.ConcatChart(concat=charts, columns=3, spacing=24, params=list(choosers))


def _plain(chart: Chart) -> dict[str, Any]:
    specification: dict[str, Any] = chart.to_dict()
    del specification["config"]  # altair's default sizes; the theme comes from the page
    return specification


def _renumbered(svg: str) -> str:
    """Count clip and gradient names from 0 in every picture; the player counts on and on."""
    names = dict.fromkeys(re.findall(r'id="((?:clip|gradient_)\d+)"', svg))
    places = {name: f"n{place}" for place, name in enumerate(names)}
    return re.sub(
        r"(?<=[\"#])(?:clip|gradient_)\d+\b", lambda name: places.get(name[0], name[0]), svg
    )


def _cell(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _nothing(reason: str) -> alt.LayerChart:
    text = alt.Chart(data([{}])).mark_text(fontSize=13, limit=600)
    layer = text.encode(text=alt.value(f"Nothing to draw: {reason}"))
    return alt.LayerChart(layer=[layer], width=_SINGLE[0], height=80)
