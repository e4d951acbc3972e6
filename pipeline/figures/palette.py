"""Colours and shapes that stay apart for colour-blind readers, on white and on dark paper.

Hues are Okabe and Ito's (https://jfly.uni-koeln.de/color/), without the black and the yellow, which
vanish on dark and on white paper; models differ by shape as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import altair as alt

from pipeline.outcome import Ended

__all__ = [
    "CROSS",
    "ENDINGS",
    "FAINT",
    "NEUTRAL",
    "RULES",
    "model_colour",
    "model_shape",
    "size_colour",
]

CROSS: Final = "M-1,-1L1,1M1,-1L-1,1"  # an SVG path, for marks that say diverged
NEUTRAL: Final = "#7a7f87"
FAINT: Final = "#c3c7cd"

RULES: Final = {"tuned": "#0072b2", "constant": "#d55e00"}

ENDINGS: Final = {
    Ended.REACHED: "#009e73",
    Ended.EXHAUSTED: "#56b4e9",
    Ended.OUTRACED: "#b8bdc4",
    Ended.OUTPACED: "#d9d3c0",
    Ended.DIVERGED: "#d55e00",
    Ended.OUT_OF_MEMORY: "#cc79a7",
    Ended.FAILED: "#7d3c98",
}

_COLOURS: Final = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#882255",
    "#999933",
)
_SHAPES: Final = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "cross",
    "triangle-down",
    "triangle-right",
    "triangle-left",
)


def model_colour(models: Sequence[str]) -> alt.Color:
    """A colour for each model, in order; they come round again after eight."""
    colours = [_COLOURS[i % len(_COLOURS)] for i in range(len(models))]
    scaled = alt.Color("model:N", title=None).scale(domain=list(models), range=colours)
    return scaled.legend(symbolOpacity=1)


def model_shape(models: Sequence[str]) -> alt.Shape:
    """A mark for each model, in order.

    The shapes shift by one each time round, so that no two of 64 models share colour and shape.
    """
    shapes = [_SHAPES[(i + i // len(_SHAPES)) % len(_SHAPES)] for i in range(len(models))]
    return alt.Shape("model:N", title=None).scale(domain=list(models), range=shapes)


def size_colour(sizes: Sequence[int]) -> alt.Color:
    """A colour of the theme's scale for each batch size, over the text field ``size``."""
    names = [f"{size:,}" for size in sizes]
    return (
        alt
        .Color("size:O", title="Batch size")
        .scale(domain=names)
        .legend(symbolOpacity=1, symbolType="circle")
    )
