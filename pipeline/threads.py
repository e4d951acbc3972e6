"""Torch on one thread, and Optuna's sampler that needs it."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

__all__ = ["one_thread", "sampling"]


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


def sampling(sampler: str) -> AbstractContextManager[None]:
    """What to ask an Optuna sampler in, by name: `one_thread` for the one that torch computes."""
    return one_thread() if sampler == "gp" else nullcontext()
