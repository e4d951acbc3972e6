"""The ledger: a folder of immutable result files, one a race, named by fingerprint."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.aside import file_aside
from pipeline.outcome import RaceResult, Weights
from pipeline.probe_plan import Probed
from pipeline.race_file import decoded, encoded

__all__ = ["Ledger", "read_parquet", "read_weights"]

T = TypeVar("T")


class Ledger:
    """Results of races that have been trained.

    A race's file appears whole or not at all: written aside, flushed to disk, renamed. Races in
    which a trial failed or ran out of memory are kept under another name, so that they count as
    missing and are run again at the next start.

    Args:
        folder: Where the files are; made when the first one is written.
        warn: Told about files that can't be read and were set aside.
    """

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        self._folder = folder
        self._warn = warn

    def __contains__(self, fingerprint: str) -> bool:
        """Whether a race has been trained and nothing in it failed."""
        return self._final(fingerprint).exists()

    def write(self, result: RaceResult) -> None:
        """Add a race's result.

        Args:
            result: Replaces a failed result of the same race; a final one is never replaced.
        """
        fingerprint = result.race.fingerprint
        kept = {
            f"{member}/{name}": array
            for member, trial in enumerate(result.results)
            for name, array in (trial.weights or {}).items()
        }
        if kept:  # first, so that a race that is in the ledger has its weights there
            with self._aside(self.weights_file(fingerprint)) as file:
                np.savez(file, allow_pickle=False, **kept)
        if fingerprint in self:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        target = self._final(fingerprint) if result.final else self._failed(fingerprint)
        with self._aside(target) as file:
            pq.write_table(encoded(result), file)  # pyright: ignore[reportUnknownMemberType]
        if result.final:
            self._failed(fingerprint).unlink(missing_ok=True)

    def weights_file(self, fingerprint: str) -> Path:
        """Where the weights of a race's trials are, if they were kept: see `read_weights`."""
        return self._folder / f"{fingerprint}.weights.npz"

    def probes_file(self, fingerprint: str, digest: str) -> Path:
        """Where what probes found along a race is, by the digest of how it was probed."""
        return self._folder / f"{fingerprint}.probes-{digest}.parquet"

    def has_all(self, fingerprint: str, keep: frozenset[str], probed: Probed | None) -> bool:
        """Whether what is wanted beside a race's result is there: weights, probes.

        Args:
            fingerprint: Of the race.
            keep: Fingerprints of races whose weights are wanted.
            probed: Which races are to be probed, and how; None for none.
        """
        wanted = [self.weights_file(fingerprint)] if fingerprint in keep else []
        if probed and fingerprint in probed.races:
            wanted.append(self.probes_file(fingerprint, probed.digest))
        return all(file.exists() for file in wanted)

    def read(self, fingerprint: str) -> RaceResult | None:
        """Result of a race, failed ones included; None where there is none.

        A damaged file is set aside and counts as missing, so that its race runs again. One that
        the system does not let us read may be sound, and stays: that is an OSError.

        Args:
            fingerprint: Of the race.

        Returns:
            The result as it was written.
        """
        for path in (self._final(fingerprint), self._failed(fingerprint)):
            result = self.sound(path, lambda table: decoded(table, fingerprint))
            if result:
                return result
        return None

    def sound(self, path: Path, decode: Callable[[pa.Table], T]) -> T | None:
        """What a file of the ledger holds; None where there is none, or none that is sound.

        Args:
            path: Of the file; a damaged one is set aside.
            decode: Makes of its table what it holds.

        Returns:
            What ``decode`` returned.

        Raises:
            OSError: If the system refuses to read the file.
        """
        try:
            return decode(read_parquet(path))
        except FileNotFoundError:
            return None
        except OSError as problem:
            if problem.errno is not None:  # pyarrow's have none
                raise
            self._set_aside(path, problem)
        except (IndexError, KeyError, TypeError, ValueError, pa.ArrowException) as problem:
            self._set_aside(path, problem)
        return None

    def forget(self, fingerprint: str) -> None:
        """Remove all that the ledger has of a race. Call it with the lock held."""
        for path in self._folder.glob(f"{fingerprint}.*"):
            path.unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove what writers that were killed left aside. Call it with the lock held."""
        # Not all partial files: seconds per step are written without the lock.
        for pattern in (".*.tmp", ".*.probes-*.partial", ".*.weights.npz.partial"):
            for path in self._folder.glob(pattern):
                path.unlink(missing_ok=True)

    @contextmanager
    def _aside(self, target: Path) -> Generator[IO[bytes]]:
        with file_aside(target, target.with_name(f".{target.name}.{os.getpid()}.tmp")) as file:
            yield file
        _sync_folder(self._folder)

    def _set_aside(self, path: Path, problem: Exception) -> None:
        path.replace(path.with_suffix(".unreadable"))
        self._warn(f"{path}: unreadable ({problem}); set aside, its race runs again")

    def _final(self, fingerprint: str) -> Path:
        return self._folder / f"{fingerprint}.parquet"

    def _failed(self, fingerprint: str) -> Path:
        return self._folder / f"{fingerprint}.failed.parquet"


def read_weights(path: Path, member: int) -> Weights:
    """Weights of one trial.

    Args:
        path: A file of the ledger's, or a copy.
        member: Position of the trial in its race.

    Returns:
        Arrays by name, as in the network's ``named_parameters`` and ``named_buffers``.
    """
    with np.load(path, allow_pickle=False) as arrays:
        return {
            name.partition("/")[2]: arrays[name]
            for name in arrays.files
            if name.partition("/")[0] == str(member)
        }


def read_parquet(path: Path) -> pa.Table:
    """A small file as a table, in a tenth of the time that pandas or ``read_table`` take."""
    with pq.ParquetFile(path) as file:
        return file.read(use_threads=False)  # pyright: ignore[reportUnknownMemberType]


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; a folder can't be opened for this on every platform."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
