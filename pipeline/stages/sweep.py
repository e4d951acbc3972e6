"""Stage `sweep`: measure steps to goal over batch size × learning rate."""

from __future__ import annotations

from pipeline.settings_file import load_settings
from pipeline.study.guard import stage
from pipeline.study.places import PARAMS, Places
from pipeline.study.session import session
from pipeline.study.sweep import sweep

__all__ = ["main"]


@stage
def main() -> None:
    """Train the grid and the search rounds, and write the sweep's tables."""
    with session("sweep", load_settings(PARAMS), Places()) as opened:
        sweep(opened)


if __name__ == "__main__":
    main()
