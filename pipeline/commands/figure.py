"""The option `--figure`: where a command may write its picture, and writing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_figure", "write_figure"]


def check_figure(figure: Path, read: Path) -> None:
    """Refuse a figure in a wrong place, before anything is computed for it.

    Args:
        figure: As given.
        read: The file that the command reads, under whatever name.

    Raises:
        ValueError: If the figure is that file, is there and is no regular file, or is not named as
            the SVG that it would be.
    """
    if figure.exists():
        if read.exists() and figure.samefile(read):
            raise ValueError(
                f"--figure is {figure}, the file that is read, which it would replace; give "
                "another path, such as figure.svg"
            )
        if not figure.is_file():
            kind = "a folder" if figure.is_dir() else "no regular file"
            raise ValueError(
                f"--figure is {figure}, which is {kind}; give another path, such as figure.svg"
            )
    if figure.suffix.lower() != ".svg":
        raise ValueError(
            f"--figure is {figure}, and an SVG is what is written; give a name that ends in .svg"
        )


def write_figure(figure: Path, svg: str) -> None:
    """Write a picture, whole or not at all; folders above are made.

    Args:
        figure: As given; checked by `check_figure`.
        svg: What to write.

    Raises:
        ValueError: If it cannot be written there.
    """
    from pipeline.aside import write_aside

    try:
        write_aside(figure, svg.encode())
    except OSError as problem:
        raise ValueError(
            f"--figure is {figure}, which cannot be written: {problem.strerror}; give a path in a "
            "folder that you may write to, with space left"
        ) from problem
