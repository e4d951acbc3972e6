"""A trained network that takes raw pixels: it normalises them itself, as training did.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from models.registry import network

if TYPE_CHECKING:
    from pipeline.images import Prepared
    from pipeline.outcome import Weights

__all__ = ["Predictor", "predictor"]


class Predictor(nn.Module):
    """Normalises images per channel, (x − mean) / std, and applies a network.

    Args:
        trained: The network, in evaluation mode from now on.
        mean: Of every channel, in the images' units; zeros where training takes images as they are.
        std: Of every channel, likewise; ones there.
    """

    def __init__(self, trained: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.network = trained
        self.register_buffer("mean", mean[:, None, None])
        self.register_buffer("std", std[:, None, None])
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Outputs [B, ...] for images [B, C, H, W]: raw pixels, of any number type."""
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        return self.network((images.to(mean.dtype) - mean) / std)


def predictor(model: str, prepared: Prepared, weights: Weights) -> Predictor:
    """A network as it was at the end of a trial; ValueError where it is no longer the same one.

    Args:
        model: Name of the network.
        prepared: The data that it was trained on, which give the task and the statistics.
        weights: Of the trial; they decide the precision.

    Returns:
        The network with its normalisation, in evaluation mode, on the CPU.
    """
    state = {name: torch.tensor(array) for name, array in weights.items()}
    dtype = next(tensor.dtype for tensor in state.values() if tensor.is_floating_point())
    trained = network(model).factory(prepared.task).to(dtype)
    _restore(model, trained, state)
    raw = prepared.train.images.dtype == "uint8"
    channels = prepared.task.channels
    return Predictor(
        trained,
        torch.tensor(prepared.mean if raw else (0.0,) * channels, dtype=dtype),
        torch.tensor(prepared.std if raw else (1.0,) * channels, dtype=dtype),
    )


@torch.no_grad()
def _restore(model: str, trained: nn.Module, state: dict[str, Tensor]) -> None:
    """Copy by name: a state_dict has tied parameters twice, and buffers that don't persist never.

    Raises:
        ValueError: If a name or a shape differs.
    """
    own = {**dict(trained.named_parameters()), **dict(trained.named_buffers())}
    if wrong := [text for name in {**own, **state} if (text := _misfit(name, own, state))]:
        raise ValueError(
            f"network {model} is not as it was for the trial: {'; '.join(wrong)}; put its code "
            "back as it was then, or train it again as it is now"
        )
    for name, tensor in own.items():
        tensor.copy_(state[name])


def _misfit(name: str, own: dict[str, Tensor], state: dict[str, Tensor]) -> str:
    """How a tensor of the network differs from the trial's in name or shape, or ""."""
    if name not in state:
        return f"the trial had no {name}"
    if name not in own:
        return f"it has no {name}"
    now, then = tuple(own[name].shape), tuple(state[name].shape)
    return "" if now == then else f"{name} has the shape {now}, and had {then}"
