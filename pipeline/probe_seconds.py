"""How long probing one network takes, on this device."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from models.registry import network
from pipeline.calibration import apart
from pipeline.probes.prober import Prober
from pipeline.resident import ResidentSplit

if TYPE_CHECKING:
    from pipeline.calibration import Conditions
    from pipeline.images import Prepared
    from pipeline.probe_plan import ProbePlan

__all__ = ["seconds_per_probe"]


def seconds_per_probe(
    model: str, prepared: Prepared, conditions: Conditions, plan: ProbePlan
) -> float:
    """Seconds that one probe of a network takes, on one thread as in a worker.

    Args:
        model: As in params.yaml.
        prepared: Data to probe on.
        conditions: Precision and device; on a CPU it is CPU time that counts.
        plan: What to measure.

    Returns:
        The seconds, of a network that has not been trained.
    """
    device = torch.device(conditions.device)
    dtype = torch.float64 if conditions.training.precision == "64-true" else torch.float32
    trained = network(model)
    with apart():
        module = trained.factory(prepared.task).to(device, dtype)
        train = ResidentSplit(prepared.train, prepared, device, dtype)
        trainable = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
        fixed = {name: p.detach() for name, p in module.named_parameters() if not p.requires_grad}
        fixed |= dict(module.named_buffers())
        prober = Prober(plan, trained, module, train, conditions.training.seed)
        clock = time.process_time if device.type == "cpu" else time.perf_counter
        began = clock()
        prober.probe(0, trainable, fixed, 0)  # which brings its numbers to the CPU at the end
        return clock() - began
