"""Products of matrices with images as columns.

Letters in shapes: D outputs, N inputs, B batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["product"]


def product(matrices: Tensor, columns: Tensor) -> Tensor:
    """The matrix product, in about half the time where there is a single column on a CPU.

    Under vmap a matrix times one column, and in the backward pass the outer product of two vectors,
    are many small calls of a matrix kernel; products that are multiplied pixel by pixel and summed
    run over all members at once.

    Args:
        matrices: One or more, [..., D, N].
        columns: As many, [..., N, B].

    Returns:
        Products [..., D, B].
    """
    if not torch.compiler.is_compiling() and columns.shape[-1] == 1 and not columns.is_cuda:
        return (matrices * columns.mT).sum(dim=-1, keepdim=True)
    return matrices @ columns
