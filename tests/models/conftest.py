from __future__ import annotations

from tests.pipeline.conftest import (
    make_race,
    one_thread,
    prepared,
    prepared_folder,
    recipe,
    settings,
)

__all__ = ["make_race", "one_thread", "prepared", "prepared_folder", "recipe", "settings"]
