"""The command line's surface as plain data: python -m tests.cli_surface > tests/cli_surface.json.

Commands, parameters, defaults and exit statuses; help texts are free to change.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.core import TyperGroup

from pipeline.cli import app
from pipeline.commands.manners import tree
from pipeline.exit_status import ExitStatus

SNAPSHOT = Path(__file__).with_suffix(".json")
COMPLETION = {"install_completion", "show_completion"}


def surface() -> dict[str, Any]:
    return {
        "exit_statuses": {status.name.lower(): int(status) for status in ExitStatus},
        "commands": {name: parameters(command) for name, command in commands().items()},
    }


def commands() -> dict[str, Any]:
    """Every command by its full name, groups included."""
    found: dict[str, Any] = {}

    def add(name: str, command: Any) -> None:
        found[name] = command
        if isinstance(command, TyperGroup):
            for inner, child in command.commands.items():
                add(f"{name} {inner}", child)

    add("batchscope", tree(app))
    return dict(sorted(found.items()))


def parameters(command: Any) -> dict[str, Any]:
    shown = [p for p in command.params if p.name not in COMPLETION]
    return {" ".join(p.opts) if p.param_type_name == "option" else p.name: facts(p) for p in shown}


def facts(declared: Any) -> dict[str, Any]:
    """What a script may rely on; what does not apply is left out."""
    described = declared.type_descriptor
    stated = {
        "type": declared.bare_type(),
        "default": plain(declared.default),
        "argument": declared.param_type_name == "argument",
        "opposite": " ".join(declared.secondary_opts),
        "choices": [str(getattr(choice, "value", choice)) for choice in described.choices or ()],
        "min": described.parameter_info.min,
        "max": described.parameter_info.max,
        "required": declared.required,
        "repeated": getattr(declared, "multiple", False),
        "environment": declared.envvar,
        "hidden": getattr(declared, "hidden", False),
    }
    kept = {key: value for key, value in stated.items() if value not in (None, False, "", [])}
    return kept | {"default": stated["default"]}


def plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    value = getattr(value, "value", value)
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def text() -> str:
    """JSON, a parameter a line, so that a change is a line of a diff."""
    stated = surface()
    lines = ['{"exit_statuses": ' + json.dumps(stated["exit_statuses"]) + ",", '"commands": {']
    for name, known in stated["commands"].items():
        rows = (f'    "{p}": {json.dumps(f, ensure_ascii=False)}' for p, f in known.items())
        lines += [f'  "{name}": {{', ",\n".join(rows), "  },"]
    lines[-1] = "  }"
    return "\n".join(line for line in [*lines, "}}"] if line) + "\n"


if __name__ == "__main__":
    print(text(), end="")
