"""`batchscope advise`: which learning rate and batch size does the study say to set?"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

__all__ = ["advise"]


def advise(
    model: Annotated[str, typer.Option(help="A model of the study.")],
    batch_size: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Examples per step; else all measured.")
    ] = None,
    goal: Annotated[
        float | None, typer.Option(metavar="X", help="One of the study's goals; else the hardest.")
    ] = None,
    study: Annotated[str, typer.Option(help="Name of the study.")] = "dvc",
    timed: Annotated[
        bool, typer.Option("--time/--no-time", help="Say how long it takes on this machine.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what to set: learning rate, and what a batch size costs in steps, examples and time.

    In brackets stand intervals. Between measured batch sizes numbers are interpolated; outside of
    them there are none.

    Examples:
        batchscope advise --model conv
        batchscope advise --model conv --batch-size 256
    """
    from pipeline.study.advice_wording import advice_lines
    from pipeline.study.advise import advise as ask
    from pipeline.study.catalogue import entry

    found: dict[str, Any] = ask(entry(study), model, batch_size, goal, timed=timed)
    typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(advice_lines(found)))
