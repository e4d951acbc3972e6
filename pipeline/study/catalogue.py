"""The studies that the command line has started: their names, settings and folders."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.aside import write_aside
from pipeline.settings_file import load_settings, settings_yaml
from pipeline.study.places import PARAMS, RESULTS, Places
from pipeline.study.preparation import prepared_folder

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.settings import Settings

__all__ = [
    "DVC",
    "Entry",
    "default_name",
    "entries",
    "entry",
    "known",
    "new_entry",
    "remember",
    "remove",
]

DVC: Final = "dvc"  # the study that DVC's stages make of params.yaml
_STUDIES: Final = RESULTS / "studies"
_SETTINGS: Final = "settings.yaml"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Entry:
    """A study with its settings.

    Attributes:
        name: Of the study.
        settings: As it was last run; of the study ``dvc``, what params.yaml says now.
        places: Where its files are.
    """

    name: str
    settings: Settings
    places: Places


def default_name(params: Path, base: Settings, settings: Settings) -> str:
    """A study's name where none is given: the same for the same settings.

    Args:
        params: The settings file.
        base: What the file says.
        settings: The same with the command line's changes.

    Returns:
        The file's stem where nothing was changed, else the models and a digest of the settings.
    """
    if settings == base:
        return re.sub(r"[^A-Za-z0-9._-]", "-", params.stem)[:64] or "study"
    text = json.dumps(settings.model_dump(mode="json", exclude={"tracking"}), sort_keys=True)
    models = re.sub(r"[^A-Za-z0-9._-]", "-", "+".join(settings.models).replace("+", "-"))
    return f"{models.strip('-._')[:40] or 'study'}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def new_entry(name: str, settings: Settings) -> Entry:
    """A study that nobody remembers yet.

    Args:
        name: A folder's name, and not ``dvc``.
        settings: Of the study.

    Returns:
        The study; nothing is written.
    """
    return Entry(name, settings, _places(name, settings))


def remember(found: Entry) -> None:
    """Write down a study's settings, so that it can be listed and gone on with by name."""
    path = found.places.results / _SETTINGS
    write_aside(path, settings_yaml(found.settings).encode())


def entry(name: str) -> Entry:
    """Look up a study.

    Args:
        name: ``dvc``, or a name that was remembered.

    Returns:
        The study.

    Raises:
        ValueError: If there is none of this name, or its settings no longer fit.
    """
    if name == DVC:
        return Entry(DVC, load_settings(PARAMS), Places())
    _check(name)
    path = _STUDIES / name / _SETTINGS
    if not path.exists():
        known = ", ".join(_names()) or "none yet"
        raise ValueError(
            f"{name!r} is no study; studies are {known} (batchscope study list), and "
            "batchscope study run --name makes one"
        )
    settings = load_settings(path)
    return Entry(name, settings, _places(name, settings))


def entries() -> tuple[Entry, ...]:
    """Every study, DVC's first where there is a params.yaml."""
    return tuple(entry(name) for name in _names())


def remove(found: Entry) -> None:
    """Remove a study's settings, tables and report; what was trained stays in the ledger.

    Args:
        found: The study.

    Raises:
        ValueError: If it is DVC's.
    """
    if found.name == DVC:
        raise ValueError(
            "the study dvc is made by dvc.yaml and params.yaml, and its results are DVC's; "
            "remove them with dvc remove or git, or name another study"
        )
    shutil.rmtree(found.places.results)


def known(name: str) -> bool:
    """Whether a study of this name was remembered."""
    return bool(_NAME.fullmatch(name)) and (_STUDIES / name / _SETTINGS).exists()


def _names() -> list[str]:
    made = sorted(path.parent.name for path in _STUDIES.glob(f"*/{_SETTINGS}"))
    return [DVC, *made] if PARAMS.exists() else made


def _places(name: str, settings: Settings) -> Places:
    _check(name)
    folder = _STUDIES / name
    return Places(name, folder, folder / "report", prepared_folder(settings.data))


def _check(name: str) -> None:
    """Names become folders.

    Raises:
        ValueError: If a name could lead anywhere else, or is DVC's.
    """
    if name == DVC or not _NAME.fullmatch(name):
        raise ValueError(
            f"--name is {name!r}: it must be 1 to 64 letters, digits, dots, dashes or underscores, "
            "a letter or digit first, and not dvc, which is the study of params.yaml under DVC"
        )
