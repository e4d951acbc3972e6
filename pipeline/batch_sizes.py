"""Batch sizes in numbers of examples: `full` is the whole training split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.conflicts import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.settings import Settings

__all__ = ["batch_size_conflicts", "resolved_batch_sizes", "resolved_reference"]


def resolved_batch_sizes(settings: Settings, train_examples: int) -> tuple[int, ...]:
    """The sweep's batch sizes, ascending.

    Args:
        settings: The study's settings.
        train_examples: Examples N of the training split, which ``full`` stands for.

    Returns:
        Examples per step of every batch size.

    Raises:
        ValueError: If one exceeds the training split, or two are equal (N and ``full``).
    """
    for conflict in batch_size_conflicts(settings, train_examples):
        raise ValueError(f"sweep.batch_sizes: {conflict.message}")
    return tuple(sorted(_in_examples(size, train_examples) for size in settings.sweep.batch_sizes))


def resolved_reference(settings: Settings, train_examples: int) -> int:
    """Examples per step at the batch size whose tuned learning rate confirm's rules carry over.

    `middle` is the middle one of the sweep's; of an even number, the larger of the two.
    """
    reference = settings.confirm.reference_batch_size
    if reference == "middle":
        sizes = resolved_batch_sizes(settings, train_examples)
        return sizes[len(sizes) // 2]
    return _in_examples(reference, train_examples)


def batch_size_conflicts(settings: Settings, train_examples: int) -> Iterator[Conflict]:
    """Batch sizes of the sweep that don't fit a training split.

    Args:
        settings: The study's settings.
        train_examples: Examples N of the training split.

    Yields:
        One conflict for each batch size above N, and for N itself beside ``full``.
    """
    sizes = settings.sweep.batch_sizes
    for index, size in enumerate(sizes):
        keys = ("sweep", "batch_sizes", index)
        if _in_examples(size, train_examples) > train_examples:
            message = f"the training split has {train_examples} examples; write full for all"
            yield Conflict(keys, message)
        if size == train_examples and "full" in sizes:
            yield Conflict(keys, f"full is {train_examples} too, the training split; remove one")


def _in_examples(size: int | str, train_examples: int) -> int:
    return train_examples if isinstance(size, str) else size
