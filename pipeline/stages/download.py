"""Stage `download`: puts the verified raw files of the data set in place."""

from __future__ import annotations

from pipeline.settings_file import load_settings
from pipeline.study.data_lock import data_lock
from pipeline.study.download import download
from pipeline.study.guard import stage
from pipeline.study.places import PARAMS

__all__ = ["main"]


@stage
def main() -> None:
    """Fetch the data set that params.yaml names; files already there and intact stay."""
    data = load_settings(PARAMS).data
    with data_lock():  # study run may be at it too
        download(data)


if __name__ == "__main__":
    main()
