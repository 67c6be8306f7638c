# SPDX-License-Identifier: GPL-2.0-or-later
"""Algorithms from rasters to networks: run and vectorize."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputFile,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingUtils,
)

from . import commands, inputs, results
from .algorithm import OUTPUT, RoadexAlgorithm

INPUT, AREA, EXTENT, FOLDER = "INPUT", "AREA", "EXTENT", "FOLDER"
EDGES = "road_edges"


class RasterAlgorithm(RoadexAlgorithm):
    """A verb that begins with a raster."""

    def prepareAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        _feedback: QgsProcessingFeedback,
    ) -> bool:
        """Find the file of the layer, where layers may be used: in the thread they belong to."""
        layer = self.parameterAsRasterLayer(parameters, INPUT, context)
        self._raster = inputs.raster_path(inputs.require(layer, "raster"))
        return True


class RunAlgorithm(RasterAlgorithm):
    """Imagery to network."""

    verb = commands.RUN

    def initAlgorithm(self, _configuration: Any = None) -> None:
        """Add the parameters."""
        self.addParameter(QgsProcessingParameterRasterLayer(INPUT, "Image"))
        self.addParameter(
            QgsProcessingParameterFeatureSource(
                AREA, "Area of interest: polygons", [QgsProcessing.SourceType.TypeVectorPolygon],
                optional=True,
            )
        )  # fmt: skip
        self.addParameter(
            QgsProcessingParameterExtent(
                EXTENT, "Area of interest: extent, such as that of the canvas", optional=True
            )
        )
        self.add_options()
        self.addParameter(
            QgsProcessingParameterFolderDestination(
                FOLDER, "Folder for network, probability, preview and report",
                optional=True, createByDefault=False,
            )
        )  # fmt: skip
        self.add_destination("Network alone, where no folder is given", optional=True)
        self.addOutput(QgsProcessingOutputFile("PROBABILITY", "Road probability"))
        self.addOutput(QgsProcessingOutputFile("REPORT", "Report"))

    def checkParameterValues(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:
        """Refuse two areas, and a run without a destination."""
        if parameters.get(AREA) and parameters.get(EXTENT):
            return False, "Give the area of interest as polygons or as an extent, not as both"
        if not parameters.get(FOLDER) and not parameters.get(OUTPUT):
            return False, "Give a folder, or a file for the network alone"
        if parameters.get(FOLDER) and _is_chosen(parameters.get(OUTPUT)):
            return False, "Give a folder or a file for the network alone, not both"
        return super().checkParameterValues(parameters, context)

    def processAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """Call ``roadex run``."""
        folder = self.parameterAsFileOutput(parameters, FOLDER, context)
        destination = self.parameterAsOutputLayer(parameters, OUTPUT, context)
        area = self._area(folder or QgsProcessingUtils.tempFolder(), parameters, context)
        is_done = self.call(
            [self._raster], folder or destination, parameters, context, feedback, area=area
        )
        if not is_done:
            return {}
        network = str(Path(folder) / "roads.gpkg") if folder else destination
        found = {OUTPUT: results.deliver(network, EDGES, destination, context)}
        if folder:
            found[FOLDER] = folder
            found["PROBABILITY"] = str(Path(folder) / "probability.tif")
            found["REPORT"] = str(Path(folder) / "report.html")
        return found

    def _area(
        self, folder: str, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> str | None:
        """Return the file of the area that was chosen; None is the whole image."""
        if parameters.get(AREA):
            source = self.parameterAsSource(parameters, AREA, context)
            if source is None:
                raise QgsProcessingException(self.invalidSourceError(parameters, AREA))
            polygons = [feature.geometry() for feature in source.getFeatures()]
            return inputs.area_file(polygons, source.sourceCrs(), folder)
        if parameters.get(EXTENT):
            crs = self.parameterAsExtentCrs(parameters, EXTENT, context)
            rectangle = self.parameterAsExtentGeometry(parameters, EXTENT, context, crs)
            return inputs.area_file([rectangle], crs, folder)
        return None


def _is_chosen(destination: Any) -> bool:
    """Return whether a user named a file, and it is not one that Processing made up."""
    if isinstance(destination, QgsProcessingOutputLayerDefinition):
        destination = destination.sink.staticValue()
    made_up = (QgsProcessing.TEMPORARY_OUTPUT, QgsProcessingUtils.tempFolder())
    return bool(destination) and not str(destination).startswith(made_up)


class VectorizeAlgorithm(RasterAlgorithm):
    """Probability to network."""

    verb = commands.VECTORIZE

    def initAlgorithm(self, _configuration: Any = None) -> None:
        """Add the parameters."""
        self.addParameter(QgsProcessingParameterRasterLayer(INPUT, "Road probability or mask"))
        self.add_options()
        self.add_destination("Network")

    def processAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """Call ``roadex vectorize``."""
        path = self.parameterAsOutputLayer(parameters, OUTPUT, context)
        if not self.call([self._raster], path, parameters, context, feedback):
            return {}
        return {OUTPUT: results.deliver(path, EDGES, path, context)}
