# SPDX-License-Identifier: GPL-2.0-or-later
"""Algorithms from networks to networks: compare and rebuild."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterVectorLayer,
    QgsProcessingUtils,
)

from . import commands, inputs, results
from .algorithm import OUTPUT, RoadexAlgorithm

INPUT, REFERENCE = "INPUT", "REFERENCE"
_LINES = [QgsProcessing.SourceType.TypeVectorLine]


class CompareAlgorithm(RoadexAlgorithm):
    """Network and reference to what each lacks."""

    verb = commands.COMPARE

    def initAlgorithm(self, _configuration: Any = None) -> None:
        """Add the parameters."""
        self.addParameter(QgsProcessingParameterVectorLayer(INPUT, "Network of roadex", _LINES))
        self.addParameter(QgsProcessingParameterVectorLayer(REFERENCE, "Reference", _LINES))
        self.add_options()
        self.add_destination("Comparison (GeoPackage)")

    def prepareAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        _feedback: QgsProcessingFeedback,
    ) -> bool:
        """Find the files of the layers, where layers may be used: in the thread they belong to."""
        network = self.parameterAsVectorLayer(parameters, INPUT, context)
        reference = self.parameterAsVectorLayer(parameters, REFERENCE, context)
        copy = QgsProcessingUtils.generateTempFilename("reference.gpkg")
        self._inputs = [
            inputs.network_path(inputs.require(network, "network")),
            inputs.reference_path(inputs.require(reference, "reference"), copy),
        ]
        return True

    def processAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """Call ``roadex compare``."""
        path = self.parameterAsOutputLayer(parameters, OUTPUT, context)
        if not self.call(self._inputs, path, parameters, context, feedback):
            return {}
        return {OUTPUT: results.deliver(path, "missing_in_reference", path, context)}


class RebuildAlgorithm(RoadexAlgorithm):
    """Edited network to a sound one."""

    verb = commands.REBUILD

    def initAlgorithm(self, _configuration: Any = None) -> None:
        """Add the parameters."""
        self.addParameter(
            QgsProcessingParameterVectorLayer(INPUT, "Edited network (road_edges)", _LINES)
        )
        self.add_options()
        self.add_destination("Rebuilt network")

    def prepareAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        _feedback: QgsProcessingFeedback,
    ) -> bool:
        """Find the file of the layer, where layers may be used: in the thread it belongs to."""
        layer = self.parameterAsVectorLayer(parameters, INPUT, context)
        self._network = inputs.network_path(inputs.require(layer, "network"))
        return True

    def processAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """Call ``roadex rebuild``."""
        path = self.parameterAsOutputLayer(parameters, OUTPUT, context)
        if not self.call([self._network], path, parameters, context, feedback):
            return {}
        return {OUTPUT: results.deliver(path, "road_edges", path, context)}
