"""`batchscope study delete`: remove a study."""

from __future__ import annotations

import sys
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
    from pipeline.study.catalogue import deletable
    from pipeline.study.delete import delete as forget
    from pipeline.study.delete import own_races
    from pipeline.study.guard import say

    what = f"the study {study} ({deletable(study)})"
    races = own_races(study, say) if trials else set[str]()
    if not yes and not _agreed(f"Delete {what}{_with(len(races))}?"):
        typer.echo("nothing was deleted")
        return
    typer.echo(f"deleted {what}{_with(forget(study, races, say))}")


def _agreed(question: str) -> bool:
    """Ask a person.

    Raises:
        KeyboardInterrupt: Ctrl-C is the answer.
        ValueError: Nobody answers.
    """
    try:
        return typer.confirm(question)
    except typer.Abort:
        if sys.stdin.isatty():
            raise KeyboardInterrupt from None
        raise ValueError(
            "nobody answers whether to delete; give --yes to delete without being asked"
        ) from None


def _with(races: int) -> str:
    return f" and {races:,} races of the ledger that no other study has" if races else ""
