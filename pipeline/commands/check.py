"""`batchscope check`: are the settings right, and how many trials do they ask for?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["check"]


def check(
    params: Annotated[Path, typer.Argument(help="Settings to check.")] = Path("params.yaml"),
) -> None:
    """Check the settings of a study, and say how many trials it holds.

    Exit status 2 if something is wrong: every fault is listed with line, value and remedy.

    Examples:
        batchscope check params.yaml
    """
    from pipeline.datasets import specification
    from pipeline.settings import PILOT_REPLICATES
    from pipeline.settings_file import load_settings

    settings = load_settings(params)
    cells = len(settings.models) * len(settings.sweep.batch_sizes)
    sweep = cells * settings.sweep.replicates * settings.sweep.learning_rates.points
    expanded = cells * settings.sweep.replicates * settings.sweep.expansion
    piloted = len(settings.models) * PILOT_REPLICATES * settings.sweep.learning_rates.points
    search = settings.sweep.search
    searched = cells * settings.sweep.replicates * search.limit if search.rounds else 0
    confirmed = cells * settings.confirm.replicates * len(settings.confirm.rules)
    typer.echo(f"{params}: good")
    typer.echo(f"data: {settings.data.dataset}, {specification(settings.data.dataset).licence}")
    typer.echo(f"cells: {cells} ({', '.join(settings.models)})")
    if settings.sweep.goals.levels == "auto":
        typer.echo(f"pilot: {piloted:,} trials, to find the goals")
    typer.echo(
        f"sweep: {sweep:,} trials of the design, up to {expanded:,} beyond "
        f"an edge of the box, up to {searched:,} searched"
    )
    typer.echo(f"confirm: up to {confirmed:,} trials; rules that agree share theirs")
