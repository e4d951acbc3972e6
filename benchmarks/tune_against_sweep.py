"""Does `batchscope tune` find as good a setting as the sweep's best, in a quarter of its trials?

    python -m benchmarks.tune_against_sweep --models mlp conv --seeds 5

On digits, examples to 5 % validation error. Per seed, which fixes initialisation, data order and
the shift of the grid, two arms: the sweep's grid of one replicate (6 batch sizes × 12 learning
rates, raced), of which the trial with the fewest examples is taken; and a tune of 18 trials, of
which the setting that it expects to cost least is taken. Both are then trained again with the same
fresh replicates, since the best of many noisy trials looks better than it is. Everything is kept in
--folder, where an interrupted run goes on and another sampler finds the sweeps done.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import optuna
from scipy.stats import t

from benchmarks.conditions import machine
from benchmarks.preparation import prepared_in
from pipeline.design import Design
from pipeline.engines.local import LocalEngine
from pipeline.ledger import Ledger
from pipeline.manifest import read_manifest
from pipeline.outcome import RaceResult
from pipeline.runner import Runner
from pipeline.settings import MAX_REPLICATES, Settings
from pipeline.settings_file import load_settings
from pipeline.study.places import Places
from pipeline.study.session import Session, design_of
from pipeline.study.tune import search
from pipeline.trial import Cell, Hyperparameters
from pipeline.tune.method import Method
from pipeline.tune.question import Question
from pipeline.tune.races import Races
from pipeline.tune.search import Limits
from pipeline.tune.values import value_of

FRESH = 10  # replicates
FRESH_SEED = 1_000  # of their random streams, which no arm has seen


@dataclass(frozen=True)
class Arm:
    """What one arm found with one seed; examples to the goal in log2."""

    model: str
    arm: str
    seed: int
    trials: int
    batch_size: int
    learning_rate: float
    found: float
    expected: float | None
    million_examples: float
    fresh: tuple[float, ...] = ()

    @property
    def worth(self) -> float:
        """Mean over the fresh replicates."""
        return statistics.fmean(self.fresh)


def main() -> None:
    """Run both arms and print the table."""
    options = _options()
    with _opened(options.folder) as opened:
        arms = [
            arm
            for model in options.models
            for seed in range(options.first_seed, options.first_seed + options.seeds)
            for arm in _arms(opened, model, seed, options)
        ]
        arms = [replace(arm, fresh=_fresh(opened, arm)) for arm in arms]
    document = {"conditions": _conditions(options), "arms": [asdict(arm) for arm in arms]}
    (options.folder / "result.json").write_text(json.dumps(document, indent=1))
    for model in options.models:
        _print(model, [arm for arm in arms if arm.model == model])


def _arms(opened: Session, model: str, seed: int, options: argparse.Namespace) -> list[Arm]:
    training = opened.settings.training.model_copy(update={"seed": seed})
    sweep = opened.settings.sweep.model_copy(update={"replicates": 1})
    settings = opened.settings.model_copy(
        update={"models": (model,), "training": training, "sweep": sweep}
    )
    design = design_of(settings, opened.manifest)
    mine = replace(opened, settings=settings, design=design)
    question = _question(settings, design, model)
    return [_swept(mine, question, seed), _tuned(mine, question, seed, options)]


def _swept(opened: Session, question: Question, seed: int) -> Arm:
    results = opened.runner.run(opened.design.grid())
    found, batch_size, rate = min(
        (value_of(question, "examples", result, member), trial.batch_size, trial.learning_rate)
        for result in results
        for member, trial in enumerate(result.race.trials)
    )
    trials = sum(len(result.results) for result in results)
    spent = _examples(results)
    return Arm(question.model, "sweep", seed, trials, batch_size, rate, found, None, spent)


def _tuned(opened: Session, question: Question, seed: int, options: argparse.Namespace) -> Arm:
    method = Method(options.sampler, "none", options.startup, seed)
    name = f"{question.model}-{options.sampler}-{options.startup}-{options.trials}-{seed}"
    storage = f"sqlite:///{options.folder / 'optuna.db'}"
    answer = search(question, method, Limits(options.trials), (storage, name), opened)
    races, ledger = Races(question, opened.design), opened.runner.ledger
    results = [
        result
        for trial in optuna.load_study(study_name=name, storage=storage).trials
        if trial.state.name == "COMPLETE"
        for plan in races.of(trial.params["batch_size"], trial.params["learning_rate"])
        if (result := ledger.read(plan.races[0].fingerprint))
    ]
    best = answer.best[0]
    return Arm(
        question.model, f"tune ({options.sampler})", seed, sum(answer.trials.values()),
        best.batch_size, best.learning_rate, best.values[0], best.expected, _examples(results),
    )  # fmt: skip


def _fresh(opened: Session, arm: Arm) -> tuple[float, ...]:
    """Log2 of examples to the goal of fresh replicates, none raced.

    Raises:
        RuntimeError: If one failed, and so has no cost.
    """
    training = opened.settings.training.model_copy(update={"seed": FRESH_SEED})
    settings = opened.settings.model_copy(update={"training": training})
    design = design_of(settings, opened.manifest)
    tried = Hyperparameters(arm.learning_rate, training.momentum, training.weight_decay)
    races = []
    for replicate in range(MAX_REPLICATES, MAX_REPLICATES + FRESH):
        race = design.sweep_race(Cell(arm.model, arm.batch_size), replicate, [tried], "confirm")
        races.append(design.altered(race, race=None))
    question = _question(settings, design, arm.model)
    results = opened.runner.run(races)
    if not all(result.final for result in results):
        raise RuntimeError(f"a fresh replicate of {arm} failed; the same command goes on")
    return tuple(value_of(question, "examples", result) for result in results)


def _question(settings: Settings, design: Design, model: str) -> Question:
    rates = settings.sweep.learning_rates
    return Question(
        model=model,
        objectives=("examples",),
        quantity="error",
        goal=settings.sweep.goals.hardest,
        batch_sizes=(design.batch_sizes[0], design.batch_sizes[-1]),
        learning_rates=(rates.low, rates.high),
    )


def _examples(results: Sequence[RaceResult]) -> float:
    """Millions of examples that were processed."""
    return 1e-6 * sum(
        trial.batch_size * outcome.curve.last_step
        for result in results
        for trial, outcome in zip(result.race.trials, result.results, strict=True)
    )


@contextmanager
def _opened(folder: Path) -> Iterator[Session]:
    settings = load_settings(Path("params.yaml"))
    places = Places(prepared=prepared_in(folder, settings.data))
    manifest = read_manifest(places.prepared)
    engine = LocalEngine(2, places.prepared)
    ledger = Ledger(folder / "ledger", print)
    width = settings.training.cohort_width
    runner = Runner("benchmark", ledger, engine, (), width, _say)
    try:
        yield Session(settings, places, manifest, design_of(settings, manifest), runner)
    finally:
        engine.close()


def _print(model: str, arms: Sequence[Arm]) -> None:
    """Fresh examples to the goal: geometric means per seed, their median and range."""
    print(f"\n{model}")
    for arm in arms:
        print(
            f"  seed {arm.seed} {arm.arm:10} {arm.trials:3} trials {arm.million_examples:5.2f} M  "
            f"B={arm.batch_size:<5} η={arm.learning_rate:<8.3g} found {2**arm.found:7,.0f}  "
            f"fresh {2**arm.worth:7,.0f}"
            + ("" if arm.expected is None else f"  expected {2**arm.expected:,.0f}")
        )
    names = list(dict.fromkeys(arm.arm for arm in arms))
    sides = [[arm for arm in arms if arm.arm == name] for name in names]
    for name, side in zip(names, sides, strict=True):
        worths = sorted(2**arm.worth for arm in side)
        print(
            f"  {name:10} median {statistics.median(worths):7,.0f}, from {worths[0]:,.0f} to "
            f"{worths[-1]:,.0f}"
        )
    logs = [b.worth - a.worth for a, b in zip(*sides, strict=True)]
    ratios = sorted(2**log for log in logs)
    print(
        f"  tune / sweep, seed by seed: median {statistics.median(ratios):.2f}, from "
        f"{ratios[0]:.2f} to {ratios[-1]:.2f}; {_mean(logs)}"
    )


def _mean(logs: Sequence[float]) -> str:
    """Geometric mean of the seeds' ratios, with Student's interval of 95 % over seeds."""
    if len(logs) < 2:
        return "one seed, no interval"
    mean, error = statistics.fmean(logs), statistics.stdev(logs) / math.sqrt(len(logs))
    half = float(t.ppf(0.975, len(logs) - 1)) * error
    return (
        f"geometric mean {2**mean:.2f}, 95 % interval {2 ** (mean - half):.2f} to "
        f"{2 ** (mean + half):.2f}"
    )


def _conditions(options: argparse.Namespace) -> dict[str, object]:
    return {
        **machine(),
        "sampler": options.sampler,
        "startup": options.startup,
        "trials": options.trials,
        "fresh_replicates": FRESH,
    }


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["mlp", "conv"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=18)
    parser.add_argument("--sampler", default="valley")
    parser.add_argument("--startup", type=int, default=6)
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/tune_against_sweep"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
