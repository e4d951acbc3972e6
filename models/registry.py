"""From a name in params.yaml to a network and what it declares."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from models.factories import check_defined, imported, module_found, never_exiting
from models.registered import CLASSIFICATION, REGISTERED

if TYPE_CHECKING:
    from models.factories import Factory
    from models.task import Objective, Task

__all__ = [
    "Network",
    "check_name",
    "declare",
    "infeasible",
    "module_of",
    "names",
    "network",
    "objective_of",
    "stochastic",
    "unstackable",
]


_ASKED_ONLY_OUTSIDE: Final = (8, 32)  # pixels a side: all networks are tested within
_FACTORY: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_DECLARATION: Final = "__batchscope__"


@dataclass(frozen=True)
class Network:
    """A network and what it declares.

    Attributes:
        name: As in params.yaml.
        factory: Makes the module for a task; its parameters follow torch's global generator.
        source: Where the architecture comes from; "" where nothing is said.
        objective: How outputs are scored, example by example.
        couples_examples: Whether one example's output depends on its batch (BatchNorm).
        stochastic: Whether forward draws random numbers in training (dropout).
    """

    name: str
    factory: Factory
    source: str
    objective: Objective
    couples_examples: bool
    stochastic: bool


@dataclass(frozen=True)
class _Declaration:
    objective: Objective
    couples_examples: bool
    stochastic: bool


def declare(
    *, objective: Objective, couples_examples: bool = False, stochastic: bool = False
) -> Callable[[Factory], Factory]:
    """Attach to a factory what its network declares; without it, a plain classifier is assumed.

    Args:
        objective: How outputs are scored, example by example.
        couples_examples: Whether one example's output depends on its batch.
        stochastic: Whether forward draws random numbers in training; such networks train solo.

    Returns:
        A decorator that returns the factory unchanged but for the declaration.
    """

    def attach(factory: Factory) -> Factory:
        setattr(factory, _DECLARATION, _Declaration(objective, couples_examples, stochastic))
        return factory

    return attach


def names() -> tuple[str, ...]:
    """Registered names, sorted."""
    return tuple(sorted(REGISTERED))


def module_of(name: str) -> str:
    """Dotted name of the module that defines a network; its source is in the fingerprint."""
    if name in REGISTERED:
        return f"models.{name}"
    _check_form(name)
    module_found(name)
    return name.partition(":")[0]


def check_name(name: str) -> None:
    """Refuse a name that is neither registered nor a ``package.module:factory`` there is.

    A ValueError says what is wrong, and the remedy. The factory is looked for in its module's
    source; what only an import of the module would show is found when the network is made.

    Args:
        name: As in params.yaml.
    """
    if name not in REGISTERED:
        _check_form(name)
        check_defined(name, module_found(name))


def network(name: str) -> Network:
    """Import a network by name.

    A ValueError says that there is none, that its module can't be imported or lacks the factory.

    Args:
        name: As in params.yaml.

    Returns:
        The network with its declaration.
    """
    module = module_of(name)
    if known := REGISTERED.get(name):
        its = importlib.import_module(module)
        objective = _classification() if known.objective == CLASSIFICATION else its.OBJECTIVE
        declared = _Declaration(objective, known.couples_examples, known.stochastic)
        source, factory = known.source, cast("Factory", getattr(its, name))
    else:
        plain = _Declaration(_classification(), couples_examples=False, stochastic=False)
        own = imported(name)
        declared, source = getattr(own, _DECLARATION, plain), ""
        factory = never_exiting(name, own)
    return Network(
        name, factory, source, declared.objective, declared.couples_examples, declared.stochastic
    )


def infeasible(name: str, task: Task, batch_size: int) -> str:
    """Why a network cannot train at a batch size, or "" where it can.

    BatchNorm on 1×1 maps has no variance to divide by when the batch is a single example, and a
    network may refuse images too small or too large for it. A registered network that doesn't
    couple examples is feasible, unasked, on images of 8 to 32 pixels a side and up to 3 channels;
    any other makes a forward pass in training mode on two examples, and on all of the batch if it
    refuses those, and is held against what it declares.
    A ValueError says that there is no such network, or none that trains at any batch size.

    Args:
        name: As in params.yaml.
        task: Sizes of the input and output.
        batch_size: Examples per step.

    Returns:
        The network's own complaint, a ValueError's message, or "".
    """
    if _surely_feasible(name, task):
        return ""
    found = network(name)
    from models.contract import complaint  # it imports torch

    return complaint(found, task, batch_size)


def unstackable(name: str, task: Task, batch_size: int) -> str:
    """Why a network cannot train stacked, or "" where it can, as all registered ones do.

    A ValueError says that it cannot train at all.

    Args:
        name: As in params.yaml.
        task: Sizes of the input and output.
        batch_size: Examples per step.
    """
    if name in REGISTERED:
        return ""
    from models.contract import unstackable as told  # it imports torch

    return told(network(name), task, batch_size)


def stochastic(name: str) -> bool:
    """Whether a network's forward draws random numbers in training.

    Args:
        name: As in params.yaml.
    """
    known = REGISTERED.get(name)
    return known.stochastic if known else network(name).stochastic


def objective_of(name: str) -> str | None:
    """Name of what a network's outputs are scored by; None where only importing it would show it.

    Args:
        name: As in params.yaml.
    """
    known = REGISTERED.get(name)
    return known.objective if known else None


def _check_form(name: str) -> None:
    if not _FACTORY.fullmatch(name):
        close = difflib.get_close_matches(name, REGISTERED, n=1)
        hint = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(names())}"
        raise ValueError(
            f"{name!r} is no registered network; {hint} Or give package.module:factory"
        )


def _surely_feasible(name: str, task: Task) -> bool:
    known = REGISTERED.get(name)
    smallest, largest = _ASKED_ONLY_OUTSIDE
    return (
        known is not None
        and not known.couples_examples
        and task.channels <= 3
        and all(smallest <= side <= largest for side in (task.height, task.width))
    )


def _classification() -> Objective:
    from models.task import CLASSIFICATION as objective  # noqa: N811 (here it is but a value)

    return objective
