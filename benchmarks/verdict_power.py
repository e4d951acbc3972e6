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

from pipeline.verdict import Verdict, verdicts

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
class Replicates:
    """Real replicates of one network.

    Attributes:
        goals: Levels, hardest last.
        rates: Per real sweep, its replicates, and by batch size its tuned rate and the reference's.
        seen: By batch size and learning rate, per goal: kinds and log2 steps [replicates], those
            that never reached the goal counted at the budget.
    """

    goals: tuple[float, ...]
    rates: list[tuple[frozenset[str], dict[int, tuple[float, float]]]]
    seen: dict[tuple[int, float], list[tuple[NDArray[np.str_], NDArray[np.float64]]]]

    @property
    def count(self) -> int:
        """Fresh replicates of every learning rate."""
        return len(next(iter(self.seen.values()))[0][0])

    def study(
        self, models: int, replicates: int, rng: np.random.Generator, *, own_sweeps: bool = True
    ) -> pd.DataFrame:
        """A table of regrets of ``models`` identical models, as the pipeline makes it.

        Args:
            models: How many.
            replicates: Of each, none shared.
            rng: Draws sweeps and replicates.
            own_sweeps: Whether each has a sweep of its own; else all share one.

        Returns:
            Rows for `pipeline.verdict.verdicts`.
        """
        sweeps = self._sweeps(models if own_sweeps else 1, rng)
        fresh = rng.permutation(self.count)[: models * replicates].reshape(models, replicates)
        parts = [
            self._rows(f"m{model}", sweeps[model % len(sweeps)], fresh[model])
            for model in range(models)
        ]
        return pd.concat(parts, ignore_index=True)

    def _sweeps(self, count: int, rng: np.random.Generator) -> list[dict[int, tuple[float, float]]]:
        """Real sweeps that share no replicate."""
        while True:
            used: set[str] = set()
            chosen: list[dict[int, tuple[float, float]]] = []
            for draw in rng.permutation(len(self.rates)).tolist():
                names, rates = self.rates[draw]
                if not used & names:
                    used |= names
                    chosen.append(rates)
                if len(chosen) == count:
                    return chosen

    def _rows(
        self, model: str, rates: dict[int, tuple[float, float]], fresh: NDArray[np.int64]
    ) -> pd.DataFrame:
        return pd.concat([
            pd.DataFrame({
                "model": model,
                "batch_size": size,
                "replicate": np.arange(len(fresh)),
                "goal": goal,
                "rule": "constant",
                "kind": carried[0][fresh],
                "tuned_kind": tuned[0][fresh],
                "regret": carried[1][fresh] - tuned[1][fresh],
                "same": rates[size][0] == rates[size][1],
            })
            for size in rates
            for at, goal in enumerate(self.goals)
            for tuned, carried in [[self.seen[size, rate][at] for rate in rates[size]]]
        ])


def read(folder: Path = DATA) -> Replicates:
    """The replicates that benchmarks.verdict_replicates trained."""
    tuned = pd.read_parquet(folder / "verdict_tuned.parquet")
    fresh = pd.read_parquet(folder / "verdict_replicates.parquet").sort_values("replicate")
    goals = tuple(sorted(fresh["goal"].unique().tolist(), reverse=True))
    rates = [
        (
            frozenset(part["replicates"].iloc[0].split()),
            {
                int(size): (float(own), float(carried))
                for size, own, carried in zip(
                    part["batch_size"], part["tuned"], part["constant"], strict=True
                )
            },
        )
        for _, part in tuned.groupby("draw")
    ]
    seen: dict[tuple[int, float], list[tuple[NDArray[np.str_], NDArray[np.float64]]]] = {}
    for (size, rate, goal), part in fresh.groupby(["batch_size", "learning_rate", "goal"]):
        kind = part["kind"].to_numpy(dtype=np.str_)
        steps = np.where(kind == "reached", part["steps"], part["max_steps"])
        seen.setdefault((int(size), float(rate)), [(kind, steps)] * len(goals))
        seen[int(size), float(rate)][goals.index(goal)] = (kind, np.log2(steps))
    return Replicates(goals, rates, seen)


def false_verdicts(
    real: Replicates, models: int, replicates: int, studies: int, *, own_sweeps: bool = True
) -> int:
    """Studies of identical models in which any pair gets a verdict."""
    rng = np.random.default_rng(models * 1000 + replicates)
    names = [f"m{model}" for model in range(models)]
    return sum(
        any(
            one.more_finicky
            for one in verdicts(
                real.study(models, replicates, rng, own_sweeps=own_sweeps),
                names,
                REFERENCE,
                real.goals,
                CONFIDENCE,
            )
        )
        for _ in range(studies)
    )


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
        _least(
            *verdicts(real.study(2, replicates, rng), ["m0", "m1"], REFERENCE, real.goals, level)
        )
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
    print("| models | replicates | own sweeps | one sweep for all |\n|---|---|---|---|")
    for models in MODELS:
        for replicates in REPLICATES:
            counts = [
                false_verdicts(real, models, replicates, studies, own_sweeps=own)
                for own in (True, False)
            ]
            print(f"| {models} | {replicates} | {counts[0]} | {counts[1]} |")
    print("\nDifference of transfer regret in octaves that is found in 80 % of studies\n")
    print("| replicates | 2 models, 1 pair | 5 models, 10 pairs |\n|---|---|---|")
    for replicates in REPLICATES:
        cells = [detectable(real, pairs, replicates, studies) for pairs in (1, 10)]
        spoken = [f"{value:.2f} [{low:.2f}, {high:.2f}]" for value, low, high in cells]
        print(f"| {replicates} | {spoken[0]} | {spoken[1]} |")


if __name__ == "__main__":
    main()
