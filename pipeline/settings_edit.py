"""Change values in params.yaml and nothing else: comments, order and layout stay as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from ruamel.yaml import YAML

from pipeline.aside import write_aside
from pipeline.settings_file import load_settings
from pipeline.settings_problems import dotted

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.conflicts import Keys

__all__ = ["edited", "write_settings"]

_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # keys and words that need no quotes
_WORDS: Final = frozenset({"true", "false", "null", "on", "off", "yes", "no", "y", "n"})

Node = Any  # of ruamel.yaml, whose types are unknown


def write_settings(path: Path, changes: Mapping[Keys, object]) -> None:
    """Write changed values into a settings file, whole or not at all.

    Args:
        path: Of valid settings.
        changes: New value by place, such as ``("training", "cohort_width")``: a number, word,
            truth value, None, or list or mapping of them.

    Raises:
        ValueError: If there is no such place, or the changed file would be refused; it is then
            left as it was.
    """
    before = path.read_text(encoding="utf-8-sig")
    after = edited(before, changes)
    trial = path.with_name(f".{path.name}.edited")
    write_aside(trial, after.encode())
    try:
        load_settings(trial)
    except ValueError as problem:
        raise ValueError(str(problem).replace(str(trial), str(path))) from None
    finally:
        trial.unlink()
    write_aside(path, after.encode())


def edited(source: str, changes: Mapping[Keys, object]) -> str:
    """A YAML text with other values at some places.

    A place that does not exist is a ValueError that names it.

    Args:
        source: A mapping.
        changes: New value by place.

    Returns:
        The text; every character outside the values is kept, but for the spaces before a comment
        on the same line, so that it stays in its column.
    """
    root: Node = cast("Any", YAML(typ="safe", pure=True)).compose(source)
    spans = {keys: _span(root, keys) for keys in changes}
    for keys in sorted(changes, key=lambda keys: spans[keys], reverse=True):
        start, end = spans[keys]
        source = _spliced(source, start, end, _flow(changes[keys]))
    return source


def _span(root: Node, keys: Keys) -> tuple[int, int]:
    """Where the value at ``keys`` begins and ends in the source.

    Raises:
        ValueError: If there is no such value.
    """
    node = root
    for depth, key in enumerate(keys, start=1):
        children = {str(k.value): v for k, v in node.value} if node.id == "mapping" else {}
        if key not in children:
            raise ValueError(f"{dotted(keys[:depth])} is not in the file; add it, or mend the key")
        node = children[key]
    return node.start_mark.index, _end(node)


def _end(node: Node) -> int:
    """Behind the last character of a node; a block's own mark stands behind its comments."""
    if node.id == "scalar" or node.flow_style or not node.value:
        return node.end_mark.index
    last = node.value[-1]
    return _end(last[1] if node.id == "mapping" else last)


def _spliced(source: str, start: int, end: int, value: str) -> str:
    gap = re.match(r" +(?=#)", source[end:])
    if gap and "\n" not in source[start:end]:
        width = max(1, len(gap[0]) - (len(value) - (end - start)))
        return source[:start] + value + " " * width + source[end + len(gap[0]) :]
    return source[:start] + value + source[end:]


def _flow(value: object) -> str:
    """A value on one line, as a person would write it in YAML 1.2."""
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value).items()
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, cast("list[object]", value))) + "]"
    if isinstance(value, str):
        plain = _BARE.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else _quoted(value)
    return json.dumps(value)


def _quoted(value: str) -> str:
    """In JSON's double quotes, which YAML reads too; it wants more characters escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)
