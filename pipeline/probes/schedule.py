"""Which of a trial's evaluations are probed."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["probe_steps"]


def probe_steps(steps: Sequence[int], ratio: float) -> frozenset[int]:
    """Evaluated steps that lie ``ratio`` apart or more, with the first and the last.

    Args:
        steps: Of all evaluations, increasing from 0.
        ratio: Least ratio of successive probed steps, above 1; steps 0 and 1 count as 1 apart.

    Returns:
        Some of ``steps``.
    """
    chosen = [steps[0]]
    for step in steps[1:]:
        if step >= max(1.0, chosen[-1] * ratio):
            chosen.append(step)
    return frozenset([*chosen, steps[-1]])
