"""Stage `download`: puts the verified raw files of the data set in place."""

from __future__ import annotations

from pipeline.datasets import specification
from pipeline.settings_file import load_settings
from pipeline.study.guard import stage
from pipeline.study.places import PARAMS, RAW

__all__ = ["main"]


@stage
def main() -> None:
    """Fetch the data set that params.yaml names; files already there and intact stay."""
    data = load_settings(PARAMS).data
    dataset = specification(data.dataset)
    dataset.fetch(RAW, data.places)
    print(f"download: {dataset.name} is in {RAW} ({dataset.licence}; {dataset.citation})")


if __name__ == "__main__":
    main()
