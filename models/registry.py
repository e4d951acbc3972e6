"""From a name in params.yaml to a network and what it declares."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from torch import nn

    from models.task import Objective, Task

    Factory = Callable[[Task], nn.Module]

__all__ = [
    "Network",
    "check_name",
    "declare",
    "infeasible",
    "module_of",
    "names",
    "network",
    "stochastic",
]


@dataclass(frozen=True)
class _Entry:
    """A registered network, declared without importing it: torch takes seconds.

    Attributes:
        source: Where the architecture comes from.
        couples_examples: Whether one example's output depends on its batch.
        stochastic: Whether forward draws random numbers in training.
    """

    source: str
    couples_examples: bool = False
    stochastic: bool = False


# The factory of a network is the function of its name, in the module of its name.
_REGISTERED: Final = {
    "conv": _Entry("the notes: tied and local layers"),
    "conv_true": _Entry("the notes: conv with its kernels flipped"),
    "dense": _Entry("the notes: order-4 dense layers"),
    "lenet": _Entry("LeCun et al. 1998, LeNet-5"),
    "linear": _Entry("softmax regression"),
    "local": _Entry("the notes: local layers, untied"),
    "mlp": _Entry("one hidden layer of 64 units"),
    "mlp_matched": _Entry("one hidden layer, as many parameters as conv"),
    "resnet18": _Entry("He et al. 2016, torchvision's, small stem", couples_examples=True),
    "resnet8": _Entry("He et al. 2016, n = 1", couples_examples=True),
    "resnet8_gn": _Entry("resnet8 with Wu & He 2018's normalisation"),
    "simple_cnn": _Entry("Shallue et al. 2018, Simple CNN"),
    "tied": _Entry("the notes: tied layers, not local"),
    "vgg": _Entry("Simonyan & Zisserman 2015, small"),
}
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
    return tuple(sorted(_REGISTERED))


def module_of(name: str) -> str:
    """Dotted name of the module that defines a network; its source is in the fingerprint."""
    check_name(name)
    return f"models.{name}" if name in _REGISTERED else name.partition(":")[0]


def check_name(name: str) -> None:
    """Refuse a name that is neither registered nor an importable ``package.module:factory``.

    Args:
        name: As in params.yaml.

    Raises:
        ValueError: With what is wrong and the remedy. The factory itself is looked up only when
            the network is made.
    """
    if name in _REGISTERED:
        return
    if not _FACTORY.fullmatch(name):
        close = difflib.get_close_matches(name, _REGISTERED, n=1)
        hint = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(names())}"
        raise ValueError(
            f"{name!r} is no registered network; {hint} Or give package.module:factory"
        )
    module = name.partition(":")[0]
    try:
        found = importlib.util.find_spec(module)
    except Exception as problem:  # importing a user's packages may raise anything
        raise ValueError(
            f"module {module!r} of network {name!r} is not importable ({problem}); "
            "check the name and the module"
        ) from problem
    if found is None:
        raise ValueError(f"module {module!r} of network {name!r} does not exist; check the name")


def network(name: str) -> Network:
    """Import a network by name.

    Args:
        name: As in params.yaml.

    Returns:
        The network with its declaration.

    Raises:
        ValueError: If there is no such network, or its module lacks the factory.
    """
    module, attribute = module_of(name), name.rpartition(":")[2]
    factory = cast("Factory | None", getattr(importlib.import_module(module), attribute, None))
    if factory is None:
        raise ValueError(f"module {module!r} has no factory {attribute!r}; check models: {name}")
    if known := _REGISTERED.get(name):
        declared, source = _classifier(known.couples_examples, known.stochastic), known.source
    else:
        declared, source = getattr(factory, _DECLARATION, None) or _classifier(), ""
    return Network(
        name, factory, source, declared.objective, declared.couples_examples, declared.stochastic
    )


def infeasible(name: str, task: Task, batch_size: int) -> str:
    """Why a network cannot train at a batch size, or "" where it can.

    BatchNorm on 1×1 maps has no variance to divide by when the batch is a single example, and a
    network may refuse images too small or too large for it. A registered network that doesn't
    couple examples is feasible, unasked, on images of 8 to 32 pixels a side and up to 3 channels;
    any other makes one forward pass in training mode.

    Args:
        name: As in params.yaml.
        task: Sizes of the input and output.
        batch_size: Examples per step.

    Returns:
        The network's own complaint, a ValueError's message, or "".

    Raises:
        ValueError: If the network breaks in any other way.
    """
    if _surely_feasible(name, task):
        return ""
    import torch

    # A forward pass may draw (dropout); the generator it draws from is the caller's.
    with torch.random.fork_rng(devices=[]), torch.no_grad():  # pyright: ignore[reportUnknownMemberType]
        images = torch.zeros(min(batch_size, 2), task.channels, task.height, task.width)
        try:
            network(name).factory(task).train()(images)
        except ValueError as problem:
            return str(problem)
        except Exception as problem:  # a user's network may raise anything
            shape = "×".join(map(str, images.shape))
            raise ValueError(
                f"network {name} does not run on images of {shape} "
                f"({type(problem).__name__}: {problem}); mend it or take it out of models"
            ) from problem
    return ""


def stochastic(name: str) -> bool:
    """Whether a network's forward draws random numbers in training.

    Args:
        name: As in params.yaml.
    """
    known = _REGISTERED.get(name)
    return known.stochastic if known else network(name).stochastic


def _surely_feasible(name: str, task: Task) -> bool:
    known = _REGISTERED.get(name)
    smallest, largest = _ASKED_ONLY_OUTSIDE
    return (
        known is not None
        and not known.couples_examples
        and task.channels <= 3
        and all(smallest <= side <= largest for side in (task.height, task.width))
    )


def _classifier(couples_examples: bool = False, stochastic: bool = False) -> _Declaration:
    from models.task import CLASSIFICATION

    return _Declaration(CLASSIFICATION, couples_examples, stochastic)
