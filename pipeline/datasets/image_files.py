"""Images on disk, a directory a class, as torchvision's ImageFolder finds them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.dataset_specification import RawData

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["EXTENSIONS", "class_folders", "image_files", "read_images"]

EXTENSIONS: Final = (
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp",
)  # fmt: skip
"""What an image is called: torchvision's list, which a test compares."""

_CHANNELS: Final = {"L": 1, "RGB": 3}


def class_folders(directory: Path) -> list[Path]:
    """Directories of the classes, sorted by name: the first is class 0."""
    return sorted(
        (entry for entry in directory.iterdir() if entry.is_dir() and not _hidden(entry.name)),
        key=lambda entry: entry.name,
    )


def image_files(directory: Path) -> dict[str, Path]:
    """All images below the directories of the classes, by path from the directory above them.

    Links to directories are followed. Those of a class are walked once each, under the name that
    sorts first, and links that lead to directories above the class are left alone.

    Args:
        directory: Holds one directory for each class; other files in it don't count.

    Returns:
        At least one image for each class, sorted by class and path.

    Raises:
        ValueError: If there are fewer than two classes, or one has no image.
    """
    classes = class_folders(directory)
    if len(classes) < 2:
        raise ValueError(
            f"{directory} holds {len(classes)} directories; give it one for each of at least two "
            "classes, with the images of the class inside"
        )
    files: dict[str, Path] = {}
    for place in classes:
        found = sorted(_images_below(place))
        if not found:
            kinds = ", ".join(EXTENSIONS)
            raise ValueError(f"{place} holds no image ({kinds}); add some, or remove the directory")
        files |= {path.relative_to(directory).as_posix(): path for path in found}
    return files


def read_images(directory: Path) -> RawData:
    """Read all images below the directories of the classes.

    Args:
        directory: Holds one directory for each class.

    Returns:
        Images of the first one's size and mode, with the index of their class.

    Raises:
        ValueError: If a file is no whole image, or two differ in size or mode; names the file.
    """
    names = [place.name for place in class_folders(directory)]
    files = image_files(directory)
    images: NDArray[np.uint8] | None = None
    first = ""
    for index, (name, path) in enumerate(files.items()):
        pixels = _pixels(path)
        if images is None:
            images, first = np.empty((len(files), *pixels.shape), np.uint8), name
        if pixels.shape != images.shape[1:]:
            raise ValueError(
                f"{path} is {_size(pixels.shape)} where {first} is {_size(images.shape[1:])}; make "
                "all images one size, all grey or all colour"
            )
        images[index] = pixels
    assert images is not None
    labels = [names.index(name.partition("/")[0]) for name in files]
    return RawData(images, np.array(labels, dtype=np.int64))


def _images_below(place: Path) -> Iterator[Path]:
    walked = set(place.resolve().parents)
    for above, folders, names in os.walk(place, followlinks=True):
        here = Path(above).resolve()
        if here in walked:
            folders.clear()
            continue
        walked.add(here)
        folders.sort()
        for name in names:
            if name.lower().endswith(EXTENSIONS) and not _hidden(name):
                yield Path(above, name)


def _pixels(path: Path) -> NDArray[np.uint8]:
    # [C, H, W]
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
            mode, pixels = image.mode, np.asarray(image)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is no whole image ({error}); replace it or remove it") from None
    if mode not in _CHANNELS:
        raise ValueError(
            f"{path} has the mode {mode}; convert it to 8-bit grey (L) or colour (RGB)"
        )
    return pixels.reshape(*pixels.shape[:2], _CHANNELS[mode]).transpose(2, 0, 1)


def _size(shape: tuple[Any, ...]) -> str:
    channels, height, width = shape
    return f"{width}×{height} {'grey' if channels == 1 else 'colour'}"


def _hidden(name: str) -> bool:
    return name.startswith((".", "__"))
