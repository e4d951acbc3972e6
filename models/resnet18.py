"""torchvision's ResNet-18 with a stem for small images."""

from __future__ import annotations

from torch import nn
from torchvision import models as torchvision_models  # pyright: ignore[reportMissingTypeStubs]

from models.task import Task

__all__ = ["resnet18"]


def resnet18(task: Task) -> nn.Module:
    """ResNet-18 (He et al. 2016, arXiv 1512.03385) as torchvision has it, but for its stem.

    The stem is one 3×3 convolution of stride 1 without pooling, as is usual for images of 32 pixels
    a side; the original's 7×7 of stride 2 and pooling would leave 2×2 of them. BatchNorm couples
    the examples of a batch; at batch size 1 it needs images of at least 9 pixels a side, because
    the last maps of smaller ones are 1×1 and have no variance.

    Initialisation: torchvision's, convolutions normal with variance 2/(outputs of a unit).

    Args:
        task: Sizes of the input and output.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    network = torchvision_models.resnet18(weights=None, num_classes=task.classes)
    stem = nn.Conv2d(task.channels, 64, 3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    network.conv1 = stem
    network.maxpool = nn.MaxPool2d(1)  # a window of one pixel: no pooling
    return network
