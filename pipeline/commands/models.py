"""`batchscope models`: which networks there are, and how large they are on the study's data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from models.shape import Task

__all__ = ["models"]


def models(
    params: Annotated[Path, typer.Option(help="Settings that name data and networks.")] = Path(
        "params.yaml"
    ),
    image: Annotated[
        str | None, typer.Option(help="Channels × height × width instead, as in 3x32x32.")
    ] = None,
    classes: Annotated[int, typer.Option(min=1, help="Classes, with --image.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the networks, with their parameters on the study's data.

    Examples:
        batchscope models
        batchscope models --image 3x32x32 --json
    """
    from models.registry import names
    from pipeline.commands.columns import columns
    from pipeline.commands.task import given_task, study_task
    from pipeline.settings_file import load_settings

    listed = list(names())
    if image is None or params.exists():
        settings = load_settings(params)
        listed += [name for name in settings.models if name not in listed]
        task = given_task(image, classes) if image else study_task(settings)
    else:
        task = given_task(image, classes)
    rows = [_row(name, task) for name in listed]
    if as_json:
        typer.echo(json.dumps({"networks": rows}, indent=1, ensure_ascii=False))
        return
    typer.echo(f"On images of {task.channels}×{task.height}×{task.width}, {task.classes} classes:")
    header = ("name", "parameters", "couples examples", "stochastic", "source")
    typer.echo(columns(header, [_cells(row) for row in rows]))
    for row in rows:
        if row["refused"]:
            typer.echo(f"{row['name']}: {row['refused']}")


def _row(name: str, task: Task) -> dict[str, Any]:
    from models.registry import network
    from pipeline.commands.counting import parameters_of

    known = network(name)
    parameters: int | None = None
    refused = ""
    try:
        parameters = parameters_of(known, task)
    except Exception as problem:  # a user's factory may raise anything
        refused = str(problem) or type(problem).__name__
    return {
        "name": name,
        "parameters": parameters,
        "couples_examples": known.couples_examples,
        "stochastic": known.stochastic,
        "source": known.source,
        "refused": refused,
    }


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["name"],
        "-" if row["parameters"] is None else f"{row['parameters']:,}",
        "yes" if row["couples_examples"] else "no",
        "yes" if row["stochastic"] else "no",
        row["source"] or "-",
    ]
