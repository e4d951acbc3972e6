"""params.yaml → `Settings`, or every problem in it with its line and remedy."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.expectations import allowed_keys
from pipeline.settings import Settings
from pipeline.settings_misfits import misfits, unregistered
from pipeline.settings_problems import Problem, dotted, problems_of

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.conflicts import Keys

__all__ = ["SettingsError", "load_settings"]

Node = Any  # of ruamel.yaml, whose types are unknown: id, value, start_mark, end_mark, flow_style


class SettingsError(ValueError):
    """What is wrong with params.yaml: ``file:line: key is value: problem; remedy``, a line each."""


def load_settings(path: Path) -> Settings:
    """Read and check the settings of a study.

    Args:
        path: The YAML file; messages name it as given.

    Returns:
        Settings that agree with each other, with the data set and with the registered networks.

    Raises:
        SettingsError: With all problems found. Those between settings show once each setting by
            itself is right.
    """
    document = _read(path)
    problems = list(unregistered(document.value))
    settings = None
    try:
        settings = Settings.model_validate(document.value)
        problems += misfits(settings)
    except ValidationError as error:
        problems += problems_of(error.errors(include_url=False), document.value)
    complaints = document.complaints + [document.complaint(problem) for problem in problems]
    if complaints or settings is None:
        complaints.sort(key=lambda complaint: complaint[0])
        raise SettingsError("\n".join(f"{path}:{line}: {text}" for line, text in complaints))
    return settings


@dataclass(frozen=True)
class _Document:
    """A YAML mapping as plain values, and how its author wrote each of them.

    Attributes:
        source: The text of the file.
        value: Dicts, lists and scalars.
        lines: Line of every key and list entry, from 1.
        texts: How every value is written, shortened to fit a message.
        complaints: Line and text of what plain values cannot show: a repeated key.
    """

    source: str
    value: dict[str, object] = field(default_factory=dict[str, object])
    lines: dict[Keys, int] = field(default_factory=lambda: {(): 1})
    texts: dict[Keys, str] = field(default_factory=dict["Keys", str])
    complaints: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def complaint(self, problem: Problem) -> tuple[int, str]:
        """Line and text of a problem; what is missing has the line of the branch it belongs in."""
        keys = problem.keys
        while keys not in self.lines:
            keys = keys[:-1]
        value = f"is {self.texts[keys]}: " if problem.about_value else ""
        return self.lines[keys], f"{dotted(problem.keys)} {value}{problem.message}"


def _read(path: Path) -> _Document:
    yaml: Any = YAML(typ="safe", pure=True)  # YAML 1.2: 1e-3 is a number, off is text
    document = _Document(_source(path))
    try:
        root: Node | None = yaml.compose(document.source)
        if root and root.id == "mapping":
            _Reader(yaml, document).fill(root)
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

    def __init__(self, yaml: Any, document: _Document) -> None:
        self._yaml = yaml
        self._document = document
        self._open: list[Node] = []

    def fill(self, root: Node) -> None:
        """Read everything below ``root``."""
        self._document.value.update(self._mapping(root, ()))

    def _plain(self, node: Node, keys: Keys) -> object:
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
            self._document.lines[place] = line
            values[key] = self._plain(node, place)
        return values

    def _sequence(self, entries: Node, keys: Keys) -> list[object]:
        values: list[object] = []
        for index, node in enumerate(entries.value):
            place = (*keys, index)
            self._document.lines[place] = node.start_mark.line + 1
            values.append(self._plain(node, place))
        return values

    def _scalar(self, node: Node, _: Keys) -> object:
        try:
            return self._yaml.constructor.construct_object(node)
        except (YAMLError, ValueError):
            return node  # a tag of its own, or the 45th of March: no setting accepts a node

    def _text(self, node: Node) -> str:
        if node.id != "scalar" and not node.flow_style:
            return "a list" if node.id == "sequence" else "a branch"
        source = self._document.source[node.start_mark.index : node.end_mark.index]
        return textwrap.shorten(source, 60, placeholder=" ...") or "empty"
