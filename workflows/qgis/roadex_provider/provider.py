# SPDX-License-Identifier: GPL-2.0-or-later
"""The provider: the algorithms that call ``roadex``."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from . import settings
from .check import CheckAlgorithm
from .networks import CompareAlgorithm, RebuildAlgorithm
from .rasters import RunAlgorithm, VectorizeAlgorithm

_FORMATS = ["gpkg", "fgb", "geojson", "shp"]
"""Formats that ``roadex`` writes and QGIS opens, the default one first."""


class RoadexProvider(QgsProcessingProvider):
    """Algorithms that call ``roadex``."""

    def id(self) -> str:
        """Return what stands before the colon in names of algorithms."""
        return "roadex"

    def name(self) -> str:
        """Return the title."""
        return "roadex"

    def longName(self) -> str:
        """Return the title and what it is."""
        return "roadex: road networks from imagery"

    def icon(self) -> QIcon:
        """Return the icon."""
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        """Return the file of the icon."""
        return str(Path(__file__).with_name("icon.svg"))

    def load(self) -> bool:
        """Add the setting and the algorithms."""
        settings.add(self.name(), self.icon())
        self.refreshAlgorithms()
        return True

    def unload(self) -> None:
        """Take the setting out."""
        settings.remove()

    def loadAlgorithms(self) -> None:
        """Add the algorithms."""
        for kind in (
            RunAlgorithm, VectorizeAlgorithm, CompareAlgorithm, RebuildAlgorithm, CheckAlgorithm,
        ):  # fmt: skip
            self.addAlgorithm(kind())

    def supportedOutputVectorLayerExtensions(self) -> list[str]:
        """Return the formats of networks, the default one first."""
        return _FORMATS

    def defaultVectorFileExtension(self, _hasGeometry: bool = True) -> str:
        """Return the format that keeps edges, nodes and styles in one file."""
        return _FORMATS[0]

    def supportsNonFileBasedOutput(self) -> bool:
        """Return that results are files."""
        return False
