"""The settings of the selftest's study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.settings_file import Override, load_settings

if TYPE_CHECKING:
    from pipeline.settings import Settings

__all__ = ["MODEL", "selftest_settings"]

MODEL: Final = "noisy_quadratic"
_STUDY: Final = Path(__file__).with_name("study.yaml")
_QUICK: Final = "[16, 256, 1024]"  # where steps are neither many nor large


def selftest_settings(*, seed: int = 0, quick: bool = False) -> Settings:
    """The study that the selftest runs.

    Args:
        seed: Root of its random streams.
        quick: Whether to leave out most batch sizes.

    Returns:
        Its settings, without mirrors.
    """
    changes = [Override(("training", "seed"), str(seed), "seed")]
    if quick:
        changes.append(Override(("sweep", "batch_sizes"), _QUICK, "quick"))
    return load_settings(_STUDY, changes)
