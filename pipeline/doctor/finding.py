"""What a check found: good, worth knowing, or in the way, and then what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Level", "error", "ok", "warning"]

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        subject: What was looked at.
        level: ``error`` keeps a study from running or makes it wrong, ``warning`` does not.
        message: What is.
        remedy: What to do; empty where nothing is to be done.
    """

    subject: str
    level: Level
    message: str
    remedy: str = ""

    def __post_init__(self) -> None:
        assert bool(self.remedy) == (self.level != "ok"), "what is wrong has a remedy"


def ok(subject: str, message: str) -> Finding:
    """A finding that asks for nothing."""
    return Finding(subject, "ok", message)


def warning(subject: str, message: str, remedy: str) -> Finding:
    """A finding that a study can live with."""
    return Finding(subject, "warning", message, remedy)


def error(subject: str, message: str, remedy: str) -> Finding:
    """A finding that keeps a study from running, or makes it wrong."""
    return Finding(subject, "error", message, remedy)
