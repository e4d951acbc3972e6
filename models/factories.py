"""Factories of users, named package.module:factory: whether there is one, and the import of it."""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec

    from torch import nn

    from models.shape import Task

    Factory = Callable[[Task], nn.Module]

__all__ = [
    "BrokenNetworkError",
    "check_defined",
    "imported",
    "module_found",
    "never_exiting",
    "told",
]

_DYNAMIC: Final = {"globals", "locals", "vars", "setattr", "exec", "__getattr__", "__dict__"}
"""Names in whose presence a module may define what its source doesn't show."""


class BrokenNetworkError(ValueError):
    """A user's network that can't be trained at any batch size, with what to do about it."""


def module_found(name: str) -> ModuleSpec:
    """Find the module of a factory; only the packages around it are imported.

    Args:
        name: ``package.module:factory``.

    Returns:
        Where the module is.

    Raises:
        BrokenNetworkError: If it does not exist, or a package around it can't be imported.
    """
    module = name.partition(":")[0]
    try:
        found = importlib.util.find_spec(module)
    except (Exception, SystemExit) as problem:  # importing a user's packages may raise anything
        raise BrokenNetworkError(
            f"module {module!r} of network {name!r} is not importable ({told(problem)}); "
            "check the name and the module"
        ) from problem
    if found is None:
        raise BrokenNetworkError(
            f"module {module!r} of network {name!r} does not exist; check the name"
        )
    return found


def check_defined(name: str, found: ModuleSpec) -> None:
    """Refuse a factory whose name its module's source never binds; nothing is imported.

    Args:
        name: ``package.module:factory``.
        found: Where its module is. One without source, with an ``import *`` or with names made
            while it runs is taken at its word; `imported` sees what is there.

    Raises:
        BrokenNetworkError: If there is no such factory, or the source can't be parsed.
    """
    path = Path(found.origin or "")
    if path.suffix != ".py" or not path.is_file():
        return
    try:
        tree = ast.parse(path.read_bytes(), path.name)
    except (SyntaxError, ValueError) as problem:
        raise BrokenNetworkError(
            f"module {found.name!r} of network {name!r} is no Python ({problem}); mend it"
        ) from problem
    bound = set(_bound(tree))
    if name.partition(":")[2] not in bound and not bound & {"*", *_DYNAMIC}:
        defined = [
            node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
        ]
        raise BrokenNetworkError(_missing(name, defined))


def imported(name: str) -> Factory:
    """Import a factory.

    Args:
        name: ``package.module:factory``.

    Returns:
        The factory, as its module has it.

    Raises:
        BrokenNetworkError: If its module can't be imported, or has no such factory.
    """
    path, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(path)
        factory: Any = getattr(module, attribute, None)
    except (Exception, SystemExit) as problem:  # a user's module may raise anything
        raise BrokenNetworkError(
            f"module {path!r} of network {name!r} can't be imported ({told(problem)}"
            f"{_place(problem)}); mend it or take the network out of models"
        ) from problem
    if factory is None:
        defined = (k for k, v in vars(module).items() if getattr(v, "__module__", "") == path)
        raise BrokenNetworkError(_missing(name, defined))
    if not callable(factory):
        raise BrokenNetworkError(
            f"{attribute!r} in module {path!r} is of type {type(factory).__name__}, no factory; "
            f"check models: {name}"
        )
    return cast("Factory", factory)


def never_exiting(name: str, factory: Factory) -> Factory:
    """The same factory, but that ``sys.exit`` in it is an error and not the end of the command.

    Args:
        name: ``package.module:factory``.
        factory: Of that name.

    Returns:
        A factory that raises a BrokenNetworkError instead.
    """

    def made(task: Task) -> nn.Module:
        try:
            return factory(task)
        except SystemExit as problem:
            raise BrokenNetworkError(
                f"the factory of network {name} ends Python ({told(problem)}); "
                "mend it or take it out of models"
            ) from problem

    return made


def told(problem: BaseException) -> str:
    """Kind and words of an error; some have no words."""
    return f"{type(problem).__name__}: {problem}".removesuffix(": ")


def _place(problem: BaseException) -> str:
    """Where an import broke; "" where the message of a SyntaxError has said it."""
    ours = {__file__, importlib.__file__}
    frames = [f for f in traceback.extract_tb(problem.__traceback__) if f.filename not in ours]
    own = [f for f in frames if not f.filename.startswith("<frozen")]
    return f", in {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""


def _missing(name: str, defined: Iterable[str]) -> str:
    module, _, attribute = name.partition(":")
    public = [other for other in defined if not other.startswith("_")]
    close = difflib.get_close_matches(attribute, public, n=1)
    hint = f"did you mean {module}:{close[0]}?" if close else f"it has {', '.join(public)}."
    return (
        f"module {module!r} of network {name!r} has no factory {attribute!r}; "
        f"{hint if public else 'define it there.'} Check models"
    )


def _bound(tree: ast.Module) -> Iterator[str]:
    """Every name bound in a module, at any depth; ``*``, and what else hides names, as itself.

    Yields:
        Names, some more than once.
    """
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.alias():
                yield node.asname or node.name.partition(".")[0]
            case ast.Name() if isinstance(node.ctx, ast.Store) or node.id in _DYNAMIC:
                yield node.id
            case ast.Attribute() if node.attr in _DYNAMIC:
                yield node.attr
            case _:
                pass
