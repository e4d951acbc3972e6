"""What probes say about a cell: gradient noise scale and sharpness along training, and at goals."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pipeline.intervals import mean_interval
from pipeline.ratio import ratio_of_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["probe_estimates"]

Json = dict[str, Any]
_KEY: Final = ["fingerprint", "member"]
_MEASURES: Final = ("signal", "noise", "sharpness", "keskar")


def probe_estimates(
    probes: pd.DataFrame | None, observed: pd.DataFrame, confidence: float
) -> Json | None:
    """Estimate one cell's noise scale and sharpness from the probes of its tuned replicates.

    The noise scale B_simple is the mean tr Σ over the mean |G|² (`ratio_of_means`), never a mean of
    ratios, nor clamped: its value is None where the mean |G|² is not positive. Sharpness is
    η·(λ_max + weight decay), the curvature of what is descended, to be held against
    ``stability_limit``; Keskar's φ is in per cent. Both are means with a Student interval. At a
    goal each replicate that reached it is read where it did so, between its probes before and
    after, linear in the logarithm of steps, which keeps |G|² and tr Σ unbiased. Source:
    docs/science.md, estimands 6 and 7; McCandlish et al. 2018 (arXiv 1812.06162), appendix A.1.

    Args:
        probes: Rows of the probes table that belong to the cell; None or empty where none do.
        observed: Observations of the tuned rule's replicates of the cell, at every goal.
        confidence: Level of every interval, in (0, 1).

    Returns:
        ``group`` (1: per-example gradients; more: examples per batch of a network that couples
        them), ``stability_limit``, ``along`` (per probed step) and ``goals``; None without probes.
    """
    if probes is None or not len(probes):
        return None
    rows = probes.assign(
        sharpness=probes["learning_rate"] * (probes["largest_eigenvalue"] + probes["weight_decay"])
    ).sort_values([*_KEY, "step"])
    return {
        "group": rows["group"].iloc[0],
        "stability_limit": rows["stability_limit"].iloc[0],
        "along": [
            {
                "step": part["step"].iloc[0],
                "examples": part["step"].iloc[0] * part["batch_size"].iloc[0],
                **_measured(part, confidence),
            }
            for _, part in rows.groupby("step")
        ],
        "goals": [
            {"goal": goal, **_measured(_at(rows, seen), confidence)}
            for goal, seen in observed.groupby("goal", sort=False)
        ],
    }


def _measured(rows: pd.DataFrame, confidence: float) -> Json:
    """Estimates from one row per replicate; counted are those whose signal and noise are known."""
    columns = {name: rows[name].to_numpy(dtype=np.float64) for name in _MEASURES}
    found = np.isfinite(columns["signal"]) & np.isfinite(columns["noise"])
    signal, noise = columns["signal"][found], columns["noise"][found]
    means = {
        name: asdict(mean_interval(values[np.isfinite(values)], confidence))
        for name, values in columns.items()
    }
    return {
        "replicates": int(np.count_nonzero(found)),
        "noise_scale": asdict(ratio_of_means(noise, signal, confidence)),
        **means,
    }


def _at(rows: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Each replicate's probes read where it reached a goal; those that did not are left out."""
    read: list[Json] = []
    reached = seen.loc[seen["kind"] == "reached", [*_KEY, "steps"]]
    at_goal = rows.merge(reached.rename(columns={"steps": "at"}), on=_KEY)
    for _, part in at_goal[at_goal["step"] > 0].groupby(_KEY):  # no goal is reached before step 1
        at = float(np.log(part["at"].iloc[0]))
        steps = np.log(part["step"].to_numpy(np.float64))
        read.append({name: _read(at, steps, part[name]) for name in _MEASURES})
    return pd.DataFrame(read, columns=list(_MEASURES), dtype=np.float64)


def _read(at: float, steps: NDArray[np.float64], values: pd.Series[float]) -> float:
    """Linear between neighbours; NaN beyond the last probe, and where a neighbour is unknown."""
    return float(np.interp(at, steps, values.to_numpy(np.float64), left=np.nan, right=np.nan))
