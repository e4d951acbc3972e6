"""How often a network's layers use each pixel of an image, and what their middle units see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt

from pipeline.figures.figure import Figure, data, side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from models.anatomy import Layer
    from models.sight import Sight
    from models.task import Task

__all__ = ["pixel_use"]

_NAME: Final = "pixel_use"
_FIELD: Final = "#d55e00"
_PANELS: Final = 12  # more would be too small to read


def pixel_use(network: str, task: Task, layers: Sequence[Layer]) -> Figure:
    """Draw a panel for each layer that slides a window or weighs images: use and one field.

    Args:
        network: Name, for the title.
        task: Sizes of the image.
        layers: Of the network.

    Returns:
        The figure; the first twelve panels of a deeper network.
    """
    title = f"Pixel use and receptive fields of {network}"
    size = f"{task.channels}×{task.height}×{task.width}"
    shown = [(layer, sight) for layer, sight in _seeing(layers)][:_PANELS]
    caption = (
        "Colour: positions of the layer that use a pixel, as a share of the most used pixel's. "
        "Frame: the pixels that the layer's middle unit sees."
    )
    if not shown:
        reason = "no layer slides over the image, or looking costs too much at this size"
        return Figure(_NAME, title, size, caption, f"{title}: {reason}.", None, reason)
    panels = {_title(layer, sight): list(_panel(sight)) for layer, sight in shown}
    summary = f"{title}: " + "; ".join(panels) + "."
    subtitle = f"images of {size}; colour: share of the most used pixel; frame: the middle unit"
    return Figure(_NAME, title, subtitle, caption, summary, side_by_side(panels))


def _seeing(layers: Sequence[Layer]) -> Iterator[tuple[Layer, Sight]]:
    for layer in layers:
        slides = layer.window is not None or layer.cost is not None
        if slides and len(layer.outputs) == 3 and layer.sight is not None:
            yield layer, layer.sight


def _title(layer: Layer, sight: Sight) -> str:
    rows, columns = sight.field()
    use = sight.use()
    used = f"use {int(use.min())}–{int(use.max())}"
    return f"{layer.name} {layer.kind}: {used}, field {len(rows)}×{len(columns)}"


def _panel(sight: Sight) -> Iterator[alt.Chart]:
    """A layer's panel.

    Yields:
        Pixels as squares, and the field of the middle unit as a frame.
    """
    use = sight.use()
    most = max(1, int(use.max()))
    height, width = use.shape
    pixels = [
        {"x": x, "x2": x + 1, "y": y, "y2": y + 1, "share": int(use[y, x]) / most}
        for y in range(height)
        for x in range(width)
    ]
    across = alt.X("x:Q", title=None).scale(domain=[0, width], nice=False).axis(tickMinStep=1)
    down = (
        alt
        .Y("y:Q", title=None)
        .scale(domain=[0, height], nice=False, reverse=True)
        .axis(tickMinStep=1)
    )
    share = alt.Color("share:Q", title="Share of the most used").scale(domain=[0, 1])
    squares = alt.Chart(data(pixels)).mark_rect().encode(x=across, x2="x2", y=down, y2="y2")
    yield squares.encode(color=share)
    rows, columns = sight.field()
    frame = [{"x": columns.start, "x2": columns.stop, "y": rows.start, "y2": rows.stop}]
    framed = alt.Chart(data(frame)).mark_rect(filled=False, stroke=_FIELD, strokeWidth=2.5)
    yield framed.encode(x=across, x2="x2", y=down, y2="y2")
