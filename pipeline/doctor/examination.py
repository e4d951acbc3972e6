"""All checks, one after the other, the quick ones first; none of them ends the examination."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path

from pipeline.doctor import hardware, packages, places, storages, versioning
from pipeline.doctor import study as study_files
from pipeline.doctor.finding import Finding, error

__all__ = ["examine"]


def examine(
    params: Path, ledger: Path, prepared: Path, folders: tuple[Path, ...]
) -> Generator[Finding]:
    """Examine this machine, environment and folder.

    Args:
        params: Settings of the study.
        ledger: Its ledger, which need not exist.
        prepared: Folder of its prepared data, likewise.
        folders: That a study writes to.

    Yields:
        Findings, as they are made: torch, which takes seconds to import, comes last.
    """
    here = Path()
    yield from _packages()
    finding, settings = study_files.settings(params)
    yield finding
    training = settings.training if settings else None
    checks: dict[str, Callable[[], Finding]] = {
        "data": lambda: study_files.prepared(prepared, settings),
        "disk": lambda: places.disk(here),
        "ledger": lambda: places.file_system(ledger),
        "permissions": lambda: places.writable((here, *folders)),
        "locks": lambda: places.locks(ledger),
        "git": lambda: versioning.git(here),
        "dvc": lambda: versioning.dvc(here, packages.installed("dvc")),
        "threads": lambda: hardware.threads(training),
    }
    for subject, check in checks.items():
        yield _guarded(subject, check)
    if settings:
        yield _guarded("mlflow", lambda: storages.mlflow(settings.tracking, os.environ))
        yield _guarded("optuna", lambda: storages.optuna(settings.tracking, os.environ))
    yield from storages.databases(here)
    torch = _guarded("torch", hardware.torch_build)
    yield torch
    if torch.level != "error":
        yield _guarded("instruction set", hardware.instruction_set)
        yield _guarded("gpu", lambda: hardware.gpu(training))


def _packages() -> Generator[Finding]:
    """Python and packages.

    Yields:
        Findings.
    """
    try:
        requires, needed = packages.required()
    except LookupError as problem:
        yield error("packages", str(problem), "pip install --no-deps --editable .")
        needed = ()
    else:
        yield packages.python(requires)
        yield packages.in_range(needed)
    pins = packages.locked_versions(Path("requirements.lock"))
    yield packages.locked((r.name for r in needed), pins)
    yield packages.known_bad()


def _guarded(subject: str, check: Callable[[], Finding]) -> Finding:
    """What a check finds; what it didn't foresee is a finding too."""
    try:
        return check()
    except Exception as problem:
        what = f"{type(problem).__name__}: {problem}".splitlines()[0]
        return error(subject, f"could not be checked ({what})", "tell batchscope's maintainers")
