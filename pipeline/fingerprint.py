"""Digests of all that a race's numbers depend on: what has the same fingerprint need not run again.

Source code counts as its syntax tree: comments, docstrings and layout change nothing.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import sys
import sysconfig
from collections.abc import Generator, Iterable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Final

from models.registry import module_of
from pipeline.probe_plan import ProbePlan
from pipeline.trial import Recipe, Trial

__all__ = [
    "HARMLESS_MODULES",
    "PROBE_MODULES",
    "TRAINING_MODULES",
    "code_digest",
    "imported_modules",
    "probe_digest",
    "race_fingerprint",
]

TRAINING_MODULES: Final = (
    "models.task",
    "pipeline.cohort",
    "pipeline.lanes",
    "pipeline.members",
    "pipeline.optimisers",
    "pipeline.resident",
    "pipeline.schedules",
    "pipeline.seeds",
    "pipeline.stopping",
    "pipeline.streams",
)
"""Modules whose code decides what a trial's numbers are."""

PROBE_MODULES: Final = (
    "pipeline.probes",
    *(
        f"pipeline.probes.{name}"
        for name in (
            "keskar", "landscape", "noise_scale", "prober", "schedule", "sharpness", "trail",
        )
    ),
)  # fmt: skip
"""Modules whose code decides what probes find, and no number of training."""

HARMLESS_MODULES: Final = frozenset({
    "models.registered",  # names networks; adding one must not retrain the others
    "models.registry",  # finds them
    "models.shape",  # the task's sizes, which the data digest covers
    "pipeline.conflicts",  # words for what is wrong with settings
    "pipeline.dataset_specification",  # types of raw data
    "pipeline.events",  # tells of progress
    "pipeline.fingerprint",  # names races
    "pipeline.images",  # reads the prepared data, which the data digest covers
    "pipeline.manifest",  # likewise
    "pipeline.outcome",  # values
    "pipeline.probe_plan",  # values; the digest of probes covers them
    "pipeline.settings",  # what of the settings matters is in the recipe
    *(
        f"pipeline.settings.{branch}"
        for branch in ("branch", "confirm", "data", "sweep", "tracking", "training", "tree")
    ),
    "pipeline.splits",  # makes the splits, which the data digest covers
    "pipeline.training",  # wraps the cohort in a Trainer
    "pipeline.trial",  # values; their content is in the fingerprint
})
"""Modules that training imports and whose code decides no number. A test holds the partition."""

_PROJECT: Final = frozenset({"models", "pipeline"})  # wherever they are installed
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


def probe_digest(plan: ProbePlan) -> str:
    """Digest of what probes depend on besides the race: the plan, and the code that follows it.

    It is no part of a race's fingerprint: who looks at a training changes none of its numbers.

    Args:
        plan: What is measured.

    Returns:
        16 hexadecimal digits.
    """
    text = json.dumps([asdict(plan), _source_digest(PROBE_MODULES)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_digest(model: str) -> str:
    """Digest of the code that decides a model's numbers: of training and of the network.

    Args:
        model: Registered name or ``package.module:factory``.

    Returns:
        64 hexadecimal digits; they change when an edit changes fingerprints.
    """
    text = f"{_VERSION}:{_source_digest(TRAINING_MODULES)}:{_network_digest(model)}"
    return hashlib.sha256(text.encode()).hexdigest()


def imported_modules(root: str) -> tuple[str, ...]:
    """First-party modules that ``root`` imports, at any depth and itself included, sorted.

    First-party is what belongs neither to Python nor to an installed library: this project, a
    user's packages and modules. Imports inside functions count. Nothing is imported.

    Args:
        root: Dotted name of a module.

    Returns:
        Dotted names.
    """
    found: set[str] = set()
    waiting = [root]
    while waiting:
        module = waiting.pop()
        if module in found or (path := _path_of(module)) is None:
            continue  # a library's, or a name in a module rather than a module
        found.add(module)
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        waiting.extend(_named_by_imports(ast.parse(path.read_bytes()), package))
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


def _named_by_imports(tree: ast.AST, package: str) -> Generator[str]:
    """Every dotted name that an import statement mentions, packages of it included.

    Yields:
        Dotted names; not all are modules.
    """
    for node in ast.walk(tree):
        names: Iterable[str] = ()
        if isinstance(node, ast.Import):
            names = (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            names = (base, *(f"{base}.{alias.name}" for alias in node.names))
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:i]) for i in range(1, len(parts) + 1))


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """The module that names are imported from; each dot past the first climbs one package."""
    if not node.level:
        return node.module or ""
    base = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


@lru_cache
def _path_of(module: str) -> Path | None:
    """Source file of a first-party module; None for any other name. No parent is imported."""
    top, *rest = module.split(".")
    if not top or top in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest and spec.origin:
        candidates = [Path(spec.origin)]
    else:
        folders = [Path(where).joinpath(*rest) for where in spec.submodule_search_locations or ()]
        candidates = [f for d in folders for f in (d.with_suffix(".py"), d / "__init__.py")]
    path = next((f for f in candidates if f.suffix == ".py" and f.is_file()), None)
    return path if path and (top in _PROJECT or not _in_library(path)) else None


def _in_library(path: Path) -> bool:
    libraries = (Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib", "stdlib"))
    return any(path.is_relative_to(library) for library in libraries)
