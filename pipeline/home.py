"""Where the things are kept that outlive a workspace: ledger, MLflow's and Optuna's databases."""

from __future__ import annotations

from pathlib import Path

__all__ = ["home"]


def home() -> Path:
    """The folder that the ledger lies in: the current one, but for DVC's temporary workspaces.

    `dvc exp run --queue` and `--temp` run stages in `.dvc/tmp/exps/…` of the project, and remove
    that afterwards; what they train belongs to the project. A workspace holds all of the git
    repository, and the project may be a folder of that.

    Returns:
        An absolute path.
    """
    here = Path.cwd()
    for folder in here.parents:
        if here.is_relative_to(workspaces := folder / ".dvc" / "tmp" / "exps"):
            return _project(folder, here.relative_to(workspaces).parts)
    return here


def _project(root: Path, inside: tuple[str, ...]) -> Path:
    """The folder of a repository that one in a workspace is a copy of."""
    below = inside[2:] if inside[:1] == ("standalone",) else inside[1:]
    project = root.joinpath(*below)
    # Else the .dvc is the project's own, in a folder of the repository: it is the root.
    return project if (project / "dvc.yaml").is_file() else root
