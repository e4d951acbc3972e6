"""Tables hold all that the ledger does, but for weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.outcome import Ended, RaceResult, TrialResult
from pipeline.race_tables import race_results, races_table
from pipeline.tables import curves_table, trials_table
from tests.pipeline.mirrored import curve, race_result


def through_files(results: list[RaceResult], folder: Path) -> list[RaceResult]:
    tables = {
        "races": races_table(results),
        "trials": trials_table(results),
        "curves": curves_table(results),
    }
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    return race_results(*(pd.read_parquet(folder / f"{name}.parquet") for name in tables))


def test_what_is_read_back_is_what_was_written(tmp_path: Path) -> None:
    ended = (Ended.REACHED, Ended.DIVERGED, Ended.OUT_OF_MEMORY)
    written = [
        replace(race_result("f2"), environment={"torch": "2.14"}, seconds=0.1 + 0.2),
        race_result("f1", model="mlp", ended=ended, evaluations=7, started_at=1.7e9 + 1 / 3),
        race_result("f0", ended=(Ended.FAILED,)),
    ]
    broken = TrialResult(Ended.FAILED, curve(0), "broke before the first evaluation")
    written[2] = replace(written[2], results=(broken,))
    read = through_files(written, tmp_path)
    assert [result.race.fingerprint for result in read] == ["f0", "f1", "f2"]
    for mine, theirs in zip(reversed(written), read, strict=True):
        assert mine.race == theirs.race
        assert (mine.started_at, mine.seconds) == (theirs.started_at, theirs.seconds)
        assert mine.environment == theirs.environment
        for one, other in zip(mine.results, theirs.results, strict=True):
            assert (one.ended, one.message) == (other.ended, other.message)
            for name, column in vars(one.curve).items():
                np.testing.assert_array_equal(column, getattr(other.curve, name))
                assert column.dtype == getattr(other.curve, name).dtype
