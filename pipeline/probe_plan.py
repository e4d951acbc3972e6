"""What is to be measured of networks while they train. No torch, no I/O."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ProbePlan", "Probed"]


@dataclass(frozen=True)
class ProbePlan:
    """What is measured of networks while they train, besides their curves.

    Attributes:
        examples: Of the probe set.
        ratio: Least ratio of successive probed steps, above 1.
        noise_scale: Whether the parts of the gradient noise scale are measured.
        sharpness: Whether the Hessian's largest eigenvalue is.
        keskar: Whether Keskar's sharpness is.
    """

    examples: int
    ratio: float
    noise_scale: bool
    sharpness: bool
    keskar: bool

    @property
    def asked(self) -> bool:
        """Whether anything is to be measured."""
        return self.noise_scale or self.sharpness or self.keskar


@dataclass(frozen=True)
class Probed:
    """Which races are probed, and how.

    Attributes:
        plan: What is measured.
        digest: Of the plan and of the code that follows it.
        races: Fingerprints.
    """

    plan: ProbePlan
    digest: str
    races: frozenset[str]
