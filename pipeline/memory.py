"""Tell an error that means too little memory from all others."""

from __future__ import annotations

import torch

__all__ = ["out_of_memory"]


def out_of_memory(problem: BaseException) -> bool:
    """CUDA and Python have a type for it, torch's allocator for the CPU has words alone."""
    typed = isinstance(problem, torch.OutOfMemoryError | MemoryError)
    return typed or "can't allocate memory" in str(problem)
