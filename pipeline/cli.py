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
AROUND: Final = "Look and set up"

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


# One line each, so that all of them fit a screen; a command's own help says more.
app.add_typer(study, name="study", rich_help_panel=STUDY)
for command, summary in {
    tune: "Search batch size and learning rate together.",
    advise: "Say what to set, and what a batch size costs.",
    fit: "Find the critical batch size in your own measurements.",
    restore: "Rebuild ledger, runs and studies from results/.",
}.items():
    app.command(rich_help_panel=STUDY, short_help=summary)(command)
for command, summary in {
    ui: "Browse the runs in the MLflow UI.",
    datasets: "List the registered data sets.",
    models: "List the networks.",
    describe: "Show a network layer by layer.",
    check: "Check the settings of a study.",
    doctor: "Look for what could keep a study from running.",
    calibrate: "Time both kernels, and propose settings.",
    selftest: "Train a solved problem, and compare.",
}.items():
    app.command(rich_help_panel=AROUND, short_help=summary)(command)


def main() -> None:
    """Run the command line; bad input ends with a message and exit status 2, no traceback."""
    run(app)


if __name__ == "__main__":
    main()
