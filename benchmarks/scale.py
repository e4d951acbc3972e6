"""How time and memory grow with the number of trials: 1,000, 10,000 and 100,000 of them.

    python -m benchmarks.scale --trials 1000 10000 100000

For every size it fills a ledger of its own in --folder with a study that nobody trained
(`benchmarks/generated.py`), through the product's ledger code, and then runs each phase in a
process of its own: plan (the whole sweep, to find that nothing is to be trained), tables, estimate,
report; and mlflow and optuna, which mirror --mirrored trials into new SQLite databases. Tables
follow planning in one process, as in the sweep; seconds of planning are taken off, its memory is
not. Wall and CPU seconds include the interpreter's start and imports; memory is the process's peak
(Linux only). What was generated stays, so that another run measures the same ledger. It prints the
table of docs/performance.md and writes benchmarks/scale.json with its conditions.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.conditions import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.events import Event
    from pipeline.outcome import RaceResult
    from pipeline.trial import CohortPlan

PHASES: Final = ("plan", "tables", "estimate", "report")
MIRRORS: Final = ("mlflow", "optuna")


class Idle:
    """An engine that has nothing to do, or says what it was to train."""

    workers = 1

    def warm_up(self) -> None:
        """Do nothing."""

    def submit(self, plan: CohortPlan) -> None:
        """Refuse."""
        assert not plan.races, f"the ledger lacks {plan}"

    def stop(self, plan: CohortPlan) -> None:
        """Do nothing."""

    def events(self) -> Any:
        """Nothing happens."""
        return iter(())

    def run(self, cohorts: Sequence[CohortPlan]) -> Any:
        """Refuse what there is to train."""
        for plan in cohorts:
            self.submit(plan)
        events: list[Event] = []
        return iter(events)

    def close(self) -> None:
        """Do nothing."""


class Study:
    """A generated study in a folder of its own."""

    def __init__(self, folder: Path, trials: int) -> None:
        from benchmarks.generated import sized_settings
        from benchmarks.preparation import prepared_in
        from pipeline.ledger import Ledger
        from pipeline.study.places import Places

        self.settings = sized_settings(trials)
        prepared = prepared_in(folder, self.settings.data)
        self.folder = folder / str(trials)
        self.places = Places("scale", self.folder / "results", self.folder / "report", prepared)
        self.ledger = Ledger(self.folder / "ledger", print)

    @property
    def design(self) -> Any:
        """The study's own."""
        from pipeline.manifest import read_manifest
        from pipeline.study.session import design_of

        return design_of(self.settings, read_manifest(self.places.prepared))

    def generate(self) -> None:
        """Fill the ledger as the sweep and confirm would, and write confirm's tables."""
        from benchmarks.generated import Generator
        from pipeline.batch_sizes import resolved_reference
        from pipeline.study.confirm import tuned_cells
        from pipeline.study.session import write_tables
        from pipeline.study.sweep import searched
        from pipeline.tables import assignments_table, curves_table, trials_table

        run, design = Generator(self.ledger, self.settings.models).run, self.design
        swept = searched(design, run)
        tuned = tuned_cells(self.settings, trials_table(swept), curves_table(swept))
        reference = resolved_reference(self.settings, design.train_examples)
        assignments = design.confirm(tuned, reference)
        confirmed = run([assignment.race for assignment in assignments])
        seconds = _seconds([assignment.race.cell for assignment in assignments])
        tables = {
            "trials": trials_table(confirmed),
            "curves": curves_table(confirmed),
            "assignments": assignments_table(assignments),
            "seconds": seconds,
        }
        write_tables(self.places.confirm, tables)

    def plan(self) -> list[RaceResult]:
        """Walk the whole sweep, all of which is in the ledger."""
        from pipeline.runner import Runner
        from pipeline.study.sweep import searched

        runner = Runner("sweep", self.ledger, Idle(), (), 36, _quiet)
        return searched(self.design, runner.run)

    def tables(self, results: list[RaceResult]) -> None:
        """Write the sweep's tables."""
        from pipeline.study.session import write_tables
        from pipeline.study.sweep import swept_tables

        write_tables(self.places.sweep, swept_tables(self.design, results))

    def some(self, trials: int) -> list[RaceResult]:
        """Some races of the sweep, ``trials`` in all or a few more."""
        found: list[RaceResult] = []
        for path in sorted(self.ledger_files()):
            result = self.ledger.read(path.name.partition(".")[0])
            if result is not None and result.race.recipe.goal is not None:
                found.append(result)
            if sum(len(each.results) for each in found) >= trials:
                break
        return found

    def ledger_files(self) -> list[Path]:
        """One a race."""
        return list((self.folder / "ledger").glob("*.parquet"))

    def mirror(self, name: str) -> Any:
        """MLflow's or Optuna's, into a new database."""
        from pipeline.manifest import read_manifest
        from pipeline.studies.mirror import StudyMirror
        from pipeline.tracking import MlflowMirror
        from pipeline.tracking.runs import Data

        file, manifest = self.folder / f"{name}.db", read_manifest(self.places.prepared)
        file.unlink(missing_ok=True)
        url = f"sqlite:///{file}"
        if name == "mlflow":
            return MlflowMirror(
                uri=url,
                experiment="scale",
                data=Data(manifest.dataset, manifest.digest),
                phase="sweep",
                models=self.settings.models,
                git_commit=None,
            )
        return StudyMirror(
            url=url,
            settings=self.settings,
            dataset=manifest.dataset,
            data_digest=manifest.digest,
            train_examples=manifest.train_examples,
            phase="sweep",
        )


def main() -> None:
    """Measure every size asked, or one phase where a process of this benchmark asks for it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("/tmp/scale"))
    parser.add_argument("--trials", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--phases", nargs="+", default=[*PHASES, *MIRRORS])
    parser.add_argument("--mirrored", type=int, default=1_000, help="trials that are mirrored")
    parser.add_argument("--phase", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.phase:
        print(json.dumps(_phase(asked)))
        return
    found = [_size(asked, trials) for trials in asked.trials]
    _tell(found)
    content = {"conditions": _conditions(asked), "sizes": found}
    Path(__file__).with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")


def _size(asked: argparse.Namespace, trials: int) -> dict[str, Any]:
    """All phases of one size, each in a process of its own."""
    done = asked.folder / str(trials) / "generated.json"
    if not done.exists():
        done.parent.mkdir(parents=True, exist_ok=True)
        done.write_text(json.dumps(_process(asked, trials, "generate")))
    return {
        "asked": trials,
        "phases": {phase: _process(asked, trials, phase) for phase in asked.phases},
    }


def _process(asked: argparse.Namespace, trials: int, phase: str) -> dict[str, Any]:
    options = ["--folder", str(asked.folder), "--trials", str(trials), "--phase", phase]
    command = [sys.executable, "-m", "benchmarks.scale", *options]
    started = time.perf_counter()
    said = subprocess.run(
        [*command, "--mirrored", str(asked.mirrored)], check=True, capture_output=True, text=True
    )
    wall = time.perf_counter() - started
    found = json.loads(said.stdout.splitlines()[-1])
    found |= {"wall": wall - found["set_up"][0], "cpu": found["cpu"] - found.pop("set_up")[1]}
    print(f"{trials:,} {phase}: {found}", file=sys.stderr, flush=True)
    return found


def _phase(asked: argparse.Namespace) -> dict[str, Any]:
    study, set_up, told = Study(asked.folder, asked.trials[0]), (0.0, 0.0), dict[str, Any]()
    if asked.phase in MIRRORS:
        told = _mirrored(study, asked.phase, asked.mirrored)
    elif asked.phase == "tables":
        results, set_up = _timed(study.plan)
        study.tables(results)
    elif asked.phase == "plan":
        results = study.plan()
        told = {"trials": sum(len(result.results) for result in results), "races": len(results)}
    elif asked.phase == "estimate":
        from pipeline.study.analyse import analyse

        analyse(study.settings, study.places)
    elif asked.phase == "report":
        from pipeline.study.report import report

        report(study.settings, study.places)
        told = {"page": (study.places.report / "index.html").stat().st_size}
    else:
        study.generate()
    return {"cpu": time.process_time(), "peak": _peak(), "set_up": set_up, **told}


def _mirrored(study: Study, name: str, trials: int) -> dict[str, Any]:
    results, mirror = study.some(trials), study.mirror(name)
    mirror.open()
    _, (wall, cpu) = _timed(lambda: [mirror.write(result) for result in results])
    mirror.close("FINISHED")
    count = sum(len(result.results) for result in results)
    return {"mirrored": count, "per_second": count / wall, "per_cpu_second": count / cpu}


def _timed(work: Callable[[], Any]) -> tuple[Any, tuple[float, float]]:
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    return made, (time.perf_counter() - wall, time.process_time() - cpu)


def _seconds(cells: Sequence[Any]) -> Any:
    """As confirm would have timed the cells."""
    import pandas as pd

    rows = [
        {"model": c.model, "batch_size": c.batch_size, "seconds_per_step": 1e-4 * c.batch_size**0.5}
        for c in dict.fromkeys(cells)
    ]
    return pd.DataFrame(rows).assign(machine="made up")


def _peak() -> int:
    """Most bytes resident since the process began."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _quiet(message: str) -> None:
    pass


def _tell(found: Sequence[dict[str, Any]]) -> None:
    print("| trials | races | phase | wall, s | CPU, s | peak, MB | |")
    print("|---|---|---|---|---|---|---|")
    for size in found:
        planned = size["phases"].get("plan", {"trials": size["asked"], "races": 0})
        for phase, one in size["phases"].items():
            rate = f"{one['per_second']:.0f} trials/s" if "per_second" in one else ""
            remark = f"page {one['page'] / 1e6:.1f} MB" if "page" in one else rate
            print(
                f"| {planned['trials']:,} | {planned['races']:,} | {phase} | {one['wall']:.1f} | "
                f"{one['cpu']:.1f} | {one['peak'] / 1e6:,.0f} | {remark} |"
            )


def _conditions(asked: argparse.Namespace) -> dict[str, Any]:
    return {
        "mirrored": asked.mirrored,
        **machine(),
    }


if __name__ == "__main__":
    main()
