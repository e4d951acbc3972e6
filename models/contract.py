"""What a network promises, held against what it is before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap  # pyright: ignore[reportPrivateImportUsage]
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from models.factories import BrokenNetworkError, told
from models.task import CLASSIFICATION, Task

if TYPE_CHECKING:
    from models.registry import Network

__all__ = ["complaint", "unstackable"]

State = dict[str, Tensor]
_STACKED: Final = 2  # members
_BATCH_NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_DROPOUTS: Final = (
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout,
)  # fmt: skip


def complaint(network: Network, task: Task, examples: int) -> str:
    """What a network itself says against a batch, or "" where it takes it.

    It is made, looked at, and run in training mode, on two examples and, if it refuses those, on
    all. No number is drawn of the caller's. A BrokenNetworkError says that it breaks in any other
    way, has nothing to train, does not declare that it couples examples or draws random numbers, or
    returns what its objective does not score.

    Args:
        network: With what it declares.
        task: Sizes of the input and output.
        examples: Size B of the batch.

    Returns:
        The message of a ValueError of its factory or forward, or "".
    """
    _, refused = _small_first(lambda asked: _refusal(network, task, asked), examples)
    return refused


def _small_first(ask: Callable[[int], str], examples: int) -> tuple[int, str]:
    """Ask for two examples, which is cheap, and for all where those are refused.

    It may be that the network wants a multiple of 16, say.

    Args:
        ask: Says what it has against so many examples, or "".
        examples: All.

    Returns:
        How many were asked for last, and the answer.
    """
    asked = min(examples, 2)
    refused = ask(asked)
    return (examples, ask(examples)) if refused and asked < examples else (asked, refused)


def _refusal(network: Network, task: Task, examples: int) -> str:
    """The same against just so many examples.

    Raises:
        BrokenNetworkError: As `complaint` says.
    """
    images = torch.zeros(examples, task.channels, task.height, task.width)
    with torch.random.fork_rng(devices=[]), torch.no_grad():  # pyright: ignore[reportUnknownMemberType]
        try:
            module = network.factory(task)
            _check_module(network.name, module)
            module.train()
            _check_declared(network, coupling=_batch_norm(module), drawing=_dropout(module))
            before = torch.get_rng_state()
            outputs = module(images)
            if not torch.equal(before, torch.get_rng_state()):
                _check_declared(network, coupling="", drawing="its forward")
        except BrokenNetworkError:
            raise
        except ValueError as problem:
            return str(problem) or told(problem)
        except (Exception, SystemExit) as problem:  # a user's network may raise anything
            raise BrokenNetworkError(
                f"network {network.name} does not run on images of {_sizes(images)} "
                f"({told(problem)}); mend it or take it out of models"
            ) from problem
    _check_outputs(network, outputs, images, task)
    return ""


def unstackable(network: Network, task: Task, examples: int) -> str:
    """Why a network cannot train stacked, vectorised by vmap, or "" where it can.

    Two members take a step's forward, loss and backward, on two examples and, if those are refused,
    on all; no number is drawn of the caller's.

    Args:
        network: With what it declares.
        task: Sizes of the input and output.
        examples: Size B of the batch.

    Returns:
        What torch says, or "".

    Raises:
        BrokenNetworkError: If it cannot take the step without vmap either.
    """
    asked, refused = _small_first(
        lambda asked: _step_refused(network, task, asked, stacked=True), examples
    )
    if refused and (alone := _step_refused(network, task, asked, stacked=False)):
        raise BrokenNetworkError(
            f"network {network.name} does not train on {asked} images of {task.channels}×"
            f"{task.height}×{task.width} ({alone}); mend it or take it out of models"
        )
    return refused


@cache
def _step_refused(network: Network, task: Task, examples: int, *, stacked: bool) -> str:
    """What keeps members from a step as lanes take it, on zeros, or ""."""
    images = torch.zeros(_STACKED, examples, task.channels, task.height, task.width)
    targets = torch.zeros(_STACKED, examples, dtype=torch.long)
    with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
        try:
            module = network.factory(task).train()
            parameters = dict(module.named_parameters())
            trainable = _members({n: p for n, p in parameters.items() if p.requires_grad})
            fixed = _members(
                {n: p for n, p in parameters.items() if not p.requires_grad}
                | dict(module.named_buffers())
            )
            leaves = [tensor.requires_grad_() for tensor in trainable.values()]

            def score(own: State, kept: State, x: Tensor, y: Tensor) -> Tensor:
                outputs = functional_call(module, {**own, **kept}, (x,))
                return network.objective.loss(outputs, y).mean()

            if stacked:
                losses = vmap(score)(trainable, fixed, images, targets)
            else:
                own, kept = ({n: t[0] for n, t in state.items()} for state in (trainable, fixed))
                losses = score(own, kept, images[0], targets[0])
            torch.autograd.grad(losses.sum(), leaves, allow_unused=True)
        except Exception as problem:  # a user's network may raise anything, and vmap its own
            return told(problem).split("\n", maxsplit=1)[0]
    return ""


def _members(state: Mapping[str, Tensor]) -> State:
    """A network's state, once for each member."""
    return {name: t.detach().expand(_STACKED, *t.shape).clone() for name, t in state.items()}


def _check_module(name: str, module: object) -> None:
    if not isinstance(module, nn.Module):
        raise BrokenNetworkError(
            f"the factory of network {name} returned {_what(module)}; "
            "it must return a torch.nn.Module"
        )
    for key, value in [*module.named_parameters(), *module.named_buffers()]:
        if isinstance(value, UninitializedParameter | UninitializedBuffer):
            raise BrokenNetworkError(
                f"{key!r} of network {name} is uninitialised when its factory returns, and would "
                "start from weights of no seed; give lazy layers their sizes, which the task has"
            )
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise BrokenNetworkError(
            f"network {name} has no parameters to train; assign its layers to attributes of the "
            "module, or to an nn.ModuleList, or take it out of models"
        )


def _check_declared(network: Network, *, coupling: str, drawing: str) -> None:
    """Compare with what is declared.

    Args:
        network: With what it declares.
        coupling: What in it couples the examples of a batch, or "".
        drawing: What in it draws random numbers in training, or "".

    Raises:
        BrokenNetworkError: If it declares less, with the declaration that would be true.
    """
    found: list[str] = []
    if coupling and not network.couples_examples:
        found.append(f"couples the examples of a batch ({coupling})")
    if drawing and not network.stochastic:
        found.append(f"draws random numbers in training ({drawing})")
    if not found:
        return
    objective = "CLASSIFICATION" if network.objective == CLASSIFICATION else "..."
    couples = ", couples_examples=True" if coupling or network.couples_examples else ""
    draws = ", stochastic=True" if drawing or network.stochastic else ""
    raise BrokenNetworkError(
        f"network {network.name} {' and '.join(found)} and does not say so; put "
        f"@declare(objective={objective}{couples}{draws}) of models.registry above its factory"
    )


def _batch_norm(module: nn.Module) -> str:
    """The first layer that normalises by its batch; a frozen one has statistics of its own."""
    for name, layer in _layers(module):
        if isinstance(layer, _BATCH_NORMS) and (layer.training or layer.running_mean is None):
            return f"layer {name}, {type(layer).__name__}"
    return ""


def _dropout(module: nn.Module) -> str:
    for name, layer in _layers(module):
        if isinstance(layer, _DROPOUTS) and layer.training and layer.p > 0:
            return f"layer {name}, {type(layer).__name__}"
    return ""


def _layers(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    return cast("Iterator[tuple[str, nn.Module]]", module.named_modules())


def _check_outputs(network: Network, outputs: object, images: Tensor, task: Task) -> None:
    examples = len(images)
    classifies = network.objective == CLASSIFICATION
    if isinstance(outputs, Tensor):
        shape = tuple(outputs.shape)
        if shape == (examples, task.classes) if classifies else shape[:1] == (examples,):
            return
    classes = f"{examples}×{task.classes}, a logit a class"
    raise BrokenNetworkError(
        f"network {network.name} returned {_what(outputs)} for images of {_sizes(images)}; "
        f"its objective, {network.objective.name}, needs a Tensor of "
        f"{classes if classifies else f'{examples} or {examples}×…, one output an example'}. "
        "Mend it, declare the objective that it is made for, or take it out of models"
    )


def _what(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a Tensor of {_sizes(value)}" if value.ndim else "a Tensor of one number"
    return f"a value of type {type(value).__name__}"


def _sizes(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape))
