"""The mean loss over a probe set as a function of a network's trained parameters.

Shapes: N examples of the probe set, P trained parameters laid end to end, g groups at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap  # pyright: ignore[reportPrivateImportUsage]

from models.task import Objective

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Landscape"]

State = dict[str, Tensor]
_GATHERED: Final = 1 << 20  # numbers of per-example gradients at once, 4 MB in single precision


class Landscape:
    """The loss around one network's parameters, which it leaves as they are.

    Where examples don't couple, the network is in evaluation mode (dropout off) and every example
    is a group of its own. Where they do (BatchNorm), a loss exists for batches only: the network is
    in training mode, the mean loss is that of consecutive batches of ``group`` examples, and
    buffers that forward updates are copies.

    Args:
        template: The network whose forward runs; its mode changes.
        objective: How outputs are scored.
        trainable: Trained parameters by name.
        fixed: Buffers, and parameters that are not trained.
        examples: Images [N, C, H, W] and labels [N].
        group: Examples per batch where they couple; 1 where they don't.
    """

    def __init__(
        self,
        template: nn.Module,
        objective: Objective,
        trainable: State,
        fixed: State,
        examples: tuple[Tensor, Tensor],
        group: int,
    ) -> None:
        self._template = template.train(group > 1)
        self._objective = objective
        self._trainable = {n: p.detach().clone().requires_grad_() for n, p in trainable.items()}
        self._fixed = fixed
        self._images, self._labels = examples
        self._group = group

    @property
    def parameters(self) -> Tensor:
        """The trained parameters, [P]."""
        return torch.cat([p.detach().flatten() for p in self._trainable.values()])

    def group_gradients(self) -> Iterator[Tensor]:
        """Gradients of the groups' mean losses, a bounded number of them at once.

        Yields:
            Gradients [g, P].
        """
        if self._group > 1:
            for images, labels in self._batches():
                yield self._flat(self._gradient(self._mean(self._trainable, images, labels)))[None]
            return
        chunk = max(1, _GATHERED // len(self.parameters))
        for start in range(0, len(self._labels), chunk):
            part = slice(start, start + chunk)
            yield self._per_example(self._images[part], self._labels[part])

    def hessian_product(self) -> Callable[[Tensor], Tensor]:
        """Products of the mean loss's Hessian with vectors [P], from one graph that they share."""
        gradients = self._graph

        def product(vector: Tensor) -> Tensor:
            parts = self._parts(vector)
            return self._flat(self._gradient(gradients, parts, retain_graph=True))

        return product

    def loss_and_gradient(
        self, parameters: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64]]:
        """Mean loss elsewhere, and its gradient, as scipy wants them.

        Args:
            parameters: Where, [P].

        Returns:
            The loss and the gradient [P].
        """
        at = torch.as_tensor(parameters).to(self.parameters)
        names = zip(self._trainable, self._parts(at), strict=True)
        state = {name: part.detach().clone().requires_grad_() for name, part in names}
        loss = self._whole(state)
        gradients = torch.autograd.grad(
            loss, list(state.values()), allow_unused=True, materialize_grads=True
        )
        return float(loss.detach()), self._flat(gradients).double().cpu().numpy()

    @cached_property
    def _graph(self) -> tuple[Tensor, ...]:
        """Gradient of the mean loss, differentiable once more."""
        return self._gradient(self._whole(self._trainable), create_graph=True)

    def _whole(self, trainable: State) -> Tensor:
        losses = [self._mean(trainable, *batch) * len(batch[1]) for batch in self._batches()]
        return torch.stack(losses).sum() / len(self._labels)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The groups; all examples at once where they don't couple.

        Yields:
            Images and labels.
        """
        size = self._group if self._group > 1 else len(self._labels)
        for start in range(0, len(self._labels), size):
            part = slice(start, start + size)
            yield self._images[part], self._labels[part]

    def _mean(self, trainable: State, images: Tensor, labels: Tensor) -> Tensor:
        fixed = {name: tensor.clone() for name, tensor in self._fixed.items()}
        outputs: Tensor = functional_call(self._template, {**trainable, **fixed}, (images,))
        return self._objective.loss(outputs, labels).mean()

    def _per_example(self, images: Tensor, labels: Tensor) -> Tensor:
        """One backward pass of the summed losses, each with parameters of its own, as lanes do."""
        own = {
            name: p.detach().expand(len(labels), *p.shape).clone().requires_grad_()
            for name, p in self._trainable.items()
        }
        losses = vmap(self._mean)(own, images[:, None], labels[:, None])
        gradients = torch.autograd.grad(
            losses.sum(), list(own.values()), allow_unused=True, materialize_grads=True
        )
        return torch.cat([gradient.flatten(1) for gradient in gradients], dim=1)

    def _gradient(
        self,
        outputs: Tensor | tuple[Tensor, ...],
        weights: list[Tensor] | None = None,
        *,
        create_graph: bool = False,
        retain_graph: bool | None = None,
    ) -> tuple[Tensor, ...]:
        return torch.autograd.grad(
            outputs,
            list(self._trainable.values()),
            weights,
            create_graph=create_graph,
            retain_graph=retain_graph,
            allow_unused=True,
            materialize_grads=True,
        )

    def _parts(self, vector: Tensor) -> list[Tensor]:
        parts: list[Tensor] = []
        start = 0
        for parameter in self._trainable.values():
            parts.append(vector[start : start + parameter.numel()].reshape(parameter.shape))
            start += parameter.numel()
        return parts

    @staticmethod
    def _flat(parts: tuple[Tensor, ...]) -> Tensor:
        return torch.cat([part.flatten() for part in parts])
