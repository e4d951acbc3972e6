"""A small network in the manner of VGG: pairs of 3×3 convolutions between poolings."""

from __future__ import annotations

from typing import Final

from torch import nn

from models.layers.pooling import MaxPool2d
from models.skeleton import refuse_small
from models.task import Task

__all__ = ["vgg"]

_CHANNELS: Final = (32, 64, 128)
_HIDDEN: Final = 128


def vgg(task: Task) -> nn.Module:
    """Three blocks of two 3×3 convolutions and a pooling, one hidden layer.

    After Simonyan & Zisserman 2015 (arXiv 1409.1556), an eighth as deep and narrow: 32, 64 and 128
    channels, 128 hidden units, no normalisation, no dropout.

    Initialisation: weights normal with variance 2/(inputs of a unit), He et al. 2015 (arXiv
    1502.01852), equation 10, biases 0; the original's narrower normal needs pre-training.

    Args:
        task: Sizes of the input and output; at least 8×8 pixels.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    refuse_small("vgg", task, 2 ** len(_CHANNELS))
    layers: list[nn.Module] = []
    channels = task.channels
    for wider in _CHANNELS:
        layers += [nn.Conv2d(channels, wider, 3, padding=1), nn.ReLU()]
        layers += [nn.Conv2d(wider, wider, 3, padding=1), MaxPool2d(), nn.ReLU()]
        channels = wider
    pooled = 2 ** len(_CHANNELS)
    inputs = channels * (task.height // pooled) * (task.width // pooled)
    layers += [nn.Flatten(), nn.Linear(inputs, _HIDDEN), nn.ReLU()]
    layers.append(nn.Linear(_HIDDEN, task.classes))
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)
