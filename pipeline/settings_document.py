"""A YAML file as plain values, and how and where its author wrote each of them."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.expectations import allowed_keys
from pipeline.settings.addresses import redacted
from pipeline.settings_problems import Problem, dotted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pipeline.conflicts import Keys

__all__ = ["Document", "Override", "SettingsError", "read_document"]

Node = Any  # of ruamel.yaml, whose types are unknown: id, value, start_mark, end_mark, flow_style


class SettingsError(ValueError):
    """What is wrong with params.yaml: ``file:line: key is value: problem; remedy``, a line each."""


@dataclass(frozen=True)
class Override:
    """A value given beside the file, on the command line.

    Attributes:
        keys: Where it goes.
        text: The value, in YAML.
        option: What it was given with; messages name it instead of a line.
    """

    keys: Keys
    text: str
    option: str


@dataclass(frozen=True)
class Document:
    """A YAML mapping as plain values, and how its author wrote each of them.

    Attributes:
        path: Of the file, as messages name it.
        source: The text of the file.
        value: Dicts, lists and scalars.
        lines: Line of every key and list entry, from 1.
        texts: How every value is written, shortened to fit a message.
        complaints: Line and text of what plain values cannot show: a repeated key.
        options: What values that are not the file's were given with.
    """

    path: Path
    source: str
    value: dict[str, object] = field(default_factory=dict[str, object])
    lines: dict[Keys, int] = field(default_factory=lambda: {(): 1})
    texts: dict[Keys, str] = field(default_factory=dict["Keys", str])
    complaints: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    options: dict[Keys, str] = field(default_factory=dict["Keys", str])

    def complaints_about(self, problems: Iterable[Problem]) -> list[str]:
        """``where: key is value: problem; remedy``, the file's in order of line, then the options'.

        What is missing has the line of the branch that it belongs in.

        Args:
            problems: Found in the values.
        """
        told = [(line, f"{self.path}:{line}: {text}") for line, text in self.complaints]
        told += [self._complaint(problem) for problem in problems]
        return [text for _, text in sorted(told, key=lambda each: each[0])]

    def _complaint(self, problem: Problem) -> tuple[int, str]:
        keys = problem.keys
        while keys not in self.lines:
            keys = keys[:-1]
        value = f"is {self.texts[keys]}: " if problem.about_value else ""
        text = f"{dotted(problem.keys)} {value}{problem.message}"
        for end in range(len(keys), 0, -1):
            if option := self.options.get(keys[:end]):
                return sys.maxsize, f"{redacted(option)}: {text}"
        return self.lines[keys], f"{self.path}:{self.lines[keys]}: {text}"


def read_document(path: Path, overrides: Sequence[Override] = ()) -> Document:
    """Read a YAML mapping, and put values in place of some that it holds.

    A `SettingsError` says that the file, or an override, is not YAML.

    Args:
        path: The file; messages name it as given.
        overrides: In order; a later one wins.

    Returns:
        What the file says, with the overrides' values.
    """
    document = _read(path)
    for override in overrides:
        _put(document, override)
    return document


def _put(document: Document, override: Override) -> None:
    branch: object = document.value
    for key in override.keys[:-1]:
        branch = cast("dict[object, object]", branch).get(key) if isinstance(branch, dict) else None
    if not isinstance(branch, dict):
        above = dotted(override.keys[:-1])
        raise SettingsError(f"{override.option}: {above} is no branch; give a key that is there")
    yaml: Any = YAML(typ="safe", pure=True)
    try:
        node: Node | None = yaml.compose(override.text)
    except YAMLError:
        node = None
    if node is None:
        raise SettingsError(
            f"{override.option}: {override.text!r} is not YAML; write a number, a word or [a, list]"
        )
    document.options[override.keys] = override.option
    reader = _Reader(yaml, document, override.text)
    value = reader.plain(node, override.keys)
    cast("dict[object, object]", branch)[override.keys[-1]] = value


def _read(path: Path) -> Document:
    yaml: Any = YAML(typ="safe", pure=True)  # YAML 1.2: 1e-3 is a number, off is text
    document = Document(path, _source(path))
    try:
        root: Node | None = yaml.compose(document.source)
        if root and root.id == "mapping":
            _Reader(yaml, document, document.source).fill(root)
            return document
    except MarkedYAMLError as error:
        raise SettingsError(f"{path}:{_broken(error)}") from None
    except YAMLError as error:
        what = " ".join(str(error).split())
        raise SettingsError(f"{path}:1: this is not YAML: {what}; save it as plain text") from None
    except RecursionError:
        raise SettingsError(f"{path}:1: values are nested too deeply; flatten them") from None
    raise SettingsError(
        f"{path}:1: the file is {'no branch' if root else 'empty'}; it must have the keys "
        f"{', '.join(allowed_keys(()))}: begin with the params.yaml of the default study"
    )


def _broken(error: Any) -> str:
    mark = error.problem_mark or error.context_mark
    what = ", ".join(str(part) for part in (error.context, error.problem) if part)
    return (
        f"{mark.line + 1}: column {mark.column + 1}: this is not YAML: {what}; correct it there or "
        "on the lines above"
    )


def _source(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: there is no such file; run from the project's root, or restore the file"
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SettingsError(f"{path}:{line}: this is not text; save it as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; make it a readable text file") from None


class _Reader:
    """Fills a document from YAML's nodes, which know where they stand in the source."""

    def __init__(self, yaml: Any, document: Document, source: str) -> None:
        self._yaml = yaml
        self._document = document
        self._source = source
        self._open: list[Node] = []

    def fill(self, root: Node) -> None:
        """Read everything below ``root``."""
        self._document.value.update(self._mapping(root, ()))

    def plain(self, node: Node, keys: Keys) -> object:
        """The value of a node, noting where and how it and all below it are written.

        Args:
            node: Of the source.
            keys: Where its value goes.
        """
        self._document.lines[keys] = node.start_mark.line + 1
        self._document.texts[keys] = self._text(node)
        if node in self._open:
            return node  # an alias inside its own anchor: no setting accepts a node
        self._open.append(node)
        try:
            read = {"mapping": self._mapping, "sequence": self._sequence, "scalar": self._scalar}
            return read[node.id](node, keys)
        finally:
            self._open.pop()

    def _mapping(self, branch: Node, keys: Keys) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, node in branch.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            place = (*keys, key)
            if key in values:
                first = self._document.lines[place]
                text = f"{dotted(place)} is there already, on line {first}; remove one of the two"
                self._document.complaints.append((line, text))
            values[key] = self.plain(node, place)
            self._document.lines[place] = line
        return values

    def _sequence(self, entries: Node, keys: Keys) -> list[object]:
        values: list[object] = []
        for index, node in enumerate(entries.value):
            place = (*keys, index)
            values.append(self.plain(node, place))
        return values

    def _scalar(self, node: Node, _: Keys) -> object:
        try:
            return self._yaml.constructor.construct_object(node)
        except (YAMLError, ValueError):
            return node  # a tag of its own, or the 45th of March: no setting accepts a node

    def _text(self, node: Node) -> str:
        if node.id != "scalar" and not node.flow_style:
            return "a list" if node.id == "sequence" else "a branch"
        source = self._source[node.start_mark.index : node.end_mark.index]
        return textwrap.shorten(redacted(source), 60, placeholder=" ...") or "empty"
