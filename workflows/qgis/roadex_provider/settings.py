# SPDX-License-Identifier: GPL-2.0-or-later
"""The one setting of the provider: which ``roadex`` is called."""

from __future__ import annotations

from typing import Any

from processing.core.ProcessingConfig import ProcessingConfig, Setting
from qgis.core import QgsProcessingException
from qgis.PyQt.QtGui import QIcon

from . import program

EXECUTABLE = "ROADEX_EXECUTABLE"
"""Path of ``roadex``, or the folder of its environment; empty is the one on the search path."""


def add(group: str, icon: QIcon) -> None:
    """Add the setting to the options of Processing."""
    ProcessingConfig.settingIcons[group] = icon
    ProcessingConfig.addSetting(
        Setting(
            group, EXECUTABLE, "Executable of roadex", "",
            valuetype=Setting.FILE, validator=_validate,
            placeholder="the roadex on the search path",
        )
    )  # fmt: skip
    ProcessingConfig.readSettings()


def remove() -> None:
    """Take the setting out again."""
    ProcessingConfig.removeSetting(EXECUTABLE)


def executable() -> str:
    """Return the path of ``roadex``, which was asked for its version.

    Raises
    ------
    QgsProcessingException
        If it is not there, or is another program.
    """
    try:
        found = program.find(ProcessingConfig.getSetting(EXECUTABLE))
        program.check(found)
    except program.ProgramError as error:
        raise QgsProcessingException(str(error)) from error
    return found


def _validate(value: Any) -> None:
    """Refuse what is not ``roadex`` when the setting is changed."""
    if not value:
        return
    try:
        program.check(program.find(str(value)))
    except program.ProgramError as error:
        raise ValueError(str(error)) from error
