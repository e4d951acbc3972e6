"""Splits that stay on the device as they are stored, and are normalised where they are used."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from pipeline.images import Prepared, Split

__all__ = ["ResidentSplit"]


class ResidentSplit:
    """A split on a device. Shapes: N examples, C H W image.

    uint8 images are normalised per channel, (x − mean) / std, as they are taken; floating-point
    examples are taken as they are.

    Args:
        split: Images [N, C, H, W] and labels [N].
        prepared: Gives the training split's channel statistics.
        device: Where the split stays.
        dtype: Floating-point type of the examples taken.
    """

    def __init__(
        self, split: Split, prepared: Prepared, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._images = torch.tensor(split.images, device=device)
        self._labels = torch.tensor(split.labels, device=device)
        self._dtype = dtype
        self._mean = torch.tensor(prepared.mean, dtype=dtype, device=device)[:, None, None]
        self._std = torch.tensor(prepared.std, dtype=dtype, device=device)[:, None, None]

    def __len__(self) -> int:
        return len(self._images)

    @property
    def numbers(self) -> int:
        """Numbers in one example."""
        return self._images[0].numel()

    def take(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Examples [*indices.shape, C, H, W] and labels [*indices.shape]."""
        flat = indices.flatten()
        images = self._normalised(self._images.index_select(0, flat))
        labels = self._labels.index_select(0, flat)
        return images.reshape(*indices.shape, *images.shape[1:]), labels.reshape(indices.shape)

    def batches(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples in order, ``batch_size`` at a time; the last batch may be smaller.

        Yields:
            Images [B, C, H, W] and labels [B].
        """
        for start in range(0, len(self), batch_size):
            part = slice(start, start + batch_size)
            yield self._normalised(self._images[part]), self._labels[part]

    def _normalised(self, images: Tensor) -> Tensor:
        if images.is_floating_point():
            return images.to(self._dtype)
        return images.to(self._dtype).sub_(self._mean).div_(self._std)
