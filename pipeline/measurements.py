"""A user's own measurements of steps to a goal: a CSV file into replicates by model."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.outcome import Ended
from pipeline.replicates import Replicates

if TYPE_CHECKING:
    from _csv import Reader as CsvReader
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Measurements", "read_measurements"]

NEEDED: Final = ("model", "batch_size", "steps")
OPTIONAL: Final = ("replicate", "ended")
_LARGEST_FILE: Final = 20_000_000  # bytes; a measurement takes some 30
_LARGEST: Final = 10**15  # of a batch size, and of steps
_SHOWN: Final = 10  # problems of a file
_NUMBER: Final = re.compile(r"\d+(\.\d*)?([eE][+-]?\d{1,3})?|\.\d+([eE][+-]?\d{1,3})?", re.ASCII)

Row = dict[str, str]


@dataclass(frozen=True)
class Measurements:
    """What a file holds.

    Attributes:
        models: Replicates by model, in the order of the file.
        ignored: Columns that say nothing to us.
    """

    models: dict[str, Replicates]
    ignored: tuple[str, ...]


@dataclass
class _Problems:
    path: Path
    said: list[str] = field(default_factory=list[str])

    def add(self, line: int, column: str, value: str, remedy: str) -> None:
        """Note what is wrong at a place."""
        self.said.append(f"{self.path}, line {line}, column {column}: {value!r} {remedy}")

    def end(self) -> None:
        """End the reading if anything is wrong.

        Raises:
            ValueError: Naming the first ten.
        """
        more = len(self.said) - _SHOWN
        if self.said:
            rest = [f"and {more} more"] if more > 0 else []
            raise ValueError("\n".join([*self.said[:_SHOWN], *rest]))


def read_measurements(path: Path) -> Measurements:
    """Read columns model, batch_size, steps and, if there, replicate and ended.

    ``ended`` is as in `pipeline.outcome.Ended`; without the column every row has reached the goal.
    Steps may be empty where it is ``diverged``, ``failed`` or ``out_of_memory``. Without
    ``replicate`` every row is a replicate of its own; a label that stands at several batch sizes
    is one replicate there, with what its runs have in common (`pipeline.replicates.apart`).

    Args:
        path: A CSV file in UTF-8, with a header.

    Returns:
        The measurements.

    Raises:
        ValueError: If the file can't be read as that; each problem with line, column, value and
            remedy.
    """
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        return _read(path, reader)
    except csv.Error as problem:
        raise ValueError(
            f"{path}, line {reader.line_num}: {problem}; save the file as CSV, with every "
            "quote closed"
        ) from problem


def _read(path: Path, reader: CsvReader) -> Measurements:
    problems = _Problems(path)
    header = [name.strip() for name in next(reader, list[str]())]
    ignored = _ignored(path, header)
    rows: dict[str, list[tuple[int, float, str, str | None]]] = {}
    seen: dict[tuple[str, int, str], int] = {}
    for line, row in _rows(path, reader, header):
        model, size, steps, kind = _values(line, row, problems)
        rows.setdefault(model, []).append((size, steps, kind, row.get("replicate")))
        _check_replicate(line, row, (model, size), seen, problems)
    problems.end()
    if not rows:
        raise ValueError(f"{path} has a header and no rows; add a row for every measurement")
    return Measurements({model: _replicates(found) for model, found in rows.items()}, ignored)


def _text(path: Path) -> str:
    try:
        if path.is_dir():
            raise ValueError(f"{path} is a directory; give the CSV file in it")
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as problem:
        raise ValueError(f"{path} cannot be read: {problem.strerror}") from problem
    if len(content) > _LARGEST_FILE:
        raise ValueError(
            f"{path} is larger than {_LARGEST_FILE // 10**6} MB; keep one row per measurement, "
            "not per evaluation"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise ValueError(
            f"{path}, line {line}: byte {content[problem.start]:#04x} is not UTF-8; save the file "
            "as CSV in UTF-8"
        ) from problem


def _ignored(path: Path, header: list[str]) -> tuple[str, ...]:
    """Columns of the header that we don't know.

    Raises:
        ValueError: If one that we need is missing, or one is there twice.
    """
    if not header:
        raise ValueError(f"{path} is empty; give a header line {','.join(NEEDED)} and rows")
    missing = [name for name in NEEDED if name not in header]
    if missing:
        split = {";": "semicolons", "\t": "tabs"}
        other = next((word for mark, word in split.items() if mark in "".join(header)), None)
        hint = f"; separate columns by commas, not {other}" if other else ""
        raise ValueError(
            f"{path}, line 1: no column {' and no column '.join(missing)}, only "
            f"{', '.join(map(repr, header))}; name it in the header{hint}"
        )
    twice = [name for name in (*NEEDED, *OPTIONAL) if header.count(name) > 1]
    if twice:
        raise ValueError(f"{path}, line 1: column {twice[0]} is there twice; keep one")
    return tuple(name for name in header if name and name not in (*NEEDED, *OPTIONAL))


def _rows(path: Path, reader: CsvReader, header: list[str]) -> Iterator[tuple[int, Row]]:
    """Rows with their lines, blanks around values gone.

    Yields:
        Number of the row's last line, and the row.

    Raises:
        ValueError: If a line has another number of values than the header.
    """
    for found in reader:
        if not found:
            continue
        if len(found) != len(header):
            raise ValueError(
                f"{path}, line {reader.line_num}: {len(found)} values for {len(header)} columns; "
                "give one for each"
            )
        values = (value.strip() for value in found)
        yield reader.line_num, dict(zip(header, values, strict=True))


def _values(line: int, row: Row, problems: _Problems) -> tuple[str, int, float, str]:
    if not row["model"]:
        problems.add(line, "model", "", "is no name; name the network")
    elif not row["model"].isprintable():
        fault = "has a character that can't be printed; write letters, digits and signs"
        problems.add(line, "model", row["model"], fault)
    size = _number(line, row, "batch_size", problems)
    if size != int(size):
        problems.add(line, "batch_size", row["batch_size"], "is no whole number of examples")
    ended = row.get("ended", Ended.REACHED)
    if ended not in set(Ended):
        problems.add(line, "ended", ended, f"is unknown; write {', '.join(Ended)}")
        return row["model"], int(size), 1.0, "missing"
    kind = "reached" if ended == Ended.REACHED else Ended(ended).short
    if kind in {"infinite", "missing"}:
        return row["model"], int(size), np.inf if kind == "infinite" else np.nan, kind
    return row["model"], int(size), _number(line, row, "steps", problems), kind


def _number(line: int, row: Row, column: str, problems: _Problems) -> float:
    text = row[column]
    if not _NUMBER.fullmatch(text):
        negative = _NUMBER.fullmatch(text.removeprefix("-"))
        fault = "is not positive; write a number above 0" if negative else (
            "is not a number; write digits with a point, without separators or units"
        )  # fmt: skip
        problems.add(line, column, text, fault)
        return 1.0
    value = float(text)
    if not 0 < value <= _LARGEST:
        fault = "is not positive; write a number above 0" if not value else "is above 1e15"
        problems.add(line, column, text, fault)
        return 1.0
    return value


def _check_replicate(
    line: int, row: Row, cell: tuple[str, int], seen: dict[tuple[str, int, str], int],
    problems: _Problems,
) -> None:  # fmt: skip
    if "replicate" not in row:
        return
    replicate = row["replicate"]
    if not replicate:
        problems.add(line, "replicate", "", "is no label; number the replicates of a batch size")
    elif (first := seen.setdefault((*cell, replicate), line)) != line:
        problems.add(
            line, "replicate", replicate,
            f"of {cell[0]} at batch size {cell[1]} is on line {first} already; keep one",
        )  # fmt: skip


def _replicates(rows: list[tuple[int, float, str, str | None]]) -> Replicates:
    size, steps, kind, labels = zip(*rows, strict=True)
    known = None if None in labels else np.unique(np.array(labels), return_inverse=True)[1]
    return Replicates(np.array(size), np.array(steps), np.array(kind, dtype=np.str_), known)
