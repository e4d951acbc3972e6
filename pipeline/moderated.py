"""Variances that are each known badly, drawn towards what they have in common."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import optimize, special

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["moderated"]

_FEWEST: Final = 3  # of variances, to tell how they vary
_MOST: Final = 1e6  # degrees of freedom of what is in common: there it is a constant


def moderated(
    variances: NDArray[np.float64], dof: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Posterior variances s̃² = (d₀s₀² + d·s²)/(d₀ + d), with d₀ + d degrees of freedom.

    A variance over three replicates has two degrees of freedom: it is often a tenth of the truth or
    three times it, and Student's quantile has to allow for that. Where many such variances
    belong together, their common size s₀² and how far they scatter beyond chance, which d₀
    measures, are found from the mean and the variance of their logarithms; each is then drawn
    towards the common one, and the less they differ, the further. No more degrees of freedom are
    claimed than all have together. Source: Smyth 2004, "Linear models and empirical Bayes methods",
    Statistical Applications in Genetics and Molecular Biology 3(1), article 3, section 6.2.

    Args:
        variances: s² [G], positive.
        dof: Degrees of freedom d of each [G], positive.

    Returns:
        Variances and degrees of freedom [G]; as they were where there are fewer than three.
    """
    if len(variances) < _FEWEST:
        return variances, dof
    order = np.argsort(variances, kind="stable")  # so that no digit depends on the order
    ordered, half = variances[order], dof[order] / 2
    logs = np.log(ordered) - special.digamma(half) + np.log(half)
    mean = float(np.mean(logs))
    excess = float(np.var(logs, ddof=1) - np.mean(special.polygamma(1, half)))
    prior = _prior(excess)
    common = math.exp(mean + float(special.digamma(prior / 2)) - math.log(prior / 2))
    posterior = (prior * common + dof * variances) / (prior + dof)
    return posterior, np.minimum(prior + dof, np.sum(dof))


def _prior(excess: float) -> float:
    """d₀ with ψ'(d₀/2) = excess, ψ' the trigamma function."""
    if excess <= float(special.polygamma(1, _MOST / 2)):
        return _MOST

    def off(log_prior: float) -> float:
        return math.log(float(special.polygamma(1, math.exp(log_prior) / 2)) / excess)

    return math.exp(float(optimize.brentq(off, math.log(1e-6), math.log(_MOST))))
