"""The state of a cohort's members, stacked: parameters, buffers, optimiser memory, hyperparameters.

Shapes: K members of a cohort, k of a lane.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from models.task import Objective
from pipeline.lanes import Lane, SoloLane, StackedLane
from pipeline.optimisers import MEMORIES, Adam, LearningRates, Rule, Sgd
from pipeline.outcome import Weights
from pipeline.schedules import Schedule
from pipeline.trial import Recipe, Trial

__all__ = ["LEAST", "Members"]

State = dict[str, Tensor]
LEAST: Final = 8
"""Members and ghosts of a stacked lane, at least."""


@dataclass
class _Hyperparameters:
    """One entry per member, [K]."""

    learning_rate: Tensor
    momentum: Tensor
    weight_decay: Tensor

    def select(self, rows: Tensor) -> _Hyperparameters:
        return _Hyperparameters(*(column.index_select(0, rows) for column in vars(self).values()))


class Members:
    """Members of a cohort that are still training, in the order of their trials.

    Args:
        networks: One freshly initialised network per replicate, on the device.
        replicates: Position in ``networks`` of each member's replicate.
        trials: One per member.
        objective: How outputs are scored.
        recipe: Gives kernel and update rule.
        width: Most members of a stacked lane, though eight always compute together.

    Attributes:
        trainable: Parameters that are trained, by name, [K or more, ...]; rows past K are ghosts.
        fixed: Buffers, and parameters that are not trained, likewise.
        lanes: What to train and evaluate, in the order of the members.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        replicates: Sequence[int],
        trials: Sequence[Trial],
        objective: Objective,
        recipe: Recipe,
        width: int,
    ) -> None:
        self._template = networks[0]
        self._objective = objective
        self._recipe = recipe
        self._width = width
        device = next(self._template.parameters()).device
        self._replicates = torch.tensor(replicates, device=device)
        self.trainable, self.fixed = _stack(networks, self._replicates)
        self._memory: list[State] = [
            {name: torch.zeros_like(p) for name, p in self.trainable.items()}
            for _ in range(MEMORIES[recipe.optimiser])
        ]
        dtype = next(iter(self.trainable.values())).dtype
        self._hyper = _Hyperparameters(
            *(
                torch.tensor([getattr(trial, name) for trial in trials], dtype=dtype, device=device)
                for name in ("learning_rate", "momentum", "weight_decay")
            )
        )
        self._count = len(trials)
        self.lanes: list[Lane] = []
        self._make_lanes()

    def __len__(self) -> int:
        return self._count

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all members but ``rows``, given by position among the present ones."""
        self._select(torch.tensor(rows, dtype=torch.int64, device=self._replicates.device))
        self._count = len(rows)
        self._make_lanes()

    def state(self, row: int) -> tuple[State, State]:
        """Trained and fixed tensors of one member, views that share storage."""
        return (
            {name: tensor[row].detach() for name, tensor in self.trainable.items()},
            {name: tensor[row].detach() for name, tensor in self.fixed.items()},
        )

    def weights(self, row: int) -> Weights:
        """Copies of one member's parameters and buffers, by name, on the CPU."""
        state = {**self.trainable, **self.fixed}
        return {name: tensor[row].detach().cpu().numpy().copy() for name, tensor in state.items()}

    def _select(self, rows: Tensor) -> None:
        for state in (self.trainable, self.fixed, *self._memory):
            for name, tensor in state.items():
                state[name] = tensor.index_select(0, rows)
        self._hyper = self._hyper.select(rows)
        self._replicates = self._replicates.index_select(0, rows)

    def _make_lanes(self) -> None:
        if self._recipe.kernel == "solo" or not self._count:
            self.lanes = [self._lane(slice(i, i + 1)) for i in range(self._count)]
            return
        # Balanced lanes of at least eight: narrower ones have other last bits (at width one always;
        # with few input channels another kernel computes convolutions, of colour images below four
        # members, of grey ones below eight where the processor has AVX2 and no AVX512), so
        # members left alone are padded with ghosts, copies of the last member that nobody reads.
        lanes = math.ceil(self._count / max(LEAST, self._width))
        padded = max(self._count, LEAST * lanes)
        if padded > self._count:
            last = self._count - 1
            self._select(torch.arange(padded, device=self._replicates.device).clamp(max=last))
        edges = [padded * i // lanes for i in range(lanes + 1)]
        self.lanes = [self._lane(slice(a, b)) for a, b in itertools.pairwise(edges)]

    def _lane(self, part: slice) -> Lane:
        make = SoloLane if self._recipe.kernel == "solo" else StackedLane
        return make(
            template=self._template,
            objective=self._objective,
            trainable={n: p[part] for n, p in self.trainable.items()},
            fixed={n: b[part] for n, b in self.fixed.items()},
            memory=[{n: v[part] for n, v in state.items()} for state in self._memory],
            replicates=[int(row) for row in self._replicates[part]],
            members=range(part.start, min(part.stop, self._count)),
            optimiser=self._optimiser(part),
        )

    def _optimiser(self, part: slice) -> Rule:
        recipe, hyper = self._recipe, self._hyper
        rows = part.start if recipe.kernel == "solo" else part
        dimensions = [p.dim() for p in self.trainable.values()]

        def unless_zero(column: Tensor) -> list[Tensor] | None:
            if not bool(column.any()):
                return None
            mine = column[rows]
            return [mine.reshape(-1, *(1,) * (n - 1)) if mine.dim() else mine for n in dimensions]

        rates = LearningRates(hyper.learning_rate[rows], dimensions, Schedule.of(recipe))
        decays = unless_zero(hyper.weight_decay)
        if recipe.optimiser == "sgd":
            return Sgd(rates, unless_zero(hyper.momentum), decays, recipe.nesterov)
        decoupled = recipe.optimiser == "adamw"
        return Adam(rates, decays, decoupled, recipe.beta1, recipe.beta2, recipe.epsilon)


def _stack(networks: Sequence[nn.Module], replicates: Tensor) -> tuple[State, State]:
    """Trainable parameters, and fixed ones with buffers; each [K, ...].

    Raises:
        ValueError: If there is nothing to train.
    """
    trainable: State = {}
    fixed: State = {}
    for name, parameter in networks[0].named_parameters():
        rows = torch.stack([n.get_parameter(name).detach() for n in networks])
        kind = trainable if parameter.requires_grad else fixed
        kind[name] = rows.index_select(0, replicates)
    for name, _ in networks[0].named_buffers():
        rows = torch.stack([n.get_buffer(name) for n in networks])
        fixed[name] = rows.index_select(0, replicates)
    if not trainable:
        raise ValueError("the network has no trainable parameters; give it at least one")
    return trainable, fixed
