"""`batchscope study plan`: what a study will cost before it runs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any

import typer

from pipeline.commands.study import options as given

__all__ = ["plan"]


def plan(
    name: Annotated[str | None, typer.Argument(help="A study; else params.yaml's.")] = None,
    settings: given.Sets = None,
    params: given.Params = None,
    timed: Annotated[
        bool, typer.Option("--time/--no-time", help="Estimate the time, by a short calibration.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Say what is left to train of a study, at most: trials, steps, examples and time here.

    Example:
        batchscope study plan --set sweep.replicates=5
    """
    from pipeline.study.catalogue import DVC, entry
    from pipeline.study.cost import cost
    from pipeline.study.guard import say
    from pipeline.study.places import PARAMS
    from pipeline.study.preparation import ensure_prepared, prepared_folder
    from pipeline.study.survey import survey
    from pipeline.study.wording import cost_lines

    changes = given.overrides({}, settings)
    as_it_is = not changes and (params is None or (params == PARAMS and name in {None, DVC}))
    found = entry(name or DVC) if as_it_is else given.chosen(name, params, changes)
    ensure_prepared(found.settings.data)
    places = replace(found.places, prepared=prepared_folder(found.settings.data))
    found = replace(found, places=places)  # if DVC's folder is damaged, they are elsewhere only now
    seen = survey(found, say)
    left: dict[str, Any] = {"study": found.name, **cost(found, seen)}
    if timed and left["most"]["trials"]:
        from pipeline.study.duration import duration

        left["seconds"] = duration(found, seen, left)
    typer.echo(json.dumps(left, indent=2) if as_json else "\n".join(cost_lines(left)))
