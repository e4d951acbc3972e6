"""Stage `confirm`: train what the sweep found again, with fresh replicates."""

from __future__ import annotations

from pipeline.settings_file import load_settings
from pipeline.study.confirm import confirm
from pipeline.study.goals import known_goals
from pipeline.study.guard import stage
from pipeline.study.places import PARAMS, Places
from pipeline.study.session import session

__all__ = ["main"]


@stage
def main() -> None:
    """Train every rule's learning rate at every batch size, and write the tables."""
    places = Places()
    with session("confirm", known_goals(load_settings(PARAMS), places), places) as opened:
        confirm(opened)


if __name__ == "__main__":
    main()
