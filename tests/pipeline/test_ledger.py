from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow.parquet as pq
import pytest

import pipeline.ledger
from pipeline.ledger import Ledger, read_parquet
from pipeline.outcome import Curve, Ended, RaceResult, TrialResult, broken_results
from pipeline.trial import Race, Recipe
from tests.pipeline.conftest import MakeRace


@pytest.fixture
def race(recipe: Recipe, make_race: MakeRace) -> Race:
    return make_race(recipe, rates=(0.1, 0.3))


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def ledger(tmp_path: Path, complaints: list[str]) -> Ledger:
    return Ledger(tmp_path / "ledger", complaints.append)


def curve(length: int) -> Curve:
    steps = np.arange(length)
    return Curve(steps, *[np.sqrt(steps + i) for i in range(4)], np.full(length, np.nan))


def result_of(race: Race) -> RaceResult:
    results = (
        TrialResult(Ended.REACHED, curve(5)),
        TrialResult(Ended.OUTRACED, curve(9)),
    )
    return RaceResult(race, results, 12.5, 3.25, {"torch": "2"})


def known(ledger: Ledger, race: Race) -> list[bytes]:
    """All numbers of the curves that a ledger has of a race."""
    read = ledger.read(race.fingerprint)
    assert read is not None
    return [column.tobytes() for one in read.results for column in vars(one.curve).values()]


def failed(race: Race, ended: Ended = Ended.FAILED) -> RaceResult:
    return RaceResult(race, broken_results(race, "it broke", ended), 1.0, 2.0, {})


def test_what_is_read_is_what_was_written(ledger: Ledger, race: Race) -> None:
    written = result_of(race)
    assert race.fingerprint not in ledger
    assert ledger.read(race.fingerprint) is None
    ledger.write(written)
    assert race.fingerprint in ledger
    read = ledger.read(race.fingerprint)
    assert read is not None
    assert (read.race, read.started_at, read.seconds, read.environment) == (
        race, 12.5, 3.25, {"torch": "2"},
    )  # fmt: skip
    for left, right in zip(read.results, written.results, strict=True):
        assert (left.ended, left.message) == (right.ended, right.message)
        for name, column in vars(right.curve).items():
            np.testing.assert_array_equal(getattr(left.curve, name), column)


def test_a_final_result_is_never_replaced(ledger: Ledger, race: Race) -> None:
    ledger.write(result_of(race))
    ledger.write(failed(race))
    read = ledger.read(race.fingerprint)
    assert read is not None
    assert read.final


@pytest.mark.parametrize("ended", [Ended.FAILED, Ended.OUT_OF_MEMORY])
def test_a_broken_race_is_kept_and_counts_as_missing(
    ended: Ended, ledger: Ledger, race: Race
) -> None:
    ledger.write(failed(race, ended))
    assert race.fingerprint not in ledger
    read = ledger.read(race.fingerprint)
    assert read is not None
    assert [r.message for r in read.results] == ["it broke", "it broke"]
    ledger.write(result_of(race))
    assert race.fingerprint in ledger
    again = ledger.read(race.fingerprint)
    assert again is not None
    assert again.final


@pytest.mark.parametrize("damage", ["truncate", "garbage", "swap"])
def test_a_damaged_file_is_set_aside_and_its_race_is_missing(
    damage: str, ledger: Ledger, race: Race, recipe: Recipe, make_race: MakeRace,
    tmp_path: Path, complaints: list[str],
) -> None:  # fmt: skip
    ledger.write(result_of(race))
    path = tmp_path / "ledger" / f"{race.fingerprint}.parquet"
    if damage == "truncate":
        path.write_bytes(path.read_bytes()[:-40])
    elif damage == "garbage":
        path.write_bytes(b"not parquet")
    else:  # a file under another race's name
        other = make_race(recipe, rates=(0.2, 0.4))
        ledger.write(result_of(other))
        (tmp_path / "ledger" / f"{other.fingerprint}.parquet").replace(path)
    assert ledger.read(race.fingerprint) is None
    assert race.fingerprint not in ledger
    assert race.fingerprint in complaints[0]
    assert list((tmp_path / "ledger").glob("*.unreadable"))


def test_a_flipped_bit_is_no_other_number(
    ledger: Ledger, race: Race, complaints: list[str], tmp_path: Path
) -> None:
    """Whatever is flipped where: what is read is what was written, or nothing."""
    ledger.write(result_of(race))
    path = tmp_path / "ledger" / f"{race.fingerprint}.parquet"
    sound = path.read_bytes()
    expected = repr(ledger.read(race.fingerprint)), known(ledger, race)
    aside = 0
    for place in range(0, len(sound), 5):
        damaged = bytearray(sound)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        read = ledger.read(race.fingerprint)
        if read is None:
            aside += 1
            assert not path.exists()
        else:
            path.write_bytes(damaged)
            assert (repr(read), known(ledger, race)) == expected
    assert len(complaints) == aside > len(sound) / 5 / 4


def test_a_file_without_a_digest_is_read(ledger: Ledger, race: Race, tmp_path: Path) -> None:
    """As version 0.1 wrote them."""
    ledger.write(result_of(race))
    before = known(ledger, race)
    path = tmp_path / "ledger" / f"{race.fingerprint}.parquet"
    table = read_parquet(path)
    metadata = {k: v for k, v in table.schema.metadata.items() if b"digest" not in k}
    assert len(metadata) == len(table.schema.metadata) - 1
    pq.write_table(table.replace_schema_metadata(metadata), path)  # pyright: ignore[reportUnknownMemberType]
    assert known(ledger, race) == before


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES, errno.EIO])
def test_a_file_that_the_system_does_not_give_stays(
    number: int, ledger: Ledger, race: Race, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> NoReturn:
        raise OSError(number, "refused")

    ledger.write(result_of(race))
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.ledger.read_parquet", refused)
        with pytest.raises(OSError, match="refused"):
            ledger.read(race.fingerprint)
    assert not list((tmp_path / "ledger").glob("*.unreadable"))
    assert ledger.read(race.fingerprint) is not None


def test_a_file_that_goes_while_it_is_looked_for_is_missing(
    ledger: Ledger, race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.write(failed(race))
    read = pipeline.ledger.read_parquet

    def gone(path: Path) -> Any:
        path.unlink(missing_ok=True)
        return read(path)

    monkeypatch.setattr("pipeline.ledger.read_parquet", gone)
    assert ledger.read(race.fingerprint) is None


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(errno.ENOSPC, "no space left")])
def test_a_writer_stopped_midway_leaves_nothing(
    stop: BaseException | type[BaseException], ledger: Ledger, race: Race, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def stopped(_: int) -> None:
        raise stop

    monkeypatch.setattr(os, "fsync", stopped)
    with pytest.raises((KeyboardInterrupt, OSError)):
        ledger.write(result_of(race))
    assert race.fingerprint not in ledger
    assert ledger.read(race.fingerprint) is None
    assert list((tmp_path / "ledger").iterdir()) == []


def test_what_a_killed_writer_left_aside_is_removed(
    ledger: Ledger, race: Race, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: int) -> None:
        raise KeyboardInterrupt

    def untidy(path: Path, missing_ok: bool = False) -> None:
        """A killed process tidies nothing."""

    with monkeypatch.context() as killed:
        killed.setattr(os, "fsync", stopped)
        killed.setattr(Path, "unlink", untidy)
        with pytest.raises(KeyboardInterrupt):
            ledger.write(result_of(race))
    assert len(list((tmp_path / "ledger").iterdir())) == 1
    assert ledger.read(race.fingerprint) is None
    (tmp_path / "ledger" / ".f1.probes-d.parquet.partial").touch()
    (tmp_path / "ledger" / ".f1.weights.npz.partial").touch()
    others = tmp_path / "ledger" / ".seconds-a.json.partial"  # which another process may be writing
    others.touch()
    ledger.clean()
    assert list((tmp_path / "ledger").iterdir()) == [others]
