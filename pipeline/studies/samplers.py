"""Optuna's samplers by name, seeded, and sampling from what was tried rather than at random."""

from __future__ import annotations

import importlib.util
import warnings
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

__all__ = ["SamplerName", "require", "sampler_of"]

SamplerName = Literal["gp", "tpe", "cmaes", "random"]


def require(name: SamplerName | Literal["zoom", "none"]) -> None:
    """Check that a sampler can be made, before anything is trained.

    Args:
        name: Which sampler.

    Raises:
        ValueError: If the package that CMA-ES needs is not installed.
    """
    if name == "cmaes" and importlib.util.find_spec("cmaes") is None:
        raise ValueError(
            "sweep.search.sampler is cmaes: Optuna needs the package cmaes for it; install it "
            "(pip install cmaes), or write gp"
        )


def sampler_of(name: SamplerName, seed: int, finished: Sequence[FrozenTrial]) -> BaseSampler:
    """Make a sampler that takes the finished trials of a design for its start-up.

    ``gp``: Gaussian process with noise, log expected improvement, `optuna.samplers.GPSampler`.
    ``tpe``: multivariate `TPESampler` with a constant liar, as a round proposes several.
    ``cmaes``: `CmaEsSampler` made anew each round and warm-started from the finished trials
    (Nomura et al. 2021, arXiv 2012.06932). ``random``: uniform in the box.

    Args:
        name: Which sampler.
        seed: Of its random numbers; only its last 31 bits count.
        finished: Trials of the study that the sampler will propose for.

    Returns:
        The sampler.
    """
    require(name)
    from optuna import samplers
    from optuna.exceptions import ExperimentalWarning

    seed %= 2**31
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        match name:
            case "gp":
                return samplers.GPSampler(seed=seed, n_startup_trials=1)
            case "tpe":
                return samplers.TPESampler(
                    seed=seed, n_startup_trials=1, multivariate=True, constant_liar=True
                )
            case "cmaes":
                return samplers.CmaEsSampler(seed=seed, source_trials=list(finished))
            case "random":
                return samplers.RandomSampler(seed=seed)
