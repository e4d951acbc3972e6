"""Are CNNs finickier than the layers they come from? What a study's verdicts say, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.power import MOST
from pipeline.wording import HOLDS_ZERO, detected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.verdict import Verdict

__all__ = ["ladder_answer"]

_CNN: Final = "conv"
_ORIGINS: Final = ("dense", "tied", "local")
"""The ladder (docs/networks.md): conv is dense made both tied and local, all else equal."""


def ladder_answer(found: Sequence[Verdict]) -> str:
    """Answer for the ladder's convolution against each of the layers it is derived from.

    Args:
        found: All verdicts of a study.

    Returns:
        One sentence, with every difference and its corrected interval.
    """
    parts = [part for origin in _ORIGINS for one in found if (part := _against(origin, one))]
    if not parts:
        return (
            "Whether a CNN is finickier about batch size than the layers it comes from is not "
            f"asked here: it takes {_CNN} and one of {', '.join(_ORIGINS)} among the models."
        )
    resolved = [part for part in parts if "not resolved" not in part]
    start = (
        f"Is {_CNN} finickier about batch size than the layers it comes from, by the octaves of "
        "steps that an unchanged learning rate costs?"
    )
    lead = "Not resolved" if not resolved else "In part" if len(resolved) < len(parts) else "So"
    return f"{start} {lead}: {'; '.join(parts)}."


def _against(origin: str, one: Verdict) -> str:
    """What a verdict says of the convolution against ``origin``; empty if it is of others."""
    if {one.first, one.second} != {_CNN, origin}:
        return ""
    sign = 1 if one.first == _CNN else -1
    value, ends = one.corrected.value, [one.corrected.low, one.corrected.high]
    if value is None:
        return f"against {origin} not resolved ({one.reason})"
    limits = [sign * end for end in ends if end is not None]
    between = f", corrected interval {min(limits):+.2f} to {max(limits):+.2f}" if limits else ""
    number = f"{sign * value + 0.0:+.2f} octaves{between}, {one.replicates} replicates"
    if one.more_finicky is None:
        return f"against {origin} not resolved ({number}: {one.reason}{_more(one)})"
    return f"{'more' if one.more_finicky == _CNN else 'less'} finicky than {origin} ({number})"


def _more(one: Verdict) -> str:
    """What difference would have shown, and what it would take to show this one."""
    if one.reason != HOLDS_ZERO or one.detectable is None:
        return ""
    needed = (
        f"one like this takes about {one.replicates_needed:,} fresh replicates"
        if one.replicates_needed
        else f"one this small would not with {MOST:,} fresh replicates either"
    )
    return f"; {detected(one.detectable)}, {needed}"
