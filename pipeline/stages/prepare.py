"""Stage `prepare`: raw files → splits, channel statistics and manifest."""

from __future__ import annotations

from pipeline.aside import folder_aside
from pipeline.datasets import specification
from pipeline.images import write_prepared
from pipeline.settings_file import load_settings
from pipeline.study.guard import stage
from pipeline.study.places import PARAMS, PREPARED, RAW

__all__ = ["main"]


@stage
def main() -> None:
    """Split the data set as params.yaml says."""
    settings = load_settings(PARAMS)
    raw = specification(settings.data.dataset).read(RAW)
    with folder_aside(PREPARED) as folder:
        manifest = write_prepared(folder, settings.data, raw)
    print(
        f"prepare: {manifest.dataset} is in {PREPARED}: {manifest.train_examples} training, "
        f"{manifest.validation_examples} validation and {manifest.test_examples} test examples"
    )


if __name__ == "__main__":
    main()
