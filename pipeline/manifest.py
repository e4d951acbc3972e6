"""The manifest of a prepared data set: what it was made from, and the SHA-256 of its files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from models.shape import Task

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.settings import DataSettings

__all__ = ["Manifest", "read_manifest", "verified_bytes", "write_manifest"]

_FILE: Final = "manifest.json"
_ASKED: Final = frozenset({"examples", "places"})
_REMEDY: Final = (
    "run the prepare stage again (dvc repro --force prepare), or delete that folder, and the next "
    "study that needs it prepares it anew"
)


@dataclass(frozen=True)
class Manifest:
    """What a prepared data set is.

    Attributes:
        dataset: Name of the data set.
        task: Sizes of its images and number of classes.
        split_seed: Seed of the split.
        validation_fraction: Share of all examples that was asked for.
        test_fraction: Share of all examples that was asked for.
        train_examples: Examples in the training split.
        validation_examples: Examples in the validation split.
        test_examples: Examples in the test split.
        mean: Mean of every channel over the training split, in raw units.
        std: Standard deviation of every channel over the training split, in raw units.
        files: SHA-256 of every other file, by name.
        examples: How many examples were asked for; no part of the digest, as the files tell.
        places: Where they were to come from; no part of the digest either.
    """

    dataset: str
    task: Task
    split_seed: int
    validation_fraction: float
    test_fraction: float
    train_examples: int
    validation_examples: int
    test_examples: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    files: dict[str, str]
    examples: int | Literal["all"] = "all"
    places: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of what the data are, and so of all files, in hexadecimal."""
        content = {key: value for key, value in asdict(self).items() if key not in _ASKED}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def made_from(self, data: DataSettings) -> bool:
        """Whether these settings would prepare the same data."""
        asked = ("dataset", "examples", "split_seed", "validation_fraction", "test_fraction")
        return all(getattr(self, key) == getattr(data, key) for key in asked)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, with its digest, beside the files it lists."""
    content = {"digest": manifest.digest, **asdict(manifest)}
    (folder / _FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read and verify the manifest alone; the arrays are not touched.

    Args:
        folder: Of a prepared data set.

    Returns:
        The manifest, whose digest is the one that was written.

    Raises:
        ValueError: If it is missing, was changed or cut short; names file and remedy.
    """
    path = folder / _FILE
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        digest = content.pop("digest")
        content["task"] = Task(**content["task"])
        for statistic in ("mean", "std"):
            content[statistic] = tuple(content[statistic])
        content["places"] = tuple(content.get("places", ()))
        manifest = Manifest(**content)
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; {_REMEDY}") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is not a whole manifest of prepared data; {_REMEDY}") from None
    if manifest.digest != digest:
        raise ValueError(f"{path} was changed (its digest differs); {_REMEDY}")
    return manifest


def verified_bytes(path: Path, sha256: str) -> bytes:
    """Content of a listed file.

    Args:
        path: The file.
        sha256: What the manifest says of it.

    Returns:
        All of its bytes.

    Raises:
        ValueError: If it is missing, was changed or cut short; names file and remedy.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; {_REMEDY}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{path} was changed or cut short (its SHA-256 differs); {_REMEDY}")
    return content
