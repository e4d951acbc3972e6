"""Data sets made of files with published digests: fetched from mirrors, unpacked when read."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.aside import folder_aside
from pipeline.dataset_specification import DatasetSpecification, RawData
from pipeline.datasets.known_file import KnownFile, fault
from pipeline.datasets.mirrors import bring
from pipeline.datasets.raw_manifest import (
    REMEDY,
    RawManifest,
    digests,
    read_raw_manifest,
    write_raw_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from models.shape import Task

__all__ = ["PublishedDataset"]


@dataclass(frozen=True)
class PublishedDataset:
    """A data set whose files anyone can verify. Raw files stay as they came, compressed.

    Attributes:
        name: As in params.yaml.
        task: Sizes of its images and number of classes.
        examples: Number of examples N.
        licence: Under which terms it may be used.
        citation: Where it comes from, as a report should cite it.
        files: What its mirrors keep.
        mirrors: Web addresses above those files, in the order they are tried.
        inside: Where below its root torchvision keeps the files.
        unpack: From a folder with the files to a root that torchvision can read.
        parse: From such a root to all examples.
    """

    name: str
    task: Task
    examples: int
    licence: str
    citation: str
    files: tuple[KnownFile, ...]
    mirrors: tuple[str, ...]
    inside: str
    unpack: Callable[[Path, Path], None]
    parse: Callable[[Path], RawData]

    def specification(self) -> DatasetSpecification:
        """The data set as the registry holds it."""
        return DatasetSpecification(
            name=self.name,
            task=self.task,
            examples=self.examples,
            licence=self.licence,
            citation=self.citation,
            origin="mirrors",
            fetch=self.fetch,
            read=self.read,
        )

    def fetch(self, folder: Path, places: Sequence[str] = ()) -> None:
        """Put the verified files into a folder, all of them or none.

        Args:
            folder: To make or replace; it stays where it is whole already.
            places: Tried in turn instead of the mirrors, if there are any.
        """
        try:
            self._verified(folder)
        except ValueError:
            with folder_aside(folder) as aside:
                for file in self.files:
                    bring(file, places or self.mirrors, self.inside, aside)
                with self._unpacked(aside) as root:
                    contents = digests(root)
                write_raw_manifest(aside, RawManifest(self.name, digests(aside), contents))

    def read(self, folder: Path) -> RawData:
        """All examples, from files that are verified compressed and again unpacked.

        Args:
            folder: That ``fetch`` filled.

        Returns:
            Training examples first, then those that the data set's authors set apart for testing.

        Raises:
            ValueError: If a file is missing, was changed or cut short; names it and the remedy.
        """
        manifest = self._verified(folder)
        with self._unpacked(folder) as root:
            if digests(root) != manifest.contents:
                raise ValueError(f"{folder} does not unpack to what it did; {REMEDY}")
            raw = self.parse(root)
        shape = (self.task.channels, self.task.height, self.task.width)
        assert raw.images.shape == (self.examples, *shape), raw.images.shape
        assert raw.labels.max() == self.task.classes - 1
        return raw

    def _verified(self, folder: Path) -> RawManifest:
        for file in self.files:
            wrong = fault(folder / file.name, file)
            if wrong:
                raise ValueError(f"{folder / file.name} {wrong}; {REMEDY}")
        return read_raw_manifest(folder, self.name)

    @contextmanager
    def _unpacked(self, folder: Path) -> Generator[Path]:
        # A root for torchvision beside the folder, gone when the block ends.
        root = folder.with_name(f".{folder.name}.unpacked")
        shutil.rmtree(root, ignore_errors=True)  # of a run that was killed
        try:
            root.mkdir()
            self.unpack(folder, root)
            yield root
        finally:
            shutil.rmtree(root, ignore_errors=True)
