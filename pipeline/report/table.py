"""A table of the page, as text."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        name: Its anchor on the page.
        caption: What it shows.
        columns: Heads.
        rows: As long as ``columns``.
        empty: What to say where there are no rows.
        heads: How many columns, from the first on, head their rows.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str
    heads: int = 2

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of table {self.name} is not as long as its head")
