"""Measures what is asked of a network, on a probe set that is fixed for its replicate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from models.factories import told
from models.registry import Network
from pipeline.memory import out_of_memory
from pipeline.outcome import ProbeRow
from pipeline.probe_plan import ProbePlan
from pipeline.probes.keskar import keskar_sharpness
from pipeline.probes.landscape import Landscape
from pipeline.probes.noise_scale import GradientNoise, gradient_noise
from pipeline.probes.sharpness import Eigenvalue, largest_eigenvalue
from pipeline.resident import ResidentSplit
from pipeline.seeds import seed_of

__all__ = ["BATCH", "PRODUCTS", "STARTS", "TOLERANCE", "Prober", "probe_set"]

BATCH: Final = 16  # examples per batch of networks that couple examples, whatever they train with
TOLERANCE: Final = 1e-3  # of the largest eigenvalue
PRODUCTS: Final = 64  # with the Hessian at most, from one start
STARTS: Final = 2  # of the search for that eigenvalue
_NAN: Final = float("nan")

State = dict[str, Tensor]
_T = TypeVar("_T")


class Prober:
    """Probes networks of one model. It draws from no generator of training, and changes no state.

    Args:
        plan: What to measure.
        network: What is probed, with its declaration.
        template: A module of it, on the device.
        train: The training split, which probe sets are drawn from.
        seed: Root of the random streams.
    """

    def __init__(
        self,
        plan: ProbePlan,
        network: Network,
        template: nn.Module,
        train: ResidentSplit,
        seed: int,
    ) -> None:
        self._plan = plan
        self._network = network
        self._template = template
        self._train = train
        self._seed = seed
        self._group = BATCH if network.couples_examples else 1

    def probe(self, step: int, trainable: State, fixed: State, replicate: int) -> ProbeRow:
        """Measure one network.

        Args:
            step: Optimiser steps taken.
            trainable: Its trained parameters.
            fixed: Its buffers, and parameters that are not trained.
            replicate: Draws the probe set.

        Returns:
            The measurement; NaN, with a message, of what broke in the network's own code. An error
            that means too little memory is raised.
        """
        device = next(iter(trainable.values())).device
        devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices):  # pyright: ignore[reportUnknownMemberType]
            torch.manual_seed(seed_of(self._seed, "probe", replicate, step))  # pyright: ignore[reportUnknownMemberType]
            try:
                return self._measured(step, self._landscape(trainable, fixed, replicate))
            except Exception as problem:  # too few examples, say
                if out_of_memory(problem):
                    raise
                return self._row(step, None, None, None, told(problem))

    def _measured(self, step: int, landscape: Landscape) -> ProbeRow:
        """Each measure by itself: where one breaks, the others stand."""
        plan, said = self._plan, list[str]()

        def noise() -> GradientNoise:
            self._check_groups()
            return gradient_noise(landscape.group_gradients(), self._group, len(self._train))

        def top() -> Eigenvalue:
            starts = torch.randn_like(landscape.parameters.expand(STARTS, -1))
            return largest_eigenvalue(landscape.hessian_product(), starts, TOLERANCE, PRODUCTS)

        def phi() -> float:
            here = landscape.parameters.double().cpu().numpy()
            return keskar_sharpness(landscape.loss_and_gradient, here)

        return self._row(
            step,
            _tried("noise scale", noise, said) if plan.noise_scale else None,
            _tried("sharpness", top, said) if plan.sharpness else None,
            _tried("keskar", phi, said) if plan.keskar else None,
            "; ".join(said),
        )

    def _check_groups(self) -> None:
        """Refuse to take a variance between fewer than two groups.

        Raises:
            ValueError: If there are.
        """
        if min(self._plan.examples, len(self._train)) < 2 * self._group:
            raise ValueError(self._too_few(f"two batches of {self._group} for its noise scale"))

    def _too_few(self, needed: str) -> str:
        return (
            f"confirm.probes.examples is {self._plan.examples}, of {len(self._train)} there are, "
            f"and this network needs {needed} at least"
        )

    def _row(
        self,
        step: int,
        noise: GradientNoise | None,
        top: Eigenvalue | None,
        phi: float | None,
        message: str,
    ) -> ProbeRow:
        noise = noise or GradientNoise(_NAN, _NAN)
        top = top or Eigenvalue(_NAN, _NAN, 0)
        phi = _NAN if phi is None else phi
        return ProbeRow(step, self._group, noise.signal, noise.noise, *top, phi, message)

    def _landscape(self, trainable: State, fixed: State, replicate: int) -> Landscape:
        """What is probed.

        Raises:
            ValueError: If not one batch of examples is drawn.
        """
        drawn = probe_set(len(self._train), self._plan.examples, self._group, self._seed, replicate)
        if not len(drawn):
            raise ValueError(self._too_few(f"a batch of {self._group}"))
        examples = self._train.take(
            torch.tensor(drawn, device=next(iter(trainable.values())).device)
        )
        return Landscape(
            self._template, self._network.objective, trainable, fixed, examples, self._group
        )


def _tried(measure: str, made: Callable[[], _T], said: list[str]) -> _T | None:
    """What is made; None where a user's network has no second derivatives, say, which is said."""
    try:
        return made()
    except Exception as problem:
        if out_of_memory(problem):
            raise
        said.append(f"{measure}: {told(problem)}")
        return None


def probe_set(
    population: int, examples: int, group: int, seed: int, replicate: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Draw a probe set without replacement; simply, since strata would bias a variance.

    It depends on neither model nor batch size, so cells are compared on the same examples; each
    replicate draws its own, so that the spread over replicates holds the draw's share too.

    Args:
        population: Examples N of the training split.
        examples: How many to draw, all if there are fewer.
        group: The number drawn is a multiple of it, rounded down.
        seed: Root of the random streams.
        replicate: Of the trial.

    Returns:
        Indices into the training split, int64.
    """
    generator = np.random.PCG64(seed_of(seed, "probe", replicate))
    shuffled = np.argsort(generator.random_raw(population), kind="stable").astype(np.int64)
    return shuffled[: min(examples, population) // group * group]
