"""What a layer costs: weights, biases, and multiply-adds for one example.

Letters: C input channels, D output channels, H W input size, I J output size, K L kernel size.
Products with padding count as multiply-adds, as they are computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Cost", "convolution", "dense", "locally_connected", "tied"]

Pair = tuple[int, int]


@dataclass(frozen=True)
class Cost:
    """What a layer costs.

    Attributes:
        weights: Numbers that multiply inputs.
        biases: Numbers that are added.
        multiply_adds: Of one forward pass of one example.
    """

    weights: int
    biases: int
    multiply_adds: int

    @property
    def parameters(self) -> int:
        """Numbers to learn."""
        return self.weights + self.biases


def dense(inputs: int, outputs: int) -> Cost:
    """Every output weighs every input: the notes' 100×100 pixels and 1,000 units are 10⁷ weights.

    Args:
        inputs: C·H·W.
        outputs: D·I·J.

    Returns:
        Its cost.
    """
    return Cost(inputs * outputs, outputs, inputs * outputs)


def locally_connected(inputs: int, outputs: int, positions: Pair, kernel: Pair) -> Cost:
    """Every position has its own kernel: D·I·J·C·K·L weights.

    Args:
        inputs: Channels C.
        outputs: Channels D.
        positions: Output size (I, J).
        kernel: Window size (K, L).

    Returns:
        Its cost.
    """
    places = outputs * math.prod(positions)
    weights = places * inputs * math.prod(kernel)
    return Cost(weights, places, weights)


def tied(inputs: int, outputs: int, positions: Pair, image: Pair) -> Cost:
    """One weight per offset over the whole image: D·C·(I + H − 1)·(J + W − 1).

    Tying saves weights and no arithmetic: every output still weighs every input.

    Args:
        inputs: Channels C.
        outputs: Channels D.
        positions: Output size (I, J).
        image: Input size (H, W).

    Returns:
        Its cost.
    """
    offsets = math.prod(i + h - 1 for i, h in zip(positions, image, strict=True))
    every = inputs * math.prod(image) * outputs * math.prod(positions)
    return Cost(outputs * inputs * offsets, outputs, every)


def convolution(inputs: int, outputs: int, positions: Pair, kernel: Pair, groups: int = 1) -> Cost:
    """One kernel for all positions: D·(C/g)·K·L weights.

    Args:
        inputs: Channels C.
        outputs: Channels D.
        positions: Output size (I, J); of a transposed convolution its *input* size, whose every
            pixel writes one window, with C and D changing places.
        kernel: Window size (K, L).
        groups: Parts g that see only their own channels.

    Returns:
        Its cost.
    """
    weights = outputs * (inputs // groups) * math.prod(kernel)
    return Cost(weights, outputs, weights * math.prod(positions))
