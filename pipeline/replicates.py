"""Steps to a goal of one model, replicate by replicate, and which of them a fit may use."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pipeline.intervals import t_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Common", "Replicates", "Usable", "apart", "usable"]

_FURTHER: Final = 0.998  # two-sided level of a further replicate's steps; 1 in 1,000 takes more


class Replicates(NamedTuple):
    """Measurements of one model at one goal, rows in any order.

    Attributes:
        size: Batch sizes [n], in examples.
        steps: Optimiser steps [n]; of censored rows the last ones seen.
        kind: ``reached``, ``censored``, ``infinite`` or ``missing`` [n].
        replicate: Labels [n], once each at a batch size; the same one at several batch sizes means
            the same initialisation, say. None where replicates have none.
    """

    size: NDArray[np.int64]
    steps: NDArray[np.float64]
    kind: NDArray[np.str_]
    replicate: NDArray[np.int64] | None = None

    @property
    def censored(self) -> NDArray[np.bool_]:
        """Which rows were still short of the goal when last seen."""
        return self.kind == "censored"

    @property
    def points(self) -> int:
        """Batch sizes at which a replicate reached the goal."""
        return len(np.unique(self.size[self.kind == "reached"]))

    def where(self, rows: NDArray[np.bool_]) -> Replicates:
        """Some of the rows."""
        label = None if self.replicate is None else self.replicate[rows]
        return Replicates(self.size[rows], self.steps[rows], self.kind[rows], label)


class Common(NamedTuple):
    """What a replicate has in common at all batch sizes, in log steps.

    Attributes:
        variance: Of the mean over all batch sizes and replicates, their own noise included.
        dof: Its degrees of freedom: replicates less one.
        points: Batch sizes.
    """

    variance: float
    dof: int
    points: int


@dataclass(frozen=True)
class Usable:
    """Which replicates say what.

    Attributes:
        fitted: Reached and censored ones, of batch sizes at which none diverged.
        whole: Reached ones, of batch sizes at which every one that didn't fail reached the goal.
        remarks: What became of the others, a sentence part for each batch size.
        common: What was taken off the steps of both; None if nothing was.
    """

    fitted: Replicates
    whole: Replicates
    remarks: tuple[str, ...]
    common: Common | None = None

    @property
    def spent(self) -> int:
        """Degrees of freedom that went to what replicates have in common."""
        return self.common.dof if self.common else 0

    def apart(self) -> Usable:
        """Take off what replicates have in common, where all of them reached the goal (`apart`)."""
        if np.any(self.fitted.censored) or len(self.fitted.size) != len(self.whole.size):
            return self
        freed, common = apart(self.fitted)
        return replace(self, fitted=freed, whole=freed, common=common) if common else self


def apart(rows: Replicates) -> tuple[Replicates, Common | None]:
    """Take off what a replicate has in common at all batch sizes, where that can be told.

    Replicates of one label start from the same weights and see the same order of examples at every
    batch size, so one that is slow at a batch size tends to be slow at the others. In log steps the
    two-way layout takes that apart, if every batch size has every replicate: what is left scatters
    by batch size alone, with (R − 1)(K − 1) degrees of freedom for R replicates at K batch sizes.

    Args:
        rows: Reached ones.

    Returns:
        Rows of the same mean of log steps at every batch size, and what was taken off; the rows as
        they are and None where the layout has gaps. Source: Montgomery 2017, "Design and Analysis
        of Experiments", section 4.1 (randomised complete blocks).
    """
    if rows.replicate is None:
        return rows, None
    sizes, labels = np.unique(rows.size), np.unique(rows.replicate)
    whole = len(rows.size) == len(sizes) * len(labels)  # for no label stands twice at a batch size
    if not whole or min(len(sizes), len(labels)) < 2:
        return rows, None
    order = np.lexsort((rows.replicate, rows.size))
    steps = np.log(rows.steps[order]).reshape(len(sizes), len(labels))
    own = steps.mean(axis=0)
    left = np.exp(steps - (own - own.mean())).ravel()
    freed = Replicates(rows.size[order], left, rows.kind[order], rows.replicate[order])
    variance = float(np.var(own, ddof=1)) / len(labels)
    return freed, Common(variance, len(labels) - 1, len(sizes))


def usable(measured: Replicates) -> Usable:
    """Sort replicates by what a fit of steps may use them for.

    A batch size at which some replicate diverged is of no use: a spread of log steps has no place
    for that. Nor has it for one where some reached the goal and some were still short long after,
    which are two kinds of runs and not one: that is, at more steps than a further replicate takes
    in 999 of 1,000 cases, by the mean of those that reached it and the pooled variance between
    replicates of the other batch sizes. Elsewhere to leave out who fell short would select the
    quick ones.

    Args:
        measured: All of one model at one goal.

    Returns:
        The two selections, and remarks by rising batch size. Source: docs/science.md, estimand 1;
        Hahn & Meeker 1991, "Statistical Intervals", section 4.7 (a further observation).
    """
    fitted = np.isin(measured.kind, ["reached", "censored"])
    whole = np.isin(measured.size, _unfinished(measured), invert=True)
    whole &= measured.kind == "reached"
    spread, dof = _spread(measured.where(whole))
    remarks: list[str] = []
    for one in np.unique(measured.size):
        here = measured.size == one
        diverged, short, failed = (
            int(np.sum(measured.kind[here] == kind)) for kind in ("infinite", "censored", "missing")
        )
        stuck = not diverged and bool(short) and _two_kinds(measured.where(here), spread, dof)
        if diverged or stuck:
            fitted &= ~here
        remarks += _remarks(int(one), int(np.sum(here)), diverged, short, failed, stuck)
    return Usable(measured.where(fitted), measured.where(whole), tuple(remarks))


def _unfinished(measured: Replicates) -> NDArray[np.int64]:
    """Batch sizes at which a replicate diverged or fell short."""
    return measured.size[np.isin(measured.kind, ["censored", "infinite"])]


def _spread(rows: Replicates) -> tuple[float, int]:
    """Pooled standard deviation of log steps between replicates, with its degrees of freedom."""
    sizes, cell = np.unique(rows.size, return_inverse=True)
    dof, steps = len(cell) - len(sizes), np.log(rows.steps)
    if dof < 1:
        return 0.0, 0
    within = steps - (np.bincount(cell, steps) / np.bincount(cell))[cell]
    return math.sqrt(float(np.sum(within**2)) / dof), dof


def _two_kinds(rows: Replicates, spread: float, dof: int) -> bool:
    """Whether some fell short by far too much to be of one kind with those that did not."""
    reached, short = rows.steps[rows.kind == "reached"], rows.steps[rows.censored]
    if not len(reached) or dof < 1:
        return False
    reach = t_quantile(_FURTHER, dof) * spread * math.sqrt(1 + 1 / len(reached))
    return bool(np.max(np.log(short)) > np.mean(np.log(reached)) + reach)


def _remarks(
    size: int, rows: int, diverged: int, short: int, failed: int, stuck: bool
) -> list[str]:
    said: list[str] = []
    if diverged:
        said.append(f"batch size {size} left out: {diverged} of {rows} replicates diverged")
    elif stuck:
        said.append(
            f"batch size {size} left out: {short} of {rows} replicates fell short of the goal by "
            "more than the spread between replicates explains"
        )
    elif short:
        said.append(f"batch size {size}: {short} of {rows} replicates fell short of the goal")
    if failed:
        said.append(f"batch size {size}: {failed} of {rows} replicates failed")
    return said
