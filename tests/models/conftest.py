from __future__ import annotations

from tests.pipeline.conftest import make_race, one_thread, prepared, recipe

__all__ = ["make_race", "one_thread", "prepared", "recipe"]
