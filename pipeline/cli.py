"""The command line's entry point: mounts the commands, and ends on bad input."""

from __future__ import annotations

import typer

from pipeline.blame import end_on
from pipeline.commands.check import check
from pipeline.commands.describe import describe
from pipeline.commands.models import models
from pipeline.commands.ui import ui

__all__ = ["app", "main"]

app = typer.Typer(
    name="batchscope",
    help="Batch-size sensitivity studies of CNNs. The study itself runs with: dvc repro",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(check)
app.command()(models)
app.command()(describe)
app.command()(ui)


def main() -> None:
    """Run the command line; bad input ends with a message and exit status 2, no traceback."""
    try:
        app()
    except ValueError as problem:
        end_on(problem)


if __name__ == "__main__":
    main()
