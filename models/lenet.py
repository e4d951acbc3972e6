"""LeNet-5 on torch.nn.Conv2d, scaled to the image size: the usual baseline."""

from __future__ import annotations

from torch import nn

from models.layers.pooling import MaxPool2d
from models.task import Task

__all__ = ["lenet"]

_ORIGINAL = 32  # pixels a side that LeCun et al. 1998 designed for


def lenet(task: Task) -> nn.Module:
    """LeNet-5 (LeCun et al. 1998) with rectified units and max pooling.

    6 and 16 channels, then 120 and 84 units. On images of at least 28 pixels a side it has the
    original's 5×5 kernels, padded so that 28×28 works; on smaller ones 3×3 kernels that keep the
    size, so that two poolings still leave something to read.

    Initialisation: torch's layers', uniform in ±1/√(inputs of a unit); the original's was uniform
    in ±2.4/(inputs).

    Args:
        task: Sizes of the input and output.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].

    Raises:
        ValueError: If the images are smaller than 4×4 pixels, too small to pool twice.
    """
    side = min(task.height, task.width)
    if side < 4:
        raise ValueError(
            f"lenet pools {task.height}×{task.width} pixels twice; use images of at least 4×4"
        )
    kernel, first, second = (5, 2 if side < _ORIGINAL else 0, 0) if side >= 28 else (3, 1, 1)
    height, width = (
        ((size + 2 * first - kernel + 1) // 2 + 2 * second - kernel + 1) // 2
        for size in (task.height, task.width)
    )
    return nn.Sequential(
        nn.Conv2d(task.channels, 6, kernel, padding=first),
        MaxPool2d(),
        nn.ReLU(),
        nn.Conv2d(6, 16, kernel, padding=second),
        MaxPool2d(),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * height * width, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, task.classes),
    )
