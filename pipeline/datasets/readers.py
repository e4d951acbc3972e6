"""torchvision's classes that read data sets."""

from __future__ import annotations

from typing import Any

__all__ = ["reader"]


def reader(kind: str) -> Any:
    """A class of torchvision.datasets, by name; importing it takes seconds."""
    from torchvision import datasets  # pyright: ignore[reportMissingTypeStubs]

    return getattr(datasets, kind)
