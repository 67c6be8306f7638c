# SPDX-License-Identifier: GPL-2.0-or-later
"""What QGIS loads: it adds the provider to Processing and takes it out again."""

from __future__ import annotations

from qgis.core import QgsApplication

from .provider import RoadexProvider


class RoadexPlugin:
    """The plugin. In programs without windows QGIS calls :meth:`initProcessing` alone."""

    def __init__(self) -> None:
        self._provider: RoadexProvider | None = None

    def initProcessing(self) -> None:
        """Add the provider."""
        self._provider = RoadexProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self) -> None:
        """Add the provider; there is nothing else to show."""
        self.initProcessing()

    def unload(self) -> None:
        """Take the provider out."""
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
