"""Stage `sweep`: measure steps to goal over batch size × learning rate."""

from __future__ import annotations

from pipeline.settings_file import load_settings
from pipeline.study.guard import stage
from pipeline.study.pilot import pilot
from pipeline.study.places import PARAMS, Places
from pipeline.study.session import session
from pipeline.study.sweep import sweep

__all__ = ["main"]


@stage
def main() -> None:
    """Find goals that are auto, train the grid and what follows, and write the tables."""
    places = Places()
    goals = pilot(load_settings(PARAMS), places)
    with session("sweep", goals.settings, places) as opened:
        sweep(opened, goals)


if __name__ == "__main__":
    main()
