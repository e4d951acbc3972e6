"""Does the verdict call identical models different, and how small a difference does it find?

Run it with python -m benchmarks.verdict_power. It draws studies from real replicates of one network
(benchmarks.verdict_replicates): in each, every "model" is that network under seeds of its own, with
a sweep of its own and so its own tuned learning rates, and its own fresh replicates. It prints how
many of 200 studies end in any verdict, all of them false, beside the binomial band of 5 %, and the
smallest difference of transfer regret that ends in a verdict in 80 % of studies. The same stands in
docs/science-finickiness.md.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from scipy import stats

from pipeline.finickiness.choice_noise import choice_noise
from pipeline.finickiness.grid import GridCurve
from pipeline.intervals import Interval
from pipeline.verdict import RULE, Verdict, verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DATA: Final = Path(__file__).parent / "data"
REFERENCE: Final = 64
CONFIDENCE: Final = 0.95
REPLICATES: Final = (3, 5, 10)
MODELS: Final = (2, 5)  # compared in one study; 5 make the 10 pairs of the default study
POWER: Final = 0.8


@dataclass(frozen=True)
class Sweep:
    """A real sweep of three replicates.

    Attributes:
        names: Its replicates.
        tuned: Tuned learning rates with their intervals, by batch size.
        trained: The learning rates that confirm trains, by batch size: tuned, and carried over.
    """

    names: frozenset[int]
    tuned: dict[int, Interval]
    trained: dict[int, tuple[float, float]]


@dataclass(frozen=True)
class Studied:
    """A study of identical models.

    Attributes:
        table: Rows for `pipeline.verdict.verdicts`.
        sweeps: Of each model.
        grid: All grid curves there are.
    """

    table: pd.DataFrame
    sweeps: dict[str, Sweep]
    grid: list[GridCurve]

    def noise(self, model: str, sizes: Sequence[int]) -> float | None:
        """What the choice of learning rates adds, from the model's own sweep."""
        sweep = self.sweeps[model]
        own = [curve for curve in self.grid if curve.replicate in sweep.names]
        return choice_noise(own, sweep.tuned, REFERENCE, sizes, CONFIDENCE)

    def verdicts(
        self, goals: Sequence[float], confidence: float, *, choice: bool
    ) -> tuple[Verdict, ...]:
        """As the pipeline finds them, or as if the learning rates were not chosen by a sweep."""
        noise = self.noise if choice else lambda *_: 0.0
        return verdicts(self.table, list(self.sweeps), REFERENCE, goals, confidence, noise)


@dataclass(frozen=True)
class Replicates:
    """Real replicates of one network.

    Attributes:
        goals: Levels, hardest last.
        sweeps: Real sweeps.
        grid: Grid curves of all their replicates.
        seen: By batch size and learning rate, per goal: kinds and log2 steps [replicates], those
            that never reached the goal counted at the budget.
    """

    goals: tuple[float, ...]
    sweeps: list[Sweep]
    grid: list[GridCurve]
    seen: dict[tuple[int, float], list[tuple[NDArray[np.str_], NDArray[np.float64]]]]

    @property
    def count(self) -> int:
        """Fresh replicates of every learning rate."""
        return len(next(iter(self.seen.values()))[0][0])

    def study(self, models: int, replicates: int, rng: np.random.Generator) -> Studied:
        """Draw a study in which no two models share a replicate, of the sweep or fresh.

        Args:
            models: How many.
            replicates: Fresh ones of each.
            rng: Draws them.

        Returns:
            The study.
        """
        sweeps = {f"m{i}": sweep for i, sweep in enumerate(self._sweeps(models, rng))}
        fresh = rng.permutation(self.count)[: models * replicates].reshape(models, replicates)
        rows = [
            row
            for (model, sweep), own in zip(sweeps.items(), fresh, strict=True)
            for row in self._rows(model, sweep, own)
        ]
        columns = (
            "model", "batch_size", "replicate", "goal", "rule", "kind", "tuned_kind", "regret"
        )  # fmt: skip
        return Studied(pd.DataFrame(rows, columns=columns), sweeps, self.grid)

    def _sweeps(self, count: int, rng: np.random.Generator) -> list[Sweep]:
        while True:
            chosen: list[Sweep] = []
            for draw in rng.permutation(len(self.sweeps)).tolist():
                if not any(self.sweeps[draw].names & other.names for other in chosen):
                    chosen.append(self.sweeps[draw])
                if len(chosen) == count:
                    return chosen

    def _rows(self, model: str, sweep: Sweep, fresh: NDArray[np.int64]) -> list[tuple[object, ...]]:
        return [
            (model, size, at, goal, RULE, kind[i], tuned_kind[i], octaves[i] - tuned[i])
            for size, (rate, carried) in sweep.trained.items()
            for level, goal in enumerate(self.goals)
            for tuned_kind, tuned in [self.seen[size, rate][level]]
            for kind, octaves in [self.seen[size, carried][level]]
            for at, i in enumerate(fresh.tolist())
        ]


def read(folder: Path = DATA) -> Replicates:
    """The replicates that benchmarks.verdict_replicates trained."""
    draws = pd.read_parquet(folder / "verdict_tuned.parquet")
    fresh = pd.read_parquet(folder / "verdict_replicates.parquet").sort_values("replicate")
    grid = pd.read_parquet(folder / "verdict_grid.parquet").sort_values("learning_rate")
    goals = tuple(sorted(fresh["goal"].unique().tolist(), reverse=True))
    seen: dict[tuple[int, float], list[tuple[NDArray[np.str_], NDArray[np.float64]]]] = {}
    for goal in goals:
        rows = fresh[fresh["goal"] == goal]
        for (size, rate), part in rows.groupby(["batch_size", "learning_rate"]):
            kind = part["kind"].to_numpy(dtype=np.str_)
            steps = np.where(kind == "reached", part["steps"], part["max_steps"])
            seen.setdefault((int(size), float(rate)), []).append((kind, np.log2(steps)))
    return Replicates(
        goals,
        [_sweep(part) for _, part in draws.groupby("draw")],
        [_curve(part) for _, part in grid.groupby(["batch_size", "replicate"])],
        seen,
    )


def _sweep(part: pd.DataFrame) -> Sweep:
    rows = part.to_dict("records")
    return Sweep(
        frozenset(int(name) for name in rows[0]["replicates"].split()),
        {r["batch_size"]: Interval(r["learning_rate"], r["low"], r["high"]) for r in rows},
        {r["batch_size"]: (r["tuned"], r["constant"]) for r in rows},
    )


def _curve(part: pd.DataFrame) -> GridCurve:
    first = part.iloc[0]
    return GridCurve(
        "any",
        int(first["batch_size"]),
        int(first["replicate"]),
        np.log10(part["learning_rate"].to_numpy(dtype=np.float64)),
        np.log2(np.maximum(part["steps"].to_numpy(dtype=np.float64), 1)),
        (part["kind"] == "reached").to_numpy(dtype=np.bool_),
        float(np.log2(first["max_steps"])),
        joint=False,
    )


def false_verdicts(
    real: Replicates, models: int, replicates: int, studies: int
) -> tuple[int, int, int]:
    """Studies of identical models in which any pair gets a verdict.

    Args:
        real: Where studies come from.
        models: Of a study.
        replicates: Of each model.
        studies: To draw.

    Returns:
        As the pipeline finds them; as it would by the corrected test at the hardest goal alone; and
        as it would without the noise of the sweep's choice.
    """
    rng = np.random.default_rng(models * 1000 + replicates)
    full, alone, narrow = 0, 0, 0
    for _ in range(studies):
        study = real.study(models, replicates, rng)
        found = study.verdicts(real.goals, CONFIDENCE, choice=True)
        full += any(one.more_finicky for one in found)
        alone += any((one.p_corrected or 1) <= 1 - CONFIDENCE for one in found)
        without = study.verdicts(real.goals, CONFIDENCE, choice=False)
        narrow += any(one.more_finicky for one in without)
    return full, alone, narrow


def band(studies: int) -> tuple[int, int]:
    """Counts between which a test of level 5 % stays in 95 % of benchmarks."""
    low, high = stats.binom.interval(0.95, studies, 1 - CONFIDENCE)
    return int(low), int(high)


def detectable(real: Replicates, pairs: int, replicates: int, studies: int) -> Sequence[float]:
    """Difference found in 80 % of studies, with the 95 % interval of that quantile.

    A model's regrets are raised by the same difference at every goal, which moves the interval and
    the signs and changes nothing else: so each study gives the least difference that it finds. The
    pair stands first of ``pairs`` under Holm, at the level of the family over their number.

    Args:
        real: Where studies come from.
        pairs: Of models compared in the study.
        replicates: Of each model.
        studies: To draw.

    Returns:
        Value, low and high in octaves; infinite where studies have nothing to compare.
    """
    rng = np.random.default_rng(replicates)
    level = 1 - (1 - CONFIDENCE) / pairs
    least = sorted(
        _least(*real.study(2, replicates, rng).verdicts(real.goals, level, choice=True))
        for _ in range(studies)
    )
    ranks = [math.ceil(POWER * studies), *stats.binom.interval(0.95, studies, POWER)]
    return [least[min(max(int(rank), 1), studies) - 1] for rank in ranks]


def _least(one: Verdict) -> float:
    """What has to be added to the first model's regret for a verdict against it."""
    low = one.corrected.low
    return math.inf if low is None else max(-low, *(-sign for sign in one.signs))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--studies", type=int, default=200)
    studies = parser.parse_args().studies
    real = read()
    conditions = json.loads((DATA / "verdict_replicates.json").read_text())
    print(
        f"{conditions['fresh_replicates']} replicates of {conditions['model']}, {studies} studies"
    )
    low, high = band(studies)
    print(f"\nFalse verdicts; the binomial band of 5 % is {low} to {high} of {studies}\n")
    print("| models | replicates | false verdicts | test alone | without the noise of choice |")
    print("|---|---|---|---|---|")
    for models in MODELS:
        for replicates in REPLICATES:
            counts = false_verdicts(real, models, replicates, studies)
            print(f"| {models} | {replicates} | {' | '.join(map(str, counts))} |", flush=True)
    print("\nDifference of transfer regret in octaves that is found in 80 % of studies\n")
    print("| replicates | 2 models, 1 pair | 5 models, 10 pairs |\n|---|---|---|")
    for replicates in REPLICATES:
        cells = [detectable(real, pairs, replicates, studies) for pairs in (1, 10)]
        spoken = [f"{value:.2f} [{low:.2f}, {high:.2f}]" for value, low, high in cells]
        print(f"| {replicates} | {spoken[0]} | {spoken[1]} |")


if __name__ == "__main__":
    main()
