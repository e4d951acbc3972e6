"""A table that a stage wrote, read back."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

__all__ = ["read_table"]


def read_table(path: Path) -> pd.DataFrame:
    """A table that a stage wrote.

    Args:
        path: Of the Parquet file.

    Raises:
        ValueError: If it is missing or damaged.
        OSError: If the system refuses to read it.
    """
    try:
        return pd.read_parquet(path)
    except FileNotFoundError as problem:
        remedy = "fetch it with dvc pull, or make it with dvc repro"
        raise ValueError(f"{path} is missing; {remedy}") from problem
    except (ValueError, OSError) as problem:  # of pyarrow, whose OSError has no number
        if isinstance(problem, OSError) and problem.errno is not None:
            raise
        remedy = "remove it, then run dvc repro or dvc pull"
        raise ValueError(f"{path} is no table ({problem}); {remedy}") from problem
