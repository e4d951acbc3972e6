"""Stage `report`: estimates and tables into the page, its pictures, the metrics and DVC's plots."""

from __future__ import annotations

from pipeline.settings_file import load_settings
from pipeline.study.goals import known_goals
from pipeline.study.guard import stage
from pipeline.study.places import PARAMS, Places
from pipeline.study.publish import publish
from pipeline.study.report import report

__all__ = ["main"]


@stage
def main() -> None:
    """Write the report of the study, and show it in MLflow."""
    places = Places()
    settings = known_goals(load_settings(PARAMS), places)
    report(settings, places)
    publish(settings, places)


if __name__ == "__main__":
    main()
