"""Stage `prepare`: raw files → splits, channel statistics and manifest."""

from __future__ import annotations

from pipeline.settings_file import load_settings
from pipeline.study.data_lock import data_lock
from pipeline.study.guard import stage
from pipeline.study.places import PARAMS
from pipeline.study.prepare import prepare

__all__ = ["main"]


@stage
def main() -> None:
    """Split the data set as params.yaml says."""
    data = load_settings(PARAMS).data
    with data_lock():  # study run may be at it too
        prepare(data)


if __name__ == "__main__":
    main()
