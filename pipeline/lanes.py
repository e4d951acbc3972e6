"""Lanes: members that compute together, by the stacked kernel (vmap) or the solo one.

A lane holds views of its cohort's state: updating it in place updates the cohort. Shapes: k members
of the lane, R replicates of the cohort, S steps, B batch, N examples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap  # pyright: ignore[reportPrivateImportUsage]

from models.task import Objective
from pipeline.optimisers import Rule
from pipeline.resident import ResidentSplit

__all__ = ["Lane", "SoloLane", "StackedLane"]

State = dict[str, Tensor]
_GATHERED = 1 << 20  # numbers gathered at once, 4 MB in single precision: about a core's cache


class Lane(ABC):
    """Members that compute together.

    Args:
        template: The network whose forward runs with the members' parameters.
        objective: How outputs are scored.
        trainable: Parameters that are trained, [k, ...].
        fixed: Buffers, and parameters that are not trained, [k, ...].
        memory: What the update rule remembers of the trained parameters, each [k, ...].
        replicates: Position of each member's replicate in a block of indices.
        members: Positions in the cohort of the lane's members; ghosts have none.
        optimiser: The members' update rule.
    """

    def __init__(
        self,
        template: nn.Module,
        objective: Objective,
        trainable: State,
        fixed: State,
        memory: Sequence[State],
        replicates: Sequence[int],
        members: range,
        optimiser: Rule,
    ) -> None:
        self.members = members
        self._template = template
        self._objective = objective
        self._trainable = {n: p.requires_grad_() for n, p in self._shaped(trainable).items()}
        self._leaves = list(self._trainable.values())
        self._fixed = self._shaped(fixed)
        self._memory = [list(self._shaped(state).values()) for state in memory]
        self._optimiser = optimiser
        self._rows = sorted(set(replicates))
        self._row_of = torch.tensor(
            [self._rows.index(r) for r in replicates], device=self._leaves[0].device
        )

    def train(self, split: ResidentSplit, indices: Tensor, taken: int = 0) -> Tensor:
        """Take a block of optimiser steps.

        Args:
            split: Training examples.
            indices: Of the examples of each step, [S, R, B].
            taken: Steps taken before the block.

        Returns:
            Mean training loss over the block's steps, [k] float64.
        """
        self._template.train()
        total = torch.zeros(len(self._row_of), dtype=torch.float64, device=indices.device)
        mine = indices[:, self._rows]
        steps = max(1, _GATHERED // (mine[0].numel() * split.numbers))
        for start in range(0, len(mine), steps):
            images, labels = split.take(mine[start : start + steps])
            for step, (x, y) in enumerate(zip(images, labels, strict=True), taken + start):
                losses = self._losses(x, y)
                gradients = torch.autograd.grad(
                    losses.sum(), self._leaves, allow_unused=True, materialize_grads=True
                )
                self._optimiser.step(self._leaves, gradients, self._memory, step)
                total += losses.detach()
        return total / len(indices)

    @torch.no_grad()
    def evaluate(self, split: ResidentSplit, batch_size: int) -> Tensor:
        """Mean loss and error over a split, [2, k] float64: sums first, then one division.

        Args:
            split: Examples to evaluate on.
            batch_size: Examples per forward pass; changes the last bits only.
        """
        self._template.eval()
        total = torch.zeros(
            2, len(self._row_of), dtype=torch.float64, device=self._leaves[0].device
        )
        for images, labels in split.batches(batch_size):
            total += self._sums(images, labels)
        return total / len(split)

    def _score(self, trainable: State, fixed: State, x: Tensor, y: Tensor) -> Tensor:
        """One member's training loss, the batch mean; buffers are updated in place."""
        state = {**trainable, **fixed}
        outputs: Tensor = functional_call(self._template, state, (x,))
        for name, buffer in fixed.items():
            if state[name] is not buffer:  # forward assigned a new tensor to it
                buffer.copy_(state[name])
        return self._objective.loss(outputs, y).mean()

    def _sum(self, trainable: State, fixed: State, x: Tensor, y: Tensor) -> Tensor:
        """One member's summed loss and error, [2] float64."""
        outputs: Tensor = functional_call(self._template, (trainable, fixed), (x,))
        loss, error = self._objective.loss(outputs, y), self._objective.error(outputs, y)
        return torch.stack([loss, error.to(loss.dtype)]).sum(dim=1, dtype=torch.float64)

    @abstractmethod
    def _shaped(self, state: State) -> State:
        """The state's views as forward takes them; detached, sharing storage."""

    @abstractmethod
    def _losses(self, images: Tensor, labels: Tensor) -> Tensor:
        """Training losses [k] of one step, from batches [r, B, ...] of the lane's replicates."""

    @abstractmethod
    def _sums(self, images: Tensor, labels: Tensor) -> Tensor:
        """Summed loss and error [2, k] of one batch [B, ...] in evaluation mode."""


class StackedLane(Lane):
    """Two members or more, vectorised by vmap.

    Every input carries the member axis, shared ones too: which kernel computes a member, and so
    its last bits, must not depend on how its cohort happens to be cut into lanes.
    """

    def _shaped(self, state: State) -> State:
        return {name: tensor.detach() for name, tensor in state.items()}

    def _losses(self, images: Tensor, labels: Tensor) -> Tensor:
        x, y = images.index_select(0, self._row_of), labels.index_select(0, self._row_of)
        return vmap(self._score)(self._trainable, self._fixed, x, y)

    def _sums(self, images: Tensor, labels: Tensor) -> Tensor:
        k = len(self._row_of)
        x, y = images.expand(k, *images.shape), labels.expand(k, *labels.shape)
        return vmap(self._sum)(self._trainable, self._fixed, x, y).T


class SoloLane(Lane):
    """One member, computed as torch computes any network.

    Batches lie channels last where a network convolves on a CPU: torch's kernels for convolution
    and pooling train faster so. A convolution's weights are known by their four dimensions, as
    `torch.nn.Module.to` knows them.
    """

    def _shaped(self, state: State) -> State:
        return {name: tensor[0].detach() for name, tensor in state.items()}

    def _losses(self, images: Tensor, labels: Tensor) -> Tensor:
        x = images[0]
        convolves = x.dim() == 4 and any(leaf.dim() == 4 for leaf in self._leaves)
        if convolves and len(x) > 1 and x.device.type == "cpu":
            # A clone, since `contiguous` leaves images of one channel as they lie.
            pixels = x.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)
            x = pixels.permute(0, 3, 1, 2)
        return self._score(self._trainable, self._fixed, x, labels[0]).reshape(1)

    def _sums(self, images: Tensor, labels: Tensor) -> Tensor:
        return self._sum(self._trainable, self._fixed, images, labels).reshape(2, 1)
