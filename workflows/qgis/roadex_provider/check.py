# SPDX-License-Identifier: GPL-2.0-or-later
"""The algorithm that checks the installation."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
)

from . import commands, program, settings
from .algorithm import RoadexAlgorithm, follow


class CheckAlgorithm(RoadexAlgorithm):
    """``roadex doctor``."""

    verb = commands.DOCTOR

    def initAlgorithm(self, _configuration: Any = None) -> None:
        """Add the outputs."""
        self.addOutput(QgsProcessingOutputString("EXECUTABLE", "Executable"))
        self.addOutput(QgsProcessingOutputString("VERSION", "Version"))

    def processAlgorithm(
        self,
        _parameters: dict[str, Any],
        _context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """Call ``roadex doctor``."""
        executable = settings.executable()
        version = program.check(executable)
        feedback.pushInfo(f"{executable}, version {version}")
        code, listener = follow([executable, self.verb.name], self.verb, feedback)
        if code:
            raise QgsProcessingException(listener.failure(code))
        return {"EXECUTABLE": executable, "VERSION": version}
