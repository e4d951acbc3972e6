"""Seconds per step of a lone run on this machine, measured once and kept beside the ledger.

They are the only measured times that a report states, so they stay out of estimates.json, which is
the same to the last digit wherever it is made.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.aside import write_aside
from pipeline.images import load_prepared
from pipeline.machine import cores
from pipeline.study.guard import say
from pipeline.trial import Hyperparameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.design import Design
    from pipeline.trial import Cell

__all__ = ["machine_name", "seconds_table"]


def seconds_table(
    design: Design, cells: Sequence[Cell], prepared: Path, ledger: Path
) -> pd.DataFrame:
    """Seconds per step of every cell, trained alone on this machine.

    What was measured on this machine before, with the same code, data and settings, is read.

    Args:
        design: Of the study.
        cells: Feasible ones.
        prepared: Folder of the prepared data.
        ledger: Folder beside whose files the measured seconds are kept.

    Returns:
        Columns model, batch_size, seconds_per_step (NaN where the network broke) and machine.
    """
    machine = machine_name(design)
    file = ledger / f"seconds-{hashlib.sha256(machine.encode()).hexdigest()[:12]}.json"
    known = _read(file)
    keys = {cell: _key(design, cell) for cell in cells}
    if missing := {cell: key for cell, key in keys.items() if key not in known}:
        known |= _measured(design, missing, prepared)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_aside(file, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())
    return pd.DataFrame(
        [
            {
                "model": cell.model,
                "batch_size": cell.batch_size,
                "seconds_per_step": known.get(keys[cell], math.nan),
                "machine": machine,
            }
            for cell in cells
        ],
        columns=["model", "batch_size", "seconds_per_step", "machine"],
    )


def machine_name(design: Design) -> str:
    """What a step's time depends on besides the study: processor and cores, or the GPU."""
    if design.device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    return f"{_processor()}, {cores()} cores"


def _processor() -> str:
    """The processor's name, where the system tells it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(errors="replace").splitlines() if information.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _key(design: Design, cell: Cell) -> str:
    """A race's fingerprint depends on all that a step's time does."""
    return design.sweep_race(cell, 0, [Hyperparameters(1.0)], "grid").fingerprint


def _measured(design: Design, keys: dict[Cell, str], prepared: Path) -> dict[str, float]:
    from pipeline.calibration import Conditions  # with torch, which takes seconds to import
    from pipeline.lone_step import seconds_per_lone_step

    training = design.settings.training
    data, conditions = load_prepared(prepared), Conditions(training, design.device)
    measured: dict[str, float] = {}
    for cell, key in keys.items():
        try:
            measured[key] = seconds_per_lone_step(cell, data, conditions, cores())
        except Exception as problem:  # a network may raise anything, memory may run out
            what = f"{type(problem).__name__}: {problem}".splitlines()[0]
            say(f"warning: {cell.model} at batch size {cell.batch_size:,} cannot be timed ({what})")
    return measured


def _read(file: Path) -> dict[str, float]:
    """What is known; where the file is damaged, nothing is, and all is measured anew."""
    try:
        return {str(key): float(value) for key, value in json.loads(file.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
