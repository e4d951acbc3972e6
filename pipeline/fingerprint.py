"""Digests of all that a race's numbers depend on: what has the same fingerprint need not run again.

Source code counts as its syntax tree: comments, docstrings and layout change nothing.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Final

from models.registry import module_of
from pipeline.trial import Recipe, Trial

__all__ = ["HARMLESS_MODULES", "TRAINING_MODULES", "imported_modules", "race_fingerprint"]

TRAINING_MODULES: Final = (
    "models.task",
    "pipeline.cohort",
    "pipeline.lanes",
    "pipeline.members",
    "pipeline.optimisers",
    "pipeline.resident",
    "pipeline.seeds",
    "pipeline.stopping",
    "pipeline.streams",
)
"""Modules whose code decides what a trial's numbers are."""

HARMLESS_MODULES: Final = frozenset({
    "models.registry",  # finds networks; adding one must not retrain the others
    "models.shape",  # the task's sizes, which the data digest covers
    "pipeline.conflicts",  # words for what is wrong with settings
    "pipeline.dataset_specification",  # types of raw data
    "pipeline.events",  # tells of progress
    "pipeline.images",  # reads the prepared data, which the data digest covers
    "pipeline.manifest",  # likewise
    "pipeline.outcome",  # values
    "pipeline.settings",  # what of the settings matters is in the recipe
    "pipeline.splits",  # makes the splits, which the data digest covers
    "pipeline.training",  # wraps the cohort in a Trainer
    "pipeline.trial",  # values; their content is in the fingerprint
})
"""Modules that training imports and whose code decides no number. A test holds the partition."""

_FIRST_PARTY: Final = frozenset({"models", "pipeline"})
_VERSION: Final = 1  # of what the fingerprint is made of


def race_fingerprint(trials: tuple[Trial, ...], recipe: Recipe, data_digest: str) -> str:
    """Fingerprint of a race.

    Args:
        trials: Of one cell and replicate.
        recipe: What they share.
        data_digest: Digest of the prepared data.

    Returns:
        32 hexadecimal digits.
    """
    content = {
        "version": _VERSION,
        "data": data_digest,
        "training": _source_digest(TRAINING_MODULES),
        "network": _network_digest(trials[0].model),
        "recipe": asdict(recipe),
        "trials": [asdict(trial) for trial in trials],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def imported_modules(root: str) -> tuple[str, ...]:
    """First-party modules that ``root`` imports, at any depth and itself included, sorted.

    First-party are this project's packages and the root's own top-level package. Imports inside
    functions count.

    Args:
        root: Dotted name of a module.

    Returns:
        Dotted names.
    """
    packages = _FIRST_PARTY | {root.partition(".")[0]}
    found: set[str] = set()
    waiting = [root]
    while waiting:
        module = waiting.pop()
        if module in found or module.partition(".")[0] not in packages:
            continue
        if (path := _path_of(module)) is None:  # a name in a module, not a module
            continue
        found.add(module)
        waiting.extend(_named_by_imports(ast.parse(path.read_bytes())))
    return tuple(sorted(found))


@lru_cache
def _network_digest(model: str) -> str:
    modules = imported_modules(module_of(model))
    return _source_digest(tuple(m for m in modules if m not in HARMLESS_MODULES))


@lru_cache
def _source_digest(modules: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for module in sorted(modules):
        path = _path_of(module)
        assert path is not None, f"{module} has no source"
        digest.update(f"{module}\n{_canonical(path.read_bytes())}\n".encode())
    return digest.hexdigest()


def _canonical(source: bytes) -> str:
    """Source without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [s for s in node.body if not _is_docstring(s)] or [ast.Pass()]
    return ast.unparse(tree)


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _named_by_imports(tree: ast.AST) -> Iterator[str]:
    """Every dotted name that an import statement mentions, packages of it included.

    Yields:
        Dotted names; not all are modules.
    """
    for node in ast.walk(tree):
        names: Iterable[str] = ()
        if isinstance(node, ast.Import):
            names = (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:i]) for i in range(1, len(parts) + 1))


@lru_cache
def _path_of(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None
