"""The command line's entry point: mounts the commands, and ends on bad input."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from pipeline.commands.advise import advise
from pipeline.commands.calibrate import calibrate
from pipeline.commands.check import check
from pipeline.commands.datasets import datasets
from pipeline.commands.describe import describe
from pipeline.commands.doctor import doctor
from pipeline.commands.fit import fit
from pipeline.commands.manners import run
from pipeline.commands.models import models
from pipeline.commands.restore import restore
from pipeline.commands.selftest import selftest
from pipeline.commands.study.group import study
from pipeline.commands.tune import tune
from pipeline.commands.ui import ui

__all__ = ["app", "main"]

STUDY: Final = "Study"
LOOK: Final = "Look"
SET_UP: Final = "Set up"

app = typer.Typer(
    name="batchscope",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Start: dvc repro runs the whole study of params.yaml. Then: batchscope ui.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"batchscope {version('batchscope')}")
        raise typer.Exit


@app.callback()
def batchscope(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """How finicky is a network about batch size, and what should I set?"""


app.command(rich_help_panel=STUDY)(tune)
app.add_typer(study, name="study", rich_help_panel=STUDY)
app.command(rich_help_panel=LOOK)(advise)
app.command(rich_help_panel=LOOK)(ui)
app.command(rich_help_panel=LOOK)(datasets)
app.command(rich_help_panel=LOOK)(models)
app.command(rich_help_panel=LOOK)(describe)
app.command(rich_help_panel=STUDY)(restore)
app.command(rich_help_panel=LOOK)(fit)
app.command(rich_help_panel=SET_UP)(check)
app.command(rich_help_panel=SET_UP)(doctor)
app.command(rich_help_panel=SET_UP)(calibrate)
app.command(rich_help_panel=SET_UP)(selftest)


def main() -> None:
    """Run the command line; bad input ends with a message and exit status 2, no traceback."""
    run(app)


if __name__ == "__main__":
    main()
