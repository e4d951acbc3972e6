"""The Lightning module that trains a cohort: many trials of one cell, side by side.

Lightning's cost per step is paid per block: one ``training_step`` runs all optimiser steps up to
the next evaluation. Shapes: K members, R replicates, S steps, B batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from models.registry import Network
from pipeline.events import Evaluated
from pipeline.images import Prepared
from pipeline.members import Members
from pipeline.outcome import Curve, Ended, Row, TrialResult, Weights
from pipeline.probes.trail import Trail
from pipeline.resident import ResidentSplit
from pipeline.seeds import seed_of
from pipeline.stopping import Evaluation, Referee, evaluation_steps
from pipeline.streams import ExampleStream
from pipeline.trial import CohortPlan

__all__ = ["Block", "Cohort"]


class Block(NamedTuple):
    """Steps up to the next evaluation.

    Attributes:
        first: Steps taken before.
        indices: Examples of each step, [S, R, B] int64.
    """

    first: int
    indices: Tensor


class Cohort(LightningModule):
    """Trains the trials of a cohort until each has ended.

    Args:
        plan: Races of one cell.
        prepared: Data to train and evaluate on.
        network: What is trained.
        observe: Called after each evaluation.
    """

    def __init__(
        self,
        plan: CohortPlan,
        prepared: Prepared,
        network: Network,
        observe: Callable[[Evaluated], None],
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.plan = plan
        self._recipe = plan.recipe
        self._prepared = prepared
        self._network = network
        self._observe = observe
        self._examples = 0
        self._active = list(range(len(plan.trials)))  # positions of trials still training
        self._race_of = [i for i, race in enumerate(plan.races) for _ in race.trials]
        self._referees = [Referee(plan.recipe) for _ in plan.races]
        self._rows: list[list[Row]] = [[] for _ in plan.trials]
        self._ended: list[Ended | None] = [None for _ in plan.trials]
        self._weights: dict[int, Weights] = {}  # of trials that ended, where they are to be kept
        self._replicates = sorted({race.replicate for race in plan.races})
        self._members: Members | None = None

    def configure_optimizers(self) -> None:
        """None: members are updated by the cohort's own vectorised rule."""

    def train_dataloader(self) -> Iterator[Block]:
        """Blocks of index tensors, one per evaluation, until no trial is left."""
        cell, recipe = self.plan.cell, self._recipe
        streams = [
            ExampleStream(
                len(self._prepared.train.labels),
                cell.batch_size,
                recipe.order,
                seed=recipe.seed,
                replicate=replicate,
            )
            for replicate in self._replicates
        ]
        return _Blocks(evaluation_steps(recipe), streams, lambda: bool(self._active))

    def on_train_start(self) -> None:
        """Move data and members to the device, and evaluate at step 0."""
        dtype = torch.float64 if self._recipe.precision == "64-true" else torch.float32
        prepared = self._prepared
        self._train, self._validation, self._test = (
            ResidentSplit(split, prepared, self.device, dtype)
            for split in (prepared.train, prepared.validation, prepared.test)
        )
        networks = [self._initialised(r).to(self.device, dtype) for r in self._replicates]
        self._members = Members(
            networks,
            [self._replicates.index(trial.replicate) for trial in self.plan.trials],
            self.plan.trials,
            self._network.objective,
            self._recipe,
            self.plan.width,
        )
        self._trail = Trail(self.plan, self._network, networks[0], self._train)
        self._record(0, torch.full((len(self._active),), torch.nan, dtype=torch.float64))

    def training_step(self, batch: Block, batch_idx: int) -> None:
        """Train the members through a block, evaluate, and part with those that have ended.

        Args:
            batch: The block.
            batch_idx: Its position, which the steps in it already say.
        """
        del batch_idx
        if not self._active:  # Lightning had fetched one block ahead
            return
        trained, last = tuple(self._active), batch.first + len(batch.indices)
        evaluations = self._record(last, self._advance(batch))
        verdicts = self._judge(last, evaluations)
        self._part(verdicts)
        self._examples += len(trained) * len(batch.indices) * self.plan.cell.batch_size
        rows = tuple((trial, self._rows[trial][-1]) for trial in trained)
        self._observe(Evaluated(self.plan, last, len(self._active), self._examples, rows))

    def results(self) -> tuple[TrialResult, ...]:
        """How each trial of the plan went, in its order."""
        assert not self._active, "the cohort has not been trained to its end"
        return tuple(
            TrialResult(
                ended, _curve(rows), weights=self._weights.get(trial), probes=self._trail.of(trial)
            )
            for trial, (ended, rows) in enumerate(zip(self._ended, self._rows, strict=True))
            if ended is not None
        )

    def _initialised(self, replicate: int) -> nn.Module:
        _seed(seed_of(self._recipe.seed, "initialisation", replicate))
        return self._network.factory(self._prepared.task)

    def _advance(self, block: Block) -> Tensor:
        """Mean training loss of each member, [K]."""
        assert self._members is not None
        losses: list[Tensor] = []
        for lane in self._members.lanes:
            if self._network.stochastic:
                replicate = self.plan.trials[self._active[lane.members[0]]].replicate
                _seed(seed_of(self._recipe.seed, "forward", replicate, block.first))
            trained = lane.train(self._train, block.indices, block.first)
            losses.append(trained[: len(lane.members)])
        return torch.cat(losses)

    def _record(self, step: int, train_losses: Tensor) -> list[Evaluation]:
        """Evaluate all members, keep a row of each, and probe where that is due."""
        assert self._members is not None
        batch_size = self._recipe.evaluation_batch_size
        validation = self._evaluate(self._validation, batch_size)
        test = (
            self._evaluate(self._test, batch_size)
            if self._recipe.evaluate_test
            else torch.full_like(validation, torch.nan)
        )
        columns = torch.cat([validation, train_losses[None].to(validation), test])
        table = cast("list[list[float]]", columns.T.tolist())  # pyright: ignore[reportUnknownMemberType]
        for position, values in zip(self._active, table, strict=True):
            self._rows[position].append(Row(step, *values))
        self._trail.follow(step, self._active, [row[0] for row in table], self._members)
        return [Evaluation(row[2], row[0], row[1]) for row in table]

    def _evaluate(self, split: ResidentSplit, batch_size: int) -> Tensor:
        """Mean loss and error of each member, [2, K]."""
        assert self._members is not None
        lanes = self._members.lanes
        means = [lane.evaluate(split, batch_size)[:, : len(lane.members)] for lane in lanes]
        return torch.cat(means, dim=1)

    def _judge(self, step: int, evaluations: Sequence[Evaluation]) -> list[Ended | None]:
        verdicts: list[Ended | None] = [None] * len(self._active)
        for race, referee in enumerate(self._referees):
            mates = [i for i, trial in enumerate(self._active) if self._race_of[trial] == race]
            judged = referee.judge(step, [evaluations[i] for i in mates])
            for i, verdict in zip(mates, judged, strict=True):
                verdicts[i] = verdict
        return verdicts

    def _part(self, verdicts: Sequence[Ended | None]) -> None:
        """Part with members that have ended."""
        assert self._members is not None
        for row, (trial, verdict) in enumerate(zip(self._active, verdicts, strict=True)):
            if verdict is not None:
                self._ended[trial] = verdict
                if self.plan.races[self._race_of[trial]].fingerprint in self.plan.keep:
                    self._weights[trial] = self._members.weights(row)
        staying = [row for row, verdict in enumerate(verdicts) if verdict is None]
        if len(staying) < len(self._active):
            self._active = [self._active[row] for row in staying]
            self._members.keep(staying)


def _seed(seed: int) -> None:
    """Seed torch's global generators, which initialisers and dropout draw from."""
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]


class _Blocks(Iterator[Block]):
    """One block per interval between evaluations, while there is anyone to train."""

    def __init__(
        self, steps: Sequence[int], streams: Sequence[ExampleStream], going: Callable[[], bool]
    ) -> None:
        self._intervals = iter(itertools.pairwise(steps))
        self._streams = streams
        self._going = going

    def __next__(self) -> Block:
        if not self._going():
            raise StopIteration
        first, last = next(self._intervals)
        return Block(
            first, torch.stack([s.block(first, last - first) for s in self._streams], dim=1)
        )


def _curve(rows: Sequence[Row]) -> Curve:
    columns: dict[str, Any] = {
        name: np.array(values, dtype=np.int64 if name == "step" else np.float64)
        for name, values in zip(Row._fields, zip(*rows, strict=True), strict=True)
    }
    return Curve(steps=columns.pop("step"), **columns)
