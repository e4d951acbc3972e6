"""What a benchmark's figures were measured on."""

from __future__ import annotations

import platform

__all__ = ["machine"]


def machine() -> dict[str, str]:
    """Machine and versions, for the conditions that stand beside figures."""
    import torch

    return {
        "machine": platform.machine(),
        "processor": platform.processor(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
