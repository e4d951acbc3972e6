"""This machine as far as training cares: which device, how many cores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.settings import TrainingSettings
    from pipeline.trial import Device

__all__ = ["cores", "device_of", "has_nvidia_driver", "workers_of"]


def cores() -> int:
    """Cores that this process may use, where the system can say."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def has_nvidia_driver() -> bool:
    """Whether the kernel has an NVIDIA driver loaded."""
    return any(Path(p).exists() for p in ("/dev/nvidiactl", "/dev/dxg"))


def device_of(training: TrainingSettings) -> Device:
    """The kind of device to train on; torch, which takes seconds to import, is asked last.

    Args:
        training: Says which accelerator is wanted.

    Returns:
        The kind.

    Raises:
        ValueError: If params.yaml asks for a GPU that torch can't use.
    """
    if training.accelerator == "cpu":
        return "cpu"
    if training.accelerator == "auto" and not has_nvidia_driver():
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if training.accelerator == "gpu":
        raise ValueError(
            "training.accelerator is gpu and torch finds none; install a driver that its CUDA "
            "build supports, or write auto"
        )
    return "cpu"


def workers_of(training: TrainingSettings, device: Device) -> int:
    """How many worker processes to train in: one a core, one a GPU."""
    if training.workers != "auto":
        return training.workers
    return 1 if device == "cuda" else cores()
