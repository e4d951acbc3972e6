"""Which examples each step sees: a pure function of replicate and step, so history has no say.

A resumed, reordered or regrouped trial sees the same batches. Shapes: S steps, B batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.seeds import seed_of
from pipeline.trial import Order

__all__ = ["ExampleStream"]


class ExampleStream:
    """Batches of one replicate.

    ``epoch`` concatenates one permutation of the training split per epoch and cuts it into batches:
    every batch has exactly B examples, a batch may straddle two epochs, and none is dropped.
    ``iid`` draws every example with replacement, as the noisy quadratic's closed form assumes.

    Args:
        examples: Size N of the training split.
        batch_size: B, at most N.
        order: How examples are drawn.
        seed: Root of the study's random streams.
        replicate: Replicate that the stream belongs to.

    Raises:
        ValueError: If the batch exceeds the training split.
    """

    def __init__(
        self, examples: int, batch_size: int, order: Order, *, seed: int, replicate: int
    ) -> None:
        if batch_size > examples:
            raise ValueError(f"batch size {batch_size} exceeds {examples} training examples")
        self._examples = examples
        self._batch_size = batch_size
        self._order: Order = order
        self._seed = seed
        self._replicate = replicate
        self._latest: tuple[int, Tensor] | None = None

    def block(self, first: int, steps: int) -> Tensor:
        """Indices of the examples of ``steps`` steps from step ``first`` on, [S, B] int64."""
        start, stop = first * self._batch_size, (first + steps) * self._batch_size
        pieces: list[Tensor] = []
        while start < stop:
            epoch, offset = divmod(start, self._examples)
            take = min(self._examples - offset, stop - start)
            pieces.append(self._pass(epoch)[offset : offset + take])
            start += take
        return torch.cat(pieces).reshape(steps, self._batch_size)

    def _pass(self, epoch: int) -> Tensor:
        """N indices; the latest pass is kept, as successive blocks share one."""
        if self._latest is None or self._latest[0] != epoch:
            generator = torch.Generator().manual_seed(
                seed_of(self._seed, "order", self._replicate, epoch)
            )
            n = self._examples
            drawn = (
                torch.randperm(n, generator=generator)
                if self._order == "epoch"
                else torch.randint(n, (n,), generator=generator)
            )
            self._latest = (epoch, drawn)
        return self._latest[1]
