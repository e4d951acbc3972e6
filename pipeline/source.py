"""First-party source code: which modules there are, what they import, and a digest of them.

Code counts as its syntax tree: comments, docstrings and layout change nothing.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Generator, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

__all__ = ["imported_modules", "source_digest"]

_PROJECT: Final = frozenset({"models", "pipeline"})  # wherever they are installed


@lru_cache
def source_digest(modules: tuple[str, ...]) -> str:
    """Digest of the code of first-party modules, by their syntax trees.

    Args:
        modules: Dotted names; what they import does not count.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for module in sorted(modules):
        path = _path_of(module)
        assert path is not None, f"{module} has no source"
        digest.update(f"{module}\n{_canonical(path.read_bytes())}\n".encode())
    return digest.hexdigest()


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
