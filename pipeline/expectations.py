"""What params.yaml may hold at each place, in words: read off the JSON schema of the settings."""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.conflicts import Keys

__all__ = ["allowed_keys", "example", "expected", "remedy"]

Schema = dict[str, Any]  # a node of a JSON schema

_BOUNDS: Final = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}
_NUMBER: Final = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?", re.IGNORECASE)


def expected(keys: Keys) -> str:
    """What the value at ``keys`` must be, such as ``a whole number at least 1 or full``."""
    return _in_words(_node(keys))


def example(keys: Keys) -> str:
    """A legal value for ``keys`` as it is written in YAML; "" for a branch."""
    return _example(_node(keys))


def remedy(keys: Keys, value: object) -> str:
    """What to write instead of the unfit plain ``value`` at ``keys``."""
    node = _node(keys)
    choices = _choices(node)
    kinds = {choice.get("type") for choice in choices}
    if isinstance(value, str):
        close = difflib.get_close_matches(value, _words(choices), n=1)
        if close:
            return f"did you mean {close[0]}?"
        if kinds & {"integer", "number"} and _NUMBER.fullmatch(value):
            return "remove the quotes"
    if isinstance(value, float) and "integer" in kinds and value.is_integer():
        return f"write {int(value)}"
    if isinstance(value, int | float) and kinds == {"string"} and not _words(choices):
        return "put it in quotes"
    written = _example(node)
    if not written:
        return "indent its keys below it"
    return f"write {written}" if written == _in_words(node) else f"write {written}, for example"


def allowed_keys(keys: Keys) -> tuple[str, ...]:
    """Keys of the branch at ``keys``; () where it is no branch."""
    return tuple(_node(keys).get("properties", ()))


@cache
def _schema() -> Schema:
    return Settings.model_json_schema()


def _node(keys: Keys) -> Schema:
    node = _schema()
    for key in keys:
        if isinstance(key, int):
            node = next(choice["items"] for choice in _choices(node) if "items" in choice)
        elif key in node.get("properties", {}):
            node = node["properties"][key]
        else:
            node = node["additionalProperties"]
        node = _resolved(node)
    return node


def _resolved(node: Schema) -> Schema:
    return _schema()["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def _choices(node: Schema) -> list[Schema]:
    return node.get("anyOf") or node.get("oneOf") or [node]


def _in_words(node: Schema) -> str:
    node = _resolved(node)
    if len(_choices(node)) > 1:
        return " or ".join(_in_words(choice) for choice in _choices(node))
    if "const" in node:
        return str(node["const"])
    if "enum" in node:
        *others, last = node["enum"]
        return f"{', '.join(others)} or {last}"
    match node["type"]:
        case "integer":
            return " ".join(["a whole number", _bounds(node)]).strip()
        case "number":
            return " ".join(["a finite number", _bounds(node)]).strip()
        case "boolean":
            return "true or false"
        case "null":
            return "null"
        case "array":
            return f"a list, not empty, each entry {_in_words(node['items'])}"
        case "object" if "properties" in node:
            return f"a branch with the keys {', '.join(node['properties'])}"
        case "object":
            return f"a branch of names, each with {_in_words(node['additionalProperties'])}"
        case _:
            return node.get("description", "text")


def _bounds(node: Schema) -> str:
    return " and ".join(f"{word} {node[key]}" for key, word in _BOUNDS.items() if key in node)


def _words(choices: list[Schema]) -> list[str]:
    return [word for node in choices for word in [*node.get("enum", ()), node.get("const")] if word]


def _example(node: Schema) -> str:
    node = _resolved(node)
    if len(_choices(node)) > 1:
        return _example(_choices(node)[-1])
    for given in ("examples", "enum"):
        if given in node:
            return str(node[given][0])
    if "const" in node:
        return str(node["const"])
    match node["type"]:
        case "number":
            floor = max(node.get("minimum", 0), node.get("exclusiveMinimum", 0))
            return "1.5" if floor else "0.1"
        case "array":
            return f"[{_example(node['items'])}]"
        case "object":
            return "" if "properties" in node else "{}"
        case kind:
            return {"integer": "64", "boolean": "false", "null": "null"}[kind]
