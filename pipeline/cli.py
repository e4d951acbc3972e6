"""The command line: check the settings, look at the plan, browse the runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline.blame import end_on

__all__ = ["app", "main"]

app = typer.Typer(
    name="batchscope",
    help="Batch-size sensitivity studies of CNNs. The study itself runs with: dvc repro",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.command()
def check(
    params: Annotated[Path, typer.Argument(help="Settings to check.")] = Path("params.yaml"),
) -> None:
    """Check the settings of a study, and say how many trials it holds.

    Exit status 2 if something is wrong: every fault is listed with line, value and remedy.

    Example: batchscope check params.yaml
    """
    from pipeline.datasets import specification
    from pipeline.settings_file import load_settings

    settings = load_settings(params)
    cells = len(settings.models) * len(settings.sweep.batch_sizes)
    sweep = cells * settings.sweep.replicates * settings.sweep.learning_rates.points
    search = settings.sweep.search
    searched = cells * settings.sweep.replicates * search.rounds * search.proposals
    confirmed = cells * settings.confirm.replicates * len(settings.confirm.rules)
    typer.echo(f"{params}: good")
    typer.echo(f"data: {settings.data.dataset}, {specification(settings.data.dataset).licence}")
    typer.echo(f"cells: {cells} ({', '.join(settings.models)})")
    typer.echo(f"sweep: {sweep:,} trials on the grid, up to {searched:,} searched")
    typer.echo(f"confirm: up to {confirmed:,} trials; rules that agree share theirs")


@app.command()
def ui(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="TCP port; a free one if not given.")
    ] = None,
    params: Annotated[Path, typer.Option(help="Settings that say where runs are.")] = Path(
        "params.yaml"
    ),
) -> None:
    """Browse the runs in the MLflow UI, on this machine only, until Ctrl-C.

    Example: batchscope ui --port 5000
    """
    from pipeline.settings_file import load_settings
    from pipeline.tracking import tracking_uri
    from pipeline.ui import open_ui

    tracking = load_settings(params).tracking
    open_ui(tracking_uri(tracking, os.environ), port, tracking.experiment)


def main() -> None:
    """Run the command line; bad input ends with a message and exit status 2, no traceback."""
    try:
        app()
    except ValueError as problem:
        end_on(problem)


if __name__ == "__main__":
    main()
