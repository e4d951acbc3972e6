"""Torch on one thread."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Generator[None]:
    """Compute with one thread, as workers do; afterwards with as many as before.

    A driver's computations are small: threads that meet after each cost many times what they save,
    on cores that workers need.

    Yields:
        Nothing.
    """
    import torch  # takes a second, and most drivers do without

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
