"""`batchscope ui`: the MLflow UI over the study's runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ui"]


def ui(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="TCP port; a free one if not given.")
    ] = None,
    params: Annotated[Path, typer.Option(help="Settings that say where runs are.")] = Path(
        "params.yaml"
    ),
) -> None:
    """Browse the runs in the MLflow UI, on this machine only, until Ctrl-C.

    Examples:
        batchscope ui --port 5000
    """
    from pipeline.settings_file import load_settings
    from pipeline.tracking import tracking_uri
    from pipeline.ui import open_ui

    tracking = load_settings(params).tracking
    open_ui(tracking_uri(tracking, os.environ), port, tracking.experiment)
