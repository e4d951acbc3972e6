"""`batchscope study list`: every study, and how far it is."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

__all__ = ["listing"]


def listing(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """List the studies, and how far each is by the ledger. `dvc` is the one of params.yaml.

    Example:
        batchscope study list
    """
    from pipeline.study.catalogue import entries
    from pipeline.study.guard import say
    from pipeline.study.summary import summary
    from pipeline.study.wording import list_lines

    found: list[dict[str, Any]] = []
    for one in entries():
        try:
            found.append(summary(one, say))
        except (OSError, ValueError) as problem:  # one must not stand in the way of all others
            say(f"warning: the study {one.name} is left out: {problem}")
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(list_lines(found)))
