"""`batchscope study delete`: remove a study."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["delete"]


def delete(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    trials: Annotated[
        bool, typer.Option("--trials", help="Also what only this study has in the ledger.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a study's settings, tables and report. Runs in MLflow and Optuna's studies stay.

    Example:
        batchscope study delete conv-1a2b3c --trials
    """
    from pipeline.study.catalogue import DVC, entry, remove
    from pipeline.study.delete import delete as forget
    from pipeline.study.delete import own_races
    from pipeline.study.guard import say

    found = entry(study)
    if found.name == DVC:
        remove(found)  # which says why not
    races = own_races(found, say) if trials else set[str]()
    what = f"the study {study} ({found.places.results})"
    if races:
        what += f" and {len(races):,} races of the ledger that no other study has"
    if not yes and not typer.confirm(f"Delete {what}?"):
        typer.echo("nothing was deleted")
        return
    forget(found, races, say)
    typer.echo(f"deleted {what}")
