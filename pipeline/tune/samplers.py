"""Optuna's samplers and pruners by name, and the design that a search starts from."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.seeds import seed_of
from pipeline.tune.question import Question
from pipeline.tune.rungs import RUNGS

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

__all__ = ["PRUNERS", "SAMPLERS", "pruner", "sampler", "start"]

SAMPLERS: Final = ("valley", "gp", "tpe", "cmaes", "nsgaii", "qmc", "random")
PRUNERS: Final = ("none", "median", "percentile", "halving", "hyperband")

_GOLDEN: Final = (math.sqrt(5) - 1) / 2
_BAND: Final = 0.25  # of the box, to each side of its diagonal
_STARTUP: Final = 5  # trials that a pruner compares with, before it prunes any
_WARM_UP: Final = 4  # of the budget's 64 parts, within which median and percentile prune nothing


def sampler(name: str, question: Question, *, started: int, seed: int) -> BaseSampler:
    """An Optuna sampler; a ValueError says that it can't serve here, and which one can.

    Args:
        name: Which one.
        question: What it is to search.
        started: Trials of the start-up design, after which it searches by itself.
        seed: Of its random stream.

    Returns:
        The sampler.
    """
    import optuna
    from optuna import samplers

    seed %= 2**32  # numpy's limit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match name:
            case "valley":
                return _valley(question, started, seed)
            case "gp":
                return samplers.GPSampler(
                    seed=seed, n_startup_trials=started, deterministic_objective=False
                )
            case "tpe":
                return samplers.TPESampler(
                    seed=seed, n_startup_trials=started, multivariate=True, constant_liar=True
                )
            case "cmaes":
                return _cmaes(question, started, seed)
            case "nsgaii":
                return samplers.NSGAIISampler(seed=seed, population_size=max(4, started))
            case "qmc":
                return samplers.QMCSampler(seed=seed, scramble=True)
            case _:
                return samplers.RandomSampler(seed=seed)


def pruner(name: str, question: Question) -> BasePruner:
    """An Optuna pruner, of trials that report at `pipeline.tune.rungs.Rungs`.

    Args:
        name: Which one; ``none`` lets every trial end by itself.
        question: Its trials.

    Returns:
        The pruner.

    Raises:
        ValueError: If there are two objectives, which Optuna does not prune by.
    """
    from optuna import pruners

    if name != "none" and len(question.objectives) > 1:
        raise ValueError(
            f"pruner is {name}, and Optuna prunes by one objective only; "
            "leave one objective, or choose --pruner none"
        )
    match name:
        case "median":
            return pruners.MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=_WARM_UP)
        case "percentile":
            return pruners.PercentilePruner(
                25.0, n_startup_trials=_STARTUP, n_warmup_steps=_WARM_UP
            )
        case "halving":
            return pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=4)
        case "hyperband":
            return pruners.HyperbandPruner(
                min_resource=1, max_resource=RUNGS[-1], reduction_factor=4
            )
        case _:
            return pruners.NopPruner()


def start(question: Question, count: int, seed: int) -> tuple[tuple[int, float], ...]:
    """Settings that a search starts from: one in each of ``count`` equal parts of log B.

    Good learning rates rise with the batch size, so the rates lie within a quarter of the box above
    and below its diagonal, both in logs. In there they follow a golden-ratio sequence (Kronecker),
    so they are spread as evenly whatever the count. Samplers left to start by themselves bunch
    their batch sizes, and spend trials in corners where nothing trains.

    Args:
        question: Its boxes are filled.
        count: Number of settings.
        seed: Shifts both coordinates.

    Returns:
        Pairs of batch size and learning rate, in random order: a part of them is spread too.
    """
    generator = np.random.default_rng(seed_of(seed, "search", "tune", "start"))
    place, shift = generator.random(), generator.random()
    (low, high), (bottom, top) = question.batch_sizes, question.learning_rates
    settings: list[tuple[int, float]] = []
    for i in range(count):
        along = (i + place) / count
        below, above = max(0.0, along - _BAND), min(1.0, along + _BAND)
        across = below + (above - below) * ((shift + i * _GOLDEN) % 1)
        size = min(high, max(low, round(low * (high / low) ** along)))
        settings.append((size, float(f"{bottom * (top / bottom) ** across:.6g}")))
    order: list[int] = generator.permutation(count).tolist()
    return tuple(settings[i] for i in order)


def _valley(question: Question, started: int, seed: int) -> BaseSampler:
    from pipeline.tune.valley import Valley

    if len(question.objectives) > 1:
        raise ValueError(
            "sampler is valley, which searches one objective; choose gp, tpe or nsgaii"
        )
    return Valley(question, started, seed)


def _cmaes(question: Question, started: int, seed: int) -> BaseSampler:
    from optuna import samplers

    if len(question.objectives) > 1:
        raise ValueError("sampler is cmaes, which searches one objective; choose gp, tpe or nsgaii")
    return samplers.CmaEsSampler(seed=seed, n_startup_trials=started)
