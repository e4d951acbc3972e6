"""The shapes of the documents that commands print with --json, frozen in json_shapes.json.

A shape keeps keys and types and forgets values: {"a": [1, 2.5]} is {"a": ["number"]}. Renew a
command's with: python -m tests.json_shapes "batchscope doctor" < its output.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).with_suffix(".json")
FREE = {"overrides"}  # keys whose own keys are data


def shape(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        if key in FREE:
            return "a mapping"
        return {name: shape(inner, name) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        kinds = [json.dumps(shape(entry), sort_keys=True) for entry in value]
        return [json.loads(kind) for kind in sorted(set(kinds))]
    if value is None or isinstance(value, bool | str):
        return {type(None): "null", bool: "truth", str: "text"}[type(value)]
    return "number"


def frozen(command: str) -> Any:
    return json.loads(SNAPSHOT.read_text())[command]


def agrees(seen: Any, known: Any) -> bool:
    """Whether a document's shape is the frozen one; of an empty list nothing is known."""
    if isinstance(seen, list) and isinstance(known, list):
        return all(any(agrees(entry, kind) for kind in known) for entry in seen)
    if isinstance(seen, dict) and isinstance(known, dict):
        return seen.keys() == known.keys() and all(agrees(seen[k], known[k]) for k in seen)
    return seen == known


if __name__ == "__main__":
    known = json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}
    known[sys.argv[1]] = shape(json.load(sys.stdin))
    SNAPSHOT.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
