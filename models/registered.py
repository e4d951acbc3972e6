"""The networks that have a name, declared without importing them: torch takes seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CLASSIFICATION", "REGISTERED", "Registered"]

CLASSIFICATION: Final = "classification"


@dataclass(frozen=True)
class Registered:
    """What is known of a network before it is imported.

    Attributes:
        source: Where the architecture comes from.
        couples_examples: Whether one example's output depends on its batch.
        stochastic: Whether forward draws random numbers in training.
        objective: Name of what its outputs are scored by. But for classification, the network's
            module defines it as ``OBJECTIVE``.
    """

    source: str
    couples_examples: bool = False
    stochastic: bool = False
    objective: str = CLASSIFICATION


# The factory of a network is the function of its name, in the module of its name.
REGISTERED: Final = {
    "conv": Registered("the notes: tied and local layers"),
    "conv_true": Registered("the notes: conv with its kernels flipped"),
    "dense": Registered("the notes: order-4 dense layers"),
    "lenet": Registered("LeCun et al. 1998, LeNet-5"),
    "linear": Registered("softmax regression"),
    "local": Registered("the notes: local layers, untied"),
    "mlp": Registered("one hidden layer of 64 units"),
    "mlp_matched": Registered("one hidden layer, as many parameters as conv"),
    "noisy_quadratic": Registered("Zhang et al. 2019, h = 1/i, C = H", objective="noisy quadratic"),
    "resnet18": Registered("He et al. 2016, torchvision's, small stem", couples_examples=True),
    "resnet8": Registered("He et al. 2016, n = 1", couples_examples=True),
    "resnet8_gn": Registered("resnet8 with Wu & He 2018's normalisation"),
    "simple_cnn": Registered("Shallue et al. 2018, Simple CNN"),
    "tied": Registered("the notes: tied layers, not local"),
    "vgg": Registered("Simonyan & Zisserman 2015, small"),
}
