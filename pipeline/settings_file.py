"""params.yaml → `Settings`, or every problem in it with its line and remedy; and back."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from ruamel.yaml import YAML

from pipeline.settings import Settings
from pipeline.settings_document import Override, SettingsError, read_document
from pipeline.settings_misfits import misfits, unregistered
from pipeline.settings_problems import problems_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Override", "SettingsError", "load_settings", "settings_yaml"]


def load_settings(path: Path, overrides: Sequence[Override] = ()) -> Settings:
    """Read and check the settings of a study.

    Args:
        path: The YAML file; messages name it as given.
        overrides: Values that take the place of the file's.

    Returns:
        Settings that agree with each other, with the data set and with the registered networks.

    Raises:
        SettingsError: With all problems found. Those between settings show once each setting by
            itself is right.
    """
    document = read_document(path, overrides)
    problems = list(unregistered(document.value))
    settings = None
    try:
        settings = Settings.model_validate(document.value)
        problems += misfits(settings)
    except ValidationError as error:
        problems += problems_of(error.errors(include_url=False), document.value)
    complaints = document.complaints_about(problems)
    if complaints or settings is None:
        raise SettingsError("\n".join(complaints))
    return settings


def settings_yaml(settings: Settings) -> str:
    """Settings as YAML that `load_settings` reads back; comments are not kept."""
    yaml: Any = YAML()
    text = io.StringIO()
    yaml.dump(settings.model_dump(mode="json"), text)
    return text.getvalue()
