"""Where the things are kept that outlive a workspace: ledger, MLflow's and Optuna's databases."""

from __future__ import annotations

from pathlib import Path

__all__ = ["home"]


def home() -> Path:
    """The folder that the ledger lies in: the current one, but for DVC's temporary workspaces.

    `dvc exp run --queue` and `--temp` run stages in `.dvc/tmp/exps/…` of the project, and remove
    that afterwards; what they train belongs to the project.

    Returns:
        An absolute path.
    """
    here = Path.cwd()
    for folder in here.parents:
        if here.is_relative_to(folder / ".dvc" / "tmp" / "exps"):
            return folder
    return here
