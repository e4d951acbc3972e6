from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.study.table_file import read_table


def test_a_table_comes_back(tmp_path: Path) -> None:
    table = pd.DataFrame({"steps": [1, 2]})
    table.to_parquet(tmp_path / "trials.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "trials.parquet"), table)


def test_a_missing_table_is_named_with_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"trials.parquet is missing; fetch it with dvc pull, or"):
        read_table(tmp_path / "trials.parquet")


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n"])
def test_a_damaged_table_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "trials.parquet").write_bytes(content)
    with pytest.raises(ValueError, match=r"trials.parquet is no table .*; remove it"):
        read_table(tmp_path / "trials.parquet")
