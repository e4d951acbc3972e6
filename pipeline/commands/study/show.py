"""`batchscope study show`: how far one study is, and what it found."""

from __future__ import annotations

import json
from typing import Annotated

import typer

__all__ = ["show"]


def show(
    study: Annotated[str, typer.Argument(help="Name of the study.")] = "dvc",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Show how far a study is, how its trials ended, and its tuned learning rates.

    Example:
        batchscope study show dvc
    """
    from pipeline.study.catalogue import entry
    from pipeline.study.guard import say
    from pipeline.study.summary import summary
    from pipeline.study.wording import summary_lines

    found = summary(entry(study), say)
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(summary_lines(found)))
