"""Watch the layers of a network at work, and name the one that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

__all__ = ["Observe", "watched"]

Observe = Callable[[str, nn.Module, Tensor, Tensor], None]
"""Takes a layer's dotted name, the layer, its input [B, ...] and its output [B, ...]."""


def watched(network: nn.Module, images: Tensor, observe: Observe) -> None:
    """Run a network once, and show the input and output of each layer as it is made.

    Args:
        network: Its modules without children are the layers.
        images: [B, C, H, W].
        observe: Called once a call of a layer from one tensor to one; others are passed over.

    Raises:
        ValueError: If a layer fails; says which, on what, and why.
    """
    entered = ""

    def enter(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hook(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
            nonlocal entered
            first = _tensor(inputs)
            taken = "its input" if first is None else "×".join(map(str, first.shape[1:]))
            entered = f"layer {name} ({type(layer).__name__}) does not take {taken}"

        return hook

    def leave(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def hook(layer: nn.Module, inputs: tuple[Any, ...], outputs: Any) -> None:
            nonlocal entered
            entered = ""
            first = _tensor(inputs)
            if first is not None and isinstance(outputs, Tensor):
                observe(name, layer, first, outputs)

        return hook

    handles: list[RemovableHandle] = []
    modules = cast("Iterator[tuple[str, nn.Module]]", network.named_modules())
    for name, layer in modules:
        if next(layer.children(), None) is None:
            handles.append(layer.register_forward_pre_hook(enter(name)))
            handles.append(layer.register_forward_hook(leave(name)))
    try:
        network(images)
    except Exception as problem:  # a user's network may raise anything
        where = entered or f"between its layers the network fails on {tuple(images.shape[1:])}"
        raise ValueError(f"{where}: {problem}") from problem
    finally:
        for handle in handles:
            handle.remove()


def _tensor(inputs: tuple[Any, ...]) -> Tensor | None:
    return next((value for value in inputs if isinstance(value, Tensor)), None)
