"""Several mirrors as one: what one of them cannot take, the others still get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pipeline.tracking.address import TrackingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipeline.outcome import RaceResult
    from pipeline.tracking.mirror import Mirror

__all__ = ["Mirrors"]


class Mirrors:
    """A mirror that passes everything on to others.

    Args:
        mirrors: In the order in which they are opened.
    """

    def __init__(self, mirrors: Sequence[Mirror]) -> None:
        self._mirrors = tuple(mirrors)

    def open(self) -> None:
        """Open all; the first that cannot be opened stops the session."""
        for mirror in self._mirrors:
            mirror.open()

    def write(self, result: RaceResult) -> None:
        """Show a race in all; the first `TrackingError` is raised once each had its turn."""
        _each(self._mirrors, lambda mirror: mirror.write(result))

    def missing(self, fingerprints: Iterable[str]) -> set[str]:
        """The races that any of them lacks; writing one to a mirror that has it changes nothing."""
        asked = list(fingerprints)
        return {lacking for mirror in self._mirrors for lacking in mirror.missing(asked)}

    def close(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """Close all, whatever becomes of the others."""
        _each(self._mirrors, lambda mirror: mirror.close(status))


def _each(mirrors: Iterable[Mirror], act: Callable[[Mirror], None]) -> None:
    problems: list[TrackingError] = []
    for mirror in mirrors:
        try:
            act(mirror)
        except TrackingError as problem:
            problems.append(problem)
    if problems:
        raise problems[0]
