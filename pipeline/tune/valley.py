"""An Optuna sampler for tens of noisy trials: it follows the valley of settings that train well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import TrialState

from pipeline.tune.boxes import boxes_of
from pipeline.tune.expected import place, surface
from pipeline.tune.process import Process
from pipeline.tune.question import Question
from pipeline.tune.storage import proposed

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

__all__ = ["Valley"]

_DARING: Final = 0.5  # standard deviations below the mean
_APART: Final = 0.25  # doublings: closer settings share their luck, and tell nothing new
_SIZES: Final = 30  # candidates an axis
_RATES: Final = 50


class Valley(BaseSampler):
    """Proposes where mean less half a standard deviation of `expected.surface` is lowest.

    Good learning rates rise with the batch size, so the surface's covariance may run aslant.
    Trials that are still running count as what the surface expects of them (the kriging believer
    of Ginsbourger et al. 2010), so parallel workers spread out.

    Args:
        question: With one objective.
        started: Trials of the start-up design, before which it proposes at random.
        seed: Of its random numbers.
    """

    def __init__(self, question: Question, started: int, seed: int) -> None:
        self._question = question
        self._started = started
        self._random = RandomSampler(seed=seed)
        self._generator = np.random.default_rng(seed)

    def reseed_rng(self) -> None:
        """Draw other random numbers from now on, as Optuna asks of samplers in threads."""
        self._random.reseed_rng()
        self._generator = np.random.default_rng()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The boxes of the question, whatever was tried in others."""
        del study, trial
        return boxes_of(self._question)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The most promising setting; empty at the start, and where all was tried already."""
        del search_space
        if trial.system_attrs.get("fixed_params"):
            return {}  # queued: nothing is asked
        trials = [t for t in study.get_trials(deepcopy=False) if proposed(t)]
        if sum(t.state == TrialState.COMPLETE for t in trials) < self._started:
            return {}
        found = surface(self._question, trials)
        running = [t for t in trials if t.state == TrialState.RUNNING]
        tried = np.array([place(t) for t in trials])
        candidates = _new(self._candidates(), tried)
        if found is None or not len(candidates):
            return {}
        means, deviations = _believing(found, running).at(candidates)
        log_size, log_rate = candidates[np.argmin(means - _DARING * deviations)].tolist()
        return {"batch_size": round(2**log_size), "learning_rate": self._inside(2**log_rate)}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """At random, where `sample_relative` proposes nothing."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _candidates(self) -> NDArray[np.float64]:
        """[M, 2] a lattice of log2 batch size and learning rate, shifted at random each time."""
        (low, high), (bottom, top) = self._question.batch_sizes, self._question.learning_rates
        sizes = np.log2(np.unique(np.rint(np.geomspace(low, high, _SIZES))))
        rates = np.linspace(math.log2(bottom), math.log2(top), _RATES)
        shift = (self._generator.random() - 0.5) * (rates[1] - rates[0])
        inside = np.clip(rates + shift, rates[0], rates[-1])
        return np.column_stack([np.repeat(sizes, len(inside)), np.tile(inside, len(sizes))])

    def _inside(self, rate: float) -> float:
        bottom, top = self._question.learning_rates
        return min(top, max(bottom, rate))


def _new(candidates: NDArray[np.float64], tried: NDArray[np.float64]) -> NDArray[np.float64]:
    """Candidates that are no near neighbour of any setting that was tried."""
    apart = np.max(np.abs(candidates[:, None, :] - tried[None, :, :]), axis=-1)
    return candidates[np.min(apart, axis=1) >= _APART]


def _believing(found: Process, running: Sequence[FrozenTrial]) -> Process:
    """The surface as if trials that are running had ended as it expects."""
    if not running:
        return found
    there = np.array([place(trial) for trial in running])
    return found.seeing(there, found.at(there)[0])
