"""Where the time of a cohort goes, phase by phase.

    python -m benchmarks.phases [--fashion FOLDER] [--json]

Trains races of the default study as its sweep does, whole cohorts in one process and one thread:
digits `conv` at batch sizes 1, 64 and full, and, where FOLDER is data/raw of a Fashion-MNIST study,
`lenet` at 64 on 12,000 of its images for 300 steps. Seconds are CPU time of the process, by what
Python calls; the clock's own calls are less than 1 % of it. It touches nothing newer than the
lanes, so the same file also measures older versions, copied there.
"""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import torch

from benchmarks.preparation import prepared_in
from pipeline import cohort, lanes, optimisers
from pipeline.datasets import specification
from pipeline.images import load_prepared, read_manifest, write_prepared
from pipeline.points import design_points
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.study.places import PARAMS
from pipeline.study.session import design_of
from pipeline.training import train_cohort
from pipeline.trial import Cell, CohortPlan

PHASES: Final = ("examples", "forward", "backward", "update", "evaluation", "rest")

try:  # as workers do, where there is such a thing
    from pipeline.allocator import keep_freed_memory
except ImportError:
    keep_freed_memory = None


def main() -> None:
    """Profile every cohort and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--fashion", type=Path, help="data/raw of a Fashion-MNIST study")
    parser.add_argument("--repeats", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if keep_freed_memory:
        keep_freed_memory()
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="phases-") as name:
        settings = load_settings(PARAMS)
        prepared = prepared_in(Path(name) / "digits", settings.data)
        for size in (1, 64, read_manifest(prepared).train_examples):
            own = _fastest(settings, prepared, "conv", size, asked.repeats)
            found[f"digits conv, batch size {size:,}"] = own
        if asked.fashion:
            settings = _fashion(settings)
            prepared = Path(name) / "fashion"
            prepared.mkdir()
            raw = specification(settings.data.dataset).read(asked.fashion)
            write_prepared(prepared, settings.data, raw)
            own = _fastest(settings, prepared, "lenet", 64, asked.repeats)
            found["Fashion-MNIST lenet, batch size 64"] = own
    print(json.dumps(found, indent=1)) if asked.json else _tell(found)


def _fashion(settings: Settings) -> Settings:
    tree: dict[str, Any] = settings.model_dump(mode="json")
    tree["data"] |= {"dataset": "fashion_mnist", "examples": 12_000}
    tree["sweep"]["budget"] = {"epochs": 1, "min_steps": 300}
    tree["sweep"]["goals"]["levels"] = [0.2]
    return Settings.model_validate(tree)


def _fastest(
    settings: Settings, prepared: Path, model: str, size: int, repeats: int
) -> dict[str, float]:
    runs = [_profile(settings, prepared, model, size) for _ in range(repeats)]
    return min(runs, key=lambda seconds: sum(seconds.values()))


def _profile(settings: Settings, prepared: Path, model: str, size: int) -> dict[str, float]:
    """Seconds of every phase of one cohort: all replicates stacked, or one race solo."""
    design = design_of(settings, read_manifest(prepared))
    replicates = range(settings.sweep.replicates) if size <= 64 else range(1)
    races = tuple(
        design.sweep_race(Cell(model, size), replicate, design_points(settings, replicate), "grid")
        for replicate in replicates
    )
    plan = CohortPlan(races, settings.training.cohort_width)
    data = load_prepared(prepared)
    seconds: defaultdict[str, float] = defaultdict(float)
    with _timed(seconds):
        began = time.process_time()
        results = train_cohort(plan, data, lambda _: None)
        whole = time.process_time() - began
    assert all(trial.ended.measured for result in results for trial in result.results)
    seconds["rest"] = whole - sum(seconds.values())
    return {phase: seconds[phase] for phase in PHASES}


@contextmanager
def _timed(seconds: defaultdict[str, float]) -> Iterator[None]:
    """Count the phases' seconds, each phase's own: what it calls of another is the other's."""

    def clocked(phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            before, began = sum(seconds.values()), time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                inner = sum(seconds.values()) - before
                seconds[phase] += time.process_time() - began - inner

        return call

    places: list[tuple[Any, str, str]] = [
        (cohort._Blocks, "__next__", "examples"),
        (lanes.ResidentSplit, "take", "examples"),
        (lanes.StackedLane, "_losses", "forward"),
        (lanes.SoloLane, "_losses", "forward"),
        (torch.autograd, "grad", "backward"),
        (optimisers.Sgd, "step", "update"),
        (cohort.Cohort, "_evaluate", "evaluation"),
    ]
    with ExitStack() as patches:
        for owner, name, phase in places:
            patches.enter_context(patch.object(owner, name, clocked(phase, getattr(owner, name))))
        yield


def _tell(found: dict[str, dict[str, float]]) -> None:
    print(f"| | {' | '.join(PHASES)} | together |\n|---|{'---|' * (len(PHASES) + 1)}")
    for name, seconds in found.items():
        whole = sum(seconds.values())
        parts = " | ".join(
            f"{seconds[phase]:.2f} s, {seconds[phase] / whole:.0%}" for phase in PHASES
        )
        print(f"| {name} | {parts} | {whole:.2f} s |")


if __name__ == "__main__":
    main()
