"""Do the trade-off's intervals cover what was planted?

Run it with python -m benchmarks.planted_hyperbolas. It draws tables of steps from
S(B) = S_min (1 + B_crit / B) with lognormal noise, fits them, prints how often the intervals and
bounds hold the truth, with binomial bands, and writes benchmarks/planted_hyperbolas.json.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import stats

from pipeline.bounded import Bounded
from pipeline.replicates import Replicates
from pipeline.trade_off import TradeOff, fit_trade_off

TABLES = 1000  # of each place
CONFIDENCE = 0.95
BAND = 0.99  # of the binomial bands
SEED = 20261125
SIZES = (6, 14)
REPLICATES = (1, 5)
NOISE = (0.02, 0.15)  # standard deviation of log steps
S_MIN = 30.0
CENSORED = 1 / 3  # of the tables have a budget that some replicates don't fit into
OUTSIDE = (4.0, 64.0)  # how far B_crit lies from the batch sizes measured
COMMON = 0.5  # share of the noise's variance that a replicate has in common, in tables of their own

Place = Literal["inside", "below", "above"]
PLACES: tuple[Place, ...] = ("inside", "below", "above")


@dataclass(frozen=True)
class Planted:
    """One table and the truth in it. ``place`` says where B_crit lies beside the batch sizes."""

    place: Place
    b_crit: float
    batch_sizes: int
    replicates: int
    noise: float
    rows: Replicates
    common: float = 0.0

    @property
    def censored(self) -> bool:
        """Whether a replicate didn't fit into the budget."""
        return bool(np.any(self.rows.censored))


def plant(rng: np.random.Generator, place: Place, common: float = 0.0) -> Planted:
    """A table: how many batch sizes and replicates, how noisy, and how far it runs are drawn.

    ``common`` is the share of the noise's variance that a replicate has at all batch sizes alike.
    """
    count = int(rng.integers(SIZES[0], SIZES[1] + 1))
    ratio = 2.0 if count > 9 else float(rng.choice([2.0, 4.0]))
    sizes = np.round(ratio ** np.arange(count)).astype(np.int64) * 2 ** int(rng.integers(0, 6))
    replicates = int(rng.integers(REPLICATES[0], REPLICATES[1] + 1))
    noise = float(rng.uniform(*NOISE))
    far = math.exp(rng.uniform(*np.log(OUTSIDE)))
    b_crit = {
        "inside": math.exp(rng.uniform(math.log(sizes[0]), math.log(sizes[-1]))),
        "below": sizes[0] / far,
        "above": sizes[-1] * far,
    }[place]
    size = np.repeat(sizes, replicates)
    labels = np.tile(np.arange(replicates), count)
    off = math.sqrt(1 - common) * rng.normal(size=len(size))
    if common:
        off += math.sqrt(common) * rng.normal(size=replicates)[labels]
    steps = S_MIN * (1 + b_crit / size) * np.exp(noise * off)
    budget = math.inf
    if rng.random() < CENSORED:  # it cuts through the third of batch sizes that take most steps
        cut, enough = sizes[int(rng.integers(0, count // 3))], sizes[count // 3]
        budget = S_MIN * max(
            (1 + b_crit / cut) * math.exp(rng.uniform(-2, 2) * noise),
            (1 + b_crit / enough) * math.exp(2 * noise),
        )
    kind = np.where(steps > budget, "censored", "reached")
    rows = Replicates(size, np.minimum(steps, budget), kind, labels)
    return Planted(place, float(b_crit), count, replicates, noise, rows, common)


def holds(found: Bounded, truth: float) -> bool:
    """Whether the interval or bound holds the truth."""
    high = math.inf if found.high is None else found.high
    return (found.low or 0.0) <= truth <= high


@dataclass(frozen=True)
class Tally:
    """How one number's answers fared in one group of tables.

    Attributes:
        group: Which tables.
        number: Which number.
        intervals: Two-sided intervals given.
        covering: Those that hold the truth.
        bounds: One-sided bounds given.
        right: Those that hold the truth.
        unresolved: Tables without an answer.
    """

    group: str
    number: str
    intervals: int
    covering: int
    bounds: int
    right: int
    unresolved: int

    def __str__(self) -> str:
        whole = share(self.covering + self.right, self.intervals + self.bounds)
        return (
            f"| {self.group} | {self.number} | {self.intervals:,} | "
            f"{share(self.covering, self.intervals)} | {self.bounds:,} | "
            f"{share(self.right, self.bounds)} | {self.unresolved} | {whole} |"
        )


HEADER = (
    "| B_crit | number | intervals | hold, % | bounds | right, % | none | all answers, % |\n"
    "|---|---|---|---|---|---|---|---|"
)


def share(right: int, answers: int) -> str:
    """A share in percent with its Monte Carlo standard error; a star outside the binomial band."""
    if not answers:
        return "–"
    low, high = stats.binom.interval(BAND, answers, CONFIDENCE)
    star = "" if low <= right <= high else ("*" if right > high else "!")
    found = right / answers
    return f"{100 * found:.1f} ± {100 * math.sqrt(found * (1 - found) / answers):.1f}{star}"


Answer = Callable[[TradeOff], Bounded]
NUMBERS: dict[str, tuple[Answer, Callable[[float], float]]] = {
    "hyperbola": (lambda fit: fit.b_crit.hyperbola, lambda b_crit: b_crit),
    "slope_half": (lambda fit: fit.b_crit.slope_half, lambda b_crit: b_crit),
    "overhead20": (lambda fit: fit.b_crit.overhead20, lambda b_crit: b_crit / 5),
    "S_min": (lambda fit: fit.s_min, lambda _: S_MIN),
    "E_min": (lambda fit: fit.e_min, lambda b_crit: S_MIN * b_crit),
}


def tally(group: str, number: str, pairs: Sequence[tuple[Planted, TradeOff]]) -> Tally:
    """How often one number's intervals hold, its bounds are right, and it has neither."""
    answer, true = NUMBERS[number]
    seen = [(answer(fit), true(planted.b_crit)) for planted, fit in pairs]
    given = [holds(*pair) for pair in seen if pair[0].resolved and pair[0].bound is None]
    bounds = [holds(*pair) for pair in seen if pair[0].bound is not None]
    rest = len(seen) - len(given) - len(bounds)
    return Tally(group, number, len(given), sum(given), len(bounds), sum(bounds), rest)


def groups(
    pairs: Sequence[tuple[Planted, TradeOff]],
) -> dict[str, list[tuple[Planted, TradeOff]]]:
    """Tables with B_crit inside, by what could matter."""
    inside = [pair for pair in pairs if pair[0].place == "inside" and not pair[0].common]
    found: dict[str, list[tuple[Planted, TradeOff]]] = {}
    for count in range(SIZES[0], SIZES[1] + 1):
        found[f"inside, batch sizes: {count}"] = [p for p in inside if p[0].batch_sizes == count]
    for count in range(REPLICATES[0], REPLICATES[1] + 1):
        found[f"inside, replicates: {count}"] = [p for p in inside if p[0].replicates == count]
    found["inside, some censored"] = [p for p in inside if p[0].censored]
    found["inside, none censored"] = [p for p in inside if not p[0].censored]
    return found


def sound(fit: TradeOff) -> bool:
    """Whether every number is finite or None, and limits stand in order."""
    for answer, _ in NUMBERS.values():
        found = answer(fit)
        known = [n for n in (found.low, found.value, found.high) if n is not None]
        if known != sorted(known) or not all(map(math.isfinite, known)):
            return False
    return True


def tallies(pairs: Sequence[tuple[Planted, TradeOff]]) -> Iterator[Tally]:
    """All there is to say.

    Yields:
        Every number by where B_crit lies, and where replicates have much in common, then the
        hyperbola's by group.
    """
    for place in PLACES:
        chosen = [pair for pair in pairs if pair[0].place == place and not pair[0].common]
        for number in NUMBERS:
            yield tally(place, number, chosen)
    for number in NUMBERS:
        chosen = [pair for pair in pairs if pair[0].common]
        yield tally("inside, half in common", number, chosen)
    for group, chosen in groups(pairs).items():
        yield tally(group, "hyperbola", chosen)


def main() -> None:
    """Fit every table, and say where the figures went."""
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else TABLES
    rng, began = np.random.default_rng(SEED), time.process_time()
    planted = [plant(rng, place) for place in PLACES for _ in range(tables)]
    planted += [plant(rng, "inside", COMMON) for _ in range(tables)]
    pairs = [(each, fit_trade_off(each.rows, CONFIDENCE)) for each in planted]
    seconds = time.process_time() - began
    found, unsound = list(tallies(pairs)), sum(not sound(fit) for _, fit in pairs)
    print(HEADER, *found, sep="\n")
    print(f"outside the {100 * BAND:g} % binomial band of {100 * CONFIDENCE:g} %: * above, ! below")
    print(f"{len(pairs):,} tables, {unsound} unsound answers, {seconds:.0f} s of CPU time")
    path = Path(__file__).with_suffix(".json")
    conditions = {
        "tables": tables, "seed": SEED, "confidence": CONFIDENCE, "noise": NOISE, "sizes": SIZES,
        "replicates": REPLICATES, "outside": OUTSIDE, "cpu_seconds": round(seconds, 1),
        "unsound": unsound,
    }  # fmt: skip
    stored = {"conditions": conditions, "found": [asdict(each) for each in found]}
    path.write_text(json.dumps(stored, indent=1) + "\n")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
