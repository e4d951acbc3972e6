"""How a tune searches: sampler, pruner and start, and the study that has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.seeds import seed_of
from pipeline.tune.boxes import check_boxes
from pipeline.tune.question import Question
from pipeline.tune.samplers import PRUNERS, SAMPLERS, pruner, sampler, start
from pipeline.tune.storage import open_study

if TYPE_CHECKING:
    from optuna import Study

__all__ = ["Method", "default_sampler", "study_of"]

_DESIGNS: Final = frozenset({"qmc", "random"})  # samplers that are a design of their own


@dataclass(frozen=True)
class Method:
    """How a tune searches.

    Attributes:
        sampler: What proposes settings.
        pruner: What gives trials up early.
        startup: Trials spread over the space before the sampler takes over.
        seed: Of design and sampler.
    """

    sampler: str = "valley"
    pruner: str = "none"
    startup: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise ValueError(f"sampler is {self.sampler}; choose one of {', '.join(SAMPLERS)}")
        if self.pruner not in PRUNERS:
            raise ValueError(f"pruner is {self.pruner}; choose one of {', '.join(PRUNERS)}")


def default_sampler(question: Question) -> str:
    """The sampler of a question, if nobody names another: ``valley`` serves one objective only."""
    return "gp" if len(question.objectives) > 1 else "valley"


def study_of(question: Question, method: Method, where: tuple[str, str], digest: str) -> Study:
    """The study of a question; a new one has its start-up design queued.

    A ValueError says that the study can't go on with this question or, its boxes having changed,
    with this sampler.

    Args:
        question: What it asks.
        method: Makes sampler and pruner.
        where: URL of the storage, and name.
        digest: Of data, code and training settings.

    Returns:
        The study.
    """
    storage, name = where
    begins = sampler(method.sampler, question, started=method.startup, seed=method.seed)
    ways = (begins, pruner(method.pruner, question))
    found = open_study(storage, name, question, digest, ways)
    check_boxes(found, question, method.sampler)
    before = len(found.get_trials(deepcopy=False))
    if before and method.sampler != "qmc":  # that one finds its place in the sequence by itself
        # Optuna keeps no state of random numbers: with the same seed it would begin again.
        seed = seed_of(method.seed, "search", name, before)
        found.sampler = sampler(method.sampler, question, started=method.startup, seed=seed)
    if not before and method.sampler not in _DESIGNS:
        for batch_size, rate in start(question, method.startup, method.seed):
            found.enqueue_trial({"batch_size": batch_size, "learning_rate": rate})
    return found
