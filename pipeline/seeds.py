"""Seeds of the random streams: pure functions of a root, a name and indices."""

from __future__ import annotations

import hashlib
from typing import Literal

__all__ = ["Stream", "seed_of"]

Stream = Literal["initialisation", "order", "forward", "grid", "search", "probe"]


def seed_of(root: int, stream: Stream, *indices: int | str) -> int:
    """Seed of one random stream.

    Hashing keeps streams apart: neighbouring replicates share no bits, and no stream is a shifted
    copy of another.

    Args:
        root: The study's seed.
        stream: What the numbers are for.
        *indices: Replicate, epoch and the like.

    Returns:
        An integer in [0, 2**63).
    """
    text = ":".join(map(str, (root, stream, *indices)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
