"""`batchscope describe`: a network layer by layer, and what each constraint saves."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import nn

    from models.anatomy import Layer, WindowSizes
    from models.registry import Network
    from models.shape import Task

__all__ = ["describe"]

_MOST_PIXELS: Final = 2**24  # numbers of one image; a layer's outputs are some times as many
_MOST_WEIGHTS: Final = 2**28  # two gigabytes, in double precision
_HEADER: Final = (
    "layer", "kind", "output", "kernel", "stride", "padding", "field", "parameters",
    "multiply-adds", "dense weights", "saving",
)  # fmt: skip


def describe(
    name: Annotated[str, typer.Argument(help="A network: registered, or package.module:factory.")],
    image: Annotated[
        str | None,
        typer.Option(help="Channels × height × width, as in 1x28x28; else the study's data."),
    ] = None,
    classes: Annotated[int, typer.Option(min=1, help="Classes, with --image.")] = 10,
    figure: Annotated[
        Path | None, typer.Option(help="SVG of pixel use and receptive fields to write.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    params: Annotated[Path, typer.Option(help="Settings that name the data.")] = Path(
        "params.yaml"
    ),
) -> None:
    """Show a network layer by layer: sizes, windows, receptive fields, costs.

    Field: rows × columns of the image that the layer's middle unit sees. Saving: weights of the
    dense layer between the same numbers, over the layer's own.

    Examples:
        batchscope describe conv --image 1x28x28
        batchscope describe conv --image 3x32x32 --figure conv.svg
    """
    from models.anatomy import anatomy
    from models.registry import check_name, network
    from pipeline.commands.columns import columns
    from pipeline.commands.figure import check_figure, write_figure
    from pipeline.commands.task import given_task, study_task
    from pipeline.settings_file import load_settings

    check_name(name)
    if figure is not None:
        check_figure(figure, params)
    task = given_task(image, classes) if image else study_task(load_settings(params))
    made = _made(network(name), task)
    layers = anatomy(made, task)
    if figure is not None:
        from pipeline.figures.pixel_use import pixel_use

        write_figure(figure, pixel_use(name, task, layers).svg())
    if as_json:
        typer.echo(json.dumps({"layers": [_record(layer) for layer in layers]}, indent=1))
        return
    size = f"{task.channels}×{task.height}×{task.width}"
    typer.echo(f"{name} on images of {size}, {task.classes} classes")
    typer.echo(columns(_HEADER, [list(_cells(layer).values()) for layer in layers]))
    typer.echo("\n".join([_total(made, layers), *_unknown(layers)]))
    if figure is not None:
        typer.echo(f"wrote {figure}")


def _made(known: Network, task: Task) -> nn.Module:
    """The network itself, unless it would not fit into memory.

    Raises:
        ValueError: If it is too large to look at, or its factory makes none.
    """
    from torch import nn

    from models.factories import told
    from pipeline.commands.counting import parameters_of

    size = f"{task.channels}x{task.height}x{task.width}"
    if task.pixels > _MOST_PIXELS:
        raise ValueError(
            f"an image of {size} has {task.pixels:,} numbers, more than the {_MOST_PIXELS:,} that "
            "are looked at; give a smaller one with --image"
        )
    weights = 0
    with suppress(Exception):  # the real factory tells what is wrong, if anything is
        weights = parameters_of(known, task)
    if weights > _MOST_WEIGHTS:
        raise ValueError(
            f"{known.name} has {weights:,} weights on images of {size} with {task.classes:,} "
            f"classes, more than the {_MOST_WEIGHTS:,} that are looked at; give fewer classes or "
            "a smaller image with --image"
        )
    try:
        made = cast("object", known.factory(task))
    except ValueError:
        raise
    except Exception as problem:  # a user's factory may raise anything
        raise ValueError(
            f"{known.name} can't be made for images of {size} ({told(problem)}); a factory takes a "
            "task and returns a torch.nn.Module"
        ) from problem
    if not isinstance(made, nn.Module):
        raise ValueError(
            f"{known.name} returns {type(made).__name__}; a factory takes a task and returns a "
            "torch.nn.Module"
        )
    return made


def _total(made: nn.Module, layers: tuple[Layer, ...]) -> str:
    parameters = sum(p.numel() for p in made.parameters())
    weights = sum(layer.cost.weights for layer in layers if layer.cost)
    work = sum(layer.cost.multiply_adds for layer in layers if layer.cost)
    dense = sum(layer.dense.weights for layer in layers if layer.dense)
    total = f"in all: {parameters:,} parameters, {work:,} multiply-adds"
    if weights:
        between = f"{dense:,} weights, {dense / weights:,.1f}×"
        total = f"{total}; dense layers between the same numbers: {between}"
    if left_out := _left_out(made, layers):
        total = f"{total}\nwithout: {left_out} (their multiply-adds are not counted)"
    return total


def _unknown(layers: tuple[Layer, ...]) -> Iterator[str]:
    """Why cells of the table are empty.

    Yields:
        A line for each reason.
    """
    if any(layer.sight is None and layer.by_example for layer in layers):
        yield "field: not looked for, the network is too large for it at this image size"
    if apart := _listed(layer.name or layer.kind for layer in layers if not layer.by_example):
        yield f"no field and no costs: {apart}; their outputs are not one row an example"


def _left_out(made: nn.Module, layers: tuple[Layer, ...]) -> str:
    """Modules with parameters of their own, a call of which at least is not in the total."""
    uncounted = {layer.name for layer in layers if layer.cost is None}
    counted = {layer.name for layer in layers} - uncounted
    return _listed(
        name or type(module).__name__
        for name, module in cast("Iterator[tuple[str, nn.Module]]", made.named_modules())
        if name not in counted and next(module.parameters(recurse=False), None) is not None
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _record(layer: Layer) -> dict[str, Any]:
    field = layer.sight and layer.sight.field()
    return {
        "name": layer.name,
        "kind": layer.kind,
        "input": layer.inputs,
        "output": layer.outputs,
        "kernel": layer.window and layer.window.kernel,
        "stride": layer.window and layer.window.stride,
        "padding": layer.window and layer.window.padding,
        "dilation": layer.window and layer.window.dilation,
        "receptive_field": field and [len(field[0]), len(field[1])],
        "parameters": layer.parameters,
        "weights": layer.cost and layer.cost.weights,
        "multiply_adds": layer.cost and layer.cost.multiply_adds,
        "dense_weights": layer.dense and layer.dense.weights,
        "saving": layer.saving,
    }


def _cells(layer: Layer) -> dict[str, str]:
    record = _record(layer)

    def count(name: str) -> str:
        return "-" if record[name] is None else f"{record[name]:,}"

    return {
        "layer": layer.name or "-",
        "kind": layer.kind,
        "output": "×".join(map(str, layer.outputs)) or "1",
        "kernel": _kernel(layer.window),
        "stride": _pair(layer.window and layer.window.stride),
        "padding": _padding(layer.window),
        "field": "×".join(map(str, record["receptive_field"] or ["-"])),
        "parameters": f"{layer.parameters:,}",
        "multiply-adds": count("multiply_adds"),
        "dense weights": count("dense_weights"),
        "saving": "-" if layer.saving is None else f"{layer.saving:,.1f}×",
    }


def _kernel(window: WindowSizes | None) -> str:
    if window is None:
        return "-"
    dilated = f" dilated {_pair(window.dilation)}" if window.dilation != (1, 1) else ""
    return "×".join(map(str, window.kernel)) + dilated


def _pair(value: tuple[int, int] | None) -> str:
    if value is None:
        return "-"
    return str(value[0]) if value[0] == value[1] else f"{value[0]},{value[1]}"


def _padding(window: WindowSizes | None) -> str:
    """One number where all sides agree; else left, right, top and bottom."""
    if window is None:
        return "-"
    sides = window.padding
    return str(sides[0]) if len(set(sides)) == 1 else ",".join(map(str, sides))
