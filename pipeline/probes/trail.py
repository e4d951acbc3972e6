"""What probes find along the trials of a cohort."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.probes.prober import Prober
from pipeline.probes.schedule import probe_steps
from pipeline.stopping import evaluation_steps

if TYPE_CHECKING:
    from torch import nn

    from models.registry import Network
    from pipeline.members import Members
    from pipeline.outcome import ProbeRow
    from pipeline.resident import ResidentSplit
    from pipeline.trial import CohortPlan

__all__ = ["Trail"]


class Trail:
    """Probes those trials of a cohort that are to be, one by one.

    Each alone: a member's weights are the same bits at any width, and so are then its probes.

    Args:
        plan: Says which races are probed, and how; often none.
        network: What is trained, with its declaration.
        template: A module of it, on the device.
        train: The training split.
    """

    def __init__(
        self, plan: CohortPlan, network: Network, template: nn.Module, train: ResidentSplit
    ) -> None:
        self._trials = plan.trials
        self._found: dict[int, list[ProbeRow]] = {}
        if probed := plan.probed:
            mine = [race.fingerprint in probed.races for race in plan.races for _ in race.trials]
            self._found = {trial: [] for trial, wanted in enumerate(mine) if wanted}
            self._steps = probe_steps(evaluation_steps(plan.recipe), probed.plan.ratio)
            self._prober = Prober(probed.plan, network, template, train, plan.recipe.seed)

    def follow(
        self, step: int, active: Sequence[int], losses: Sequence[float], members: Members
    ) -> None:
        """Probe at an evaluation, if it is one of those probed.

        Args:
            step: Optimiser steps taken.
            active: Positions of the trials still training.
            losses: Their validation losses; one whose is not finite is not probed.
            members: Their states, in the same order.
        """
        if not self._found or step not in self._steps:
            return
        for row, (trial, loss) in enumerate(zip(active, losses, strict=True)):
            if trial in self._found and math.isfinite(loss):
                replicate = self._trials[trial].replicate
                found = self._prober.probe(step, *members.state(row), replicate)
                self._found[trial].append(found)

    def of(self, trial: int) -> tuple[ProbeRow, ...] | None:
        """What was found along a trial, given by position; None where it was not to be probed."""
        return tuple(self._found[trial]) if trial in self._found else None
