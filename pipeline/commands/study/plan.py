"""`batchscope study plan`: what a study will cost before it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.study import options as given

__all__ = ["plan"]


def plan(
    name: Annotated[str | None, typer.Argument(help="A study; else params.yaml's.")] = None,
    settings: given.Sets = None,
    params: given.Params = Path("params.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Say what is left to train of a study: trials, steps and examples, at most.

    Example:
        batchscope study plan --set sweep.replicates=5
    """
    from pipeline.study.catalogue import entry
    from pipeline.study.cost import cost
    from pipeline.study.guard import say
    from pipeline.study.preparation import ensure_prepared
    from pipeline.study.wording import cost_lines

    changes = given.overrides({}, settings)
    known = name is not None and not changes
    found = entry(name) if known and name else given.chosen(name, params, changes)
    ensure_prepared(found.settings.data)
    left = {"study": found.name, **cost(found, say)}
    typer.echo(json.dumps(left, indent=2) if as_json else "\n".join(cost_lines(left)))
