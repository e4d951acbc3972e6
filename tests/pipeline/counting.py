"""Counts what a cohort asks of torch, block by block: nothing is timed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from models.registry import network
from pipeline.cohort import Block, Cohort
from pipeline.images import Prepared
from pipeline.training import fit
from pipeline.trial import CohortPlan, Race

# What makes Python wait for the device, by name of the method.
WAITS = {"tolist", "item", "cpu", "numpy", "__bool__", "__float__", "__int__", "__index__"}


@dataclass
class Work:
    """Of one block.

    Attributes:
        steps: That the block takes.
        launches: Operations that compute, by name; views of what is there do not.
        waits: For numbers of the device, by name of what asked.
        transfers: From a device to another.
        forwards: Forward passes, training and evaluation.
    """

    steps: int
    launches: Counter[str] = field(default_factory=Counter[str])
    waits: Counter[str] = field(default_factory=Counter[str])
    transfers: int = 0
    forwards: Counter[str] = field(default_factory=Counter[str])


class _Launches(TorchDispatchMode):
    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = [arg for arg in args if isinstance(arg, Tensor)]
        if not func.is_view:
            self._work.launches[str(func.overloadpacket).removeprefix("aten.")] += 1
        if isinstance(result, Tensor) and any(arg.device != result.device for arg in given):
            self._work.transfers += not func.is_view
        return result


class _Waits(TorchFunctionMode):
    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in WAITS:
            self._work.waits[name] += 1
        return func(*args, **(kwargs or {}))


class CountedCohort(Cohort):
    """Keeps the work of every block."""

    def __init__(self, plan: CohortPlan, prepared: Prepared) -> None:
        trained = network(plan.cell.model)
        super().__init__(
            plan, prepared, replace(trained, factory=self._watched(trained.factory)), lambda _: None
        )
        self.blocks: list[Work] = []

    def training_step(self, batch: Block, batch_idx: int) -> None:
        self.blocks.append(Work(len(batch.indices)))
        with _Launches(self.blocks[-1]), _Waits(self.blocks[-1]):
            super().training_step(batch, batch_idx)

    def _watched(self, factory: Any) -> Any:
        def make(task: Any) -> nn.Module:
            module = factory(task)
            module.register_forward_pre_hook(self._count)
            return module

        return make

    def _count(self, module: nn.Module, _: Any) -> None:
        if self.blocks:  # the evaluation at step 0 comes before any block
            self.blocks[-1].forwards["training" if module.training else "evaluation"] += 1


def blocks_of(races: list[Race], prepared: Prepared, width: int = 64) -> list[Work]:
    """Train a cohort, and tell the work of its blocks."""
    cohort = CountedCohort(CohortPlan(tuple(races), width), prepared)
    fit(cohort)
    return cohort.blocks
