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
from pipeline.study.guard import say
from pipeline.study.places import PARAMS, RESULTS, Places
from pipeline.study.preparation import dvc_folder, prepared_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.settings import Settings
    from pipeline.settings_document import Override

__all__ = [
    "DVC",
    "Entry",
    "default_name",
    "deletable",
    "entries",
    "entry",
    "known",
    "names",
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
        places: Where its files are; of its data, those that the settings name.
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
        stem = re.sub(r"[^A-Za-z0-9._-]", "-", params.stem).strip("-._")[:64]
        return stem if stem not in {"", DVC} else "study"
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


def entry(name: str, overrides: Sequence[Override] = ()) -> Entry:
    """Look up a study.

    Args:
        name: ``dvc``, or a name that was remembered.
        overrides: Values that take the place of those that it was last run with.

    Returns:
        The study; a `ValueError` says that there is none of this name, or that its settings no
        longer fit.
    """
    if name == DVC:
        settings = load_settings(PARAMS, overrides)
        return Entry(DVC, settings, Places(prepared=dvc_folder(settings.data)))
    settings = load_settings(_folder(name) / _SETTINGS, overrides)
    return Entry(name, settings, _places(name, settings))


def entries() -> tuple[Entry, ...]:
    """Every study, DVC's first where there is a params.yaml.

    One whose settings no longer fit, as those of an older version may, is left out with a warning:
    it must not stand in the way of all others.

    Returns:
        The studies that can be read.

    Raises:
        ValueError: If params.yaml doesn't fit, which is there to be corrected.
    """
    found: list[Entry] = []
    for name in names():
        try:
            found.append(entry(name))
        except ValueError as problem:
            if name == DVC:
                raise
            say(
                f"warning: the study {name} is left out, because its settings no longer fit; "
                f"correct them, or batchscope study delete {name}: {str(problem).splitlines()[0]}"
            )
    return tuple(found)


def deletable(name: str) -> Path:
    """Where a study that may be deleted has its files; its settings need not fit any more.

    Args:
        name: Of the study.

    Returns:
        Its folder.

    Raises:
        ValueError: If it is DVC's; or if there is none of this name.
    """
    if name == DVC:
        raise ValueError(
            "the study dvc is made by dvc.yaml and params.yaml, and its results are DVC's; "
            "remove them with dvc remove or git, or name another study"
        )
    return _folder(name)


def remove(name: str) -> None:
    """Remove a study's settings, tables and report; what was trained stays in the ledger."""
    if (folder := deletable(name)).is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder)


def known(name: str) -> bool:
    """Whether a study of this name was remembered."""
    return bool(_NAME.fullmatch(name)) and (_STUDIES / name / _SETTINGS).exists()


def names() -> list[str]:
    """Of every study, whether or not its settings still fit; DVC's first, if it has settings."""
    made = sorted(path.parent.name for path in _STUDIES.glob(f"*/{_SETTINGS}"))
    return [DVC, *made] if PARAMS.exists() else made


def _folder(name: str) -> Path:
    """The folder of a study that was remembered.

    Raises:
        ValueError: If there is none of this name.
    """
    folder = _STUDIES / name
    if not _NAME.fullmatch(name) or not (folder / _SETTINGS).exists():
        made = ", ".join(names()) or "none yet"
        raise ValueError(
            f"{name!r} is no study; studies are {made} (batchscope study list), and "
            "batchscope study run --name makes one"
        )
    return folder


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
            f"{name!r} can't be a study's name; give one of 1 to 64 letters, digits, dots, dashes "
            "or underscores, a letter or digit first, and not dvc, which is the study of "
            "params.yaml under DVC"
        )
