"""What results were trained with, as far as their last bits depend on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

__all__ = ["environments", "mixed"]


def environments(recorded: Iterable[Mapping[str, str]]) -> dict[str, int]:
    """Count races by what trained them, in words.

    Args:
        recorded: Of every race, as its ledger file keeps it (`pipeline.outcome.RaceResult`); empty
            where no worker lived to tell, which counts as nothing.

    Returns:
        Races by environment, those with most first.
    """
    counted = Counter(_words(environment) for environment in recorded if environment)
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item)))


def mixed(found: Mapping[str, int]) -> str:
    """Say how many races each of several environments trained, or nothing of a single one."""
    if len(found) < 2:
        return ""
    counted = {words: f"{races:,} race{'s' * (races > 1)}" for words, races in found.items()}
    return "; ".join(f"{words} ({races})" for words, races in counted.items())


def _words(environment: Mapping[str, str]) -> str:
    torch, device, instructions, threads = (
        environment.get(key, "?") for key in ("torch", "device", "instruction_set", "threads")
    )
    return f"torch {torch}, {device}, {instructions}, {threads} thread{'s' * (threads != '1')}"
