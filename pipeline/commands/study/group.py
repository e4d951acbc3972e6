"""`batchscope study`: the group of commands."""

from __future__ import annotations

import typer

from pipeline.commands.study.delete import delete
from pipeline.commands.study.export import export
from pipeline.commands.study.listing import listing
from pipeline.commands.study.plan import plan
from pipeline.commands.study.run import run
from pipeline.commands.study.show import show

__all__ = ["study"]

study = typer.Typer(
    help="Run sensitivity studies without DVC, and look at how far they are.",
    no_args_is_help=True,
)
study.command("run")(run)
study.command("list")(listing)
study.command("show")(show)
study.command("plan")(plan)
study.command("export")(export)
study.command("delete")(delete)
