"""The manifest of raw files: the SHA-256 of everything that the download stage put in place."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.datasets.known_file import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["REMEDY", "RawManifest", "digests", "read_raw_manifest", "write_raw_manifest"]

MANIFEST: Final = "manifest.json"
REMEDY: Final = "run the download stage again (dvc repro --force download)"


@dataclass(frozen=True)
class RawManifest:
    """What raw files are.

    Attributes:
        dataset: Name of the data set.
        files: SHA-256 of every file beside the manifest, by path.
        contents: SHA-256 of every file that unpacking those gives, by path.
    """

    dataset: str
    files: dict[str, str]
    contents: dict[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 of all of it, in hexadecimal."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder, manifest excluded, by path in it and sorted."""
    paths = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    return {name: sha256_of(paths[name]) for name in sorted(paths) if name != MANIFEST}


def write_raw_manifest(folder: Path, manifest: RawManifest) -> None:
    """Write the manifest, with its digest, beside the files it lists."""
    content = {"digest": manifest.digest, **asdict(manifest)}
    (folder / MANIFEST).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_raw_manifest(folder: Path, dataset: str) -> RawManifest:
    """Read the manifest and verify every file it lists.

    Args:
        folder: That the download stage wrote.
        dataset: Name of the data set that should be there.

    Returns:
        The manifest, as it was written.

    Raises:
        ValueError: If a file is missing, was changed or cut short, or is none of the data set's;
            names it and the remedy.
    """
    path = folder / MANIFEST
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        digest = content.pop("digest")
        manifest = RawManifest(**content)
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; {REMEDY}") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"{path} was changed or cut short; {REMEDY}") from None
    if manifest.digest != digest:
        raise ValueError(f"{path} was changed (its digest differs); {REMEDY}")
    if manifest.dataset != dataset:
        raise ValueError(f"{folder} holds {manifest.dataset}, not {dataset}; {REMEDY}")
    _verify(folder, manifest.files)
    return manifest


def _verify(folder: Path, listed: dict[str, str]) -> None:
    found = digests(folder)
    for name, sha256 in listed.items():
        if name not in found:
            raise ValueError(f"{folder / name} is missing; {REMEDY}")
        if found[name] != sha256:
            raise ValueError(
                f"{folder / name} was changed or cut short (its SHA-256 differs); {REMEDY}"
            )
    for name in found:
        if name not in listed:
            raise ValueError(f"{folder / name} is no file of the data set; {REMEDY}")
