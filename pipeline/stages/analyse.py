"""Stage `analyse`: from the tables of sweep and confirm to estimates.json."""

from __future__ import annotations

from pipeline.settings_file import load_settings
from pipeline.study.analyse import analyse
from pipeline.study.goals import known_goals
from pipeline.study.guard import stage
from pipeline.study.places import PARAMS, Places

__all__ = ["main"]


@stage
def main() -> None:
    """Estimate everything that the report states."""
    places = Places()
    analyse(known_goals(load_settings(PARAMS), places), places)


if __name__ == "__main__":
    main()
