"""Git and DVC: there, set up, and with something to go back to."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.doctor.finding import Finding, error, ok, warning

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["dvc", "dvc_remotes", "git"]


def git(folder: Path, program: str | None = None) -> Finding:
    """Whether the code that trains is a commit that one can go back to."""
    found = program or shutil.which("git")
    if not found:
        return warning(
            "git", "not found: dvc works without history, runs carry no commit", "install git"
        )
    commit = _output([found, "rev-parse", "--short", "HEAD"], folder)
    if commit is None:
        if _output([found, "rev-parse", "--git-dir"], folder) is None:
            return error(
                "git", f"{folder.resolve()} is no repository", "git init, or dvc repro fails"
            )
        return warning("git", "no commit yet", "git add --all && git commit")
    changed = _output([found, "status", "--porcelain"], folder)
    if changed is None:
        return warning("git", "git status fails", "run git status, and mend what it says")
    if changed:
        files = len(changed.splitlines())
        return warning(
            "git",
            f"{files} changed files: runs name commit {commit}, which lacks them",
            "commit before a study that counts",
        )
    return ok("git", f"commit {commit}, nothing changed")


def dvc(folder: Path, version: str | None, program: str | None = None) -> Finding:
    """Whether `dvc repro` would start, and push and pull have somewhere to go."""
    if version is None:
        return error("dvc", "not installed", "pip install --require-hashes -r requirements.lock")
    if not (folder / ".dvc").is_dir():
        return error("dvc", f"{version}; {folder.resolve()} is not set up for it", "dvc init")
    if not (folder / "dvc.yaml").is_file():
        return error("dvc", f"{version}; there is no dvc.yaml", "git checkout dvc.yaml")
    if not (program or shutil.which("dvc")):
        return warning(
            "dvc", f"{version}, not on the PATH", "activate the environment: . .venv/bin/activate"
        )
    remotes = dvc_remotes(folder)
    where = f"remote {', '.join(remotes)}" if remotes else "no remote (dvc push would need one)"
    return ok("dvc", f"{version}, {where}")


def dvc_remotes(folder: Path) -> tuple[str, ...]:
    """Names of the remotes that a repository's DVC configuration lists."""
    config = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        config.read([folder / ".dvc" / "config", folder / ".dvc" / "config.local"])
    except (configparser.Error, UnicodeDecodeError):
        return ()
    sections = (section.strip("'") for section in config.sections())
    return tuple(s.removeprefix('remote "').rstrip('"') for s in sections if s.startswith("remote"))


def _output(command: Sequence[str], folder: Path) -> str | None:
    """What a program prints, or None where it fails."""
    try:
        ended = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.strip() if ended.returncode == 0 else None
