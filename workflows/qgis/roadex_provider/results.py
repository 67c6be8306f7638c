# SPDX-License-Identifier: GPL-2.0-or-later
"""Results into the project, with the styles they carry."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from qgis.core import (
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingUtils,
    QgsProviderRegistry,
    QgsVectorLayer,
)

STOPPED = (
    "Stopped. What was finished is kept: run again with the same destination to go on from there."
)


class Styler(QgsProcessingLayerPostProcessorInterface):
    """Gives a loaded layer the default style of its file, which Processing leaves out."""

    _alive: ClassVar[list[Styler]] = []
    """QGIS holds no reference to the Python object."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._alive.append(self)

    def postProcessLayer(
        self,
        layer: QgsMapLayer,
        _context: QgsProcessingContext,
        _feedback: QgsProcessingFeedback,
    ) -> None:
        """Style and name a layer, and let go of this object."""
        layer.loadDefaultStyle()
        layer.setName(self._name)
        layer.triggerRepaint()
        self._alive.remove(self)


def layers_of(path: str) -> list[str]:
    """Return the names of the vector layers of a file; none where it cannot be read."""
    found = QgsProviderRegistry.instance().providerMetadata("ogr").querySublayers(path)
    return [layer.name() for layer in found]


def has_features(source: str) -> bool:
    """Return whether a layer has anything to show."""
    return QgsVectorLayer(source, "", "ogr").featureCount() > 0


def deliver(path: str, first: str, destination: str, context: QgsProcessingContext) -> str:
    """Let the layers of a result be loaded if its destination is to be, and return the first one.

    Parameters
    ----------
    path
        The file that was written.
    first
        The layer that is the result for models; it is loaded even if it is empty.
    destination
        What Processing was told to load when the algorithm is done.
    """
    names = layers_of(path)
    if first not in names:  # a format of one layer
        return path
    wanted = context.layersToLoadOnCompletion()
    details = wanted.pop(destination, None)
    if details is not None:
        for name in names:
            source = _source(path, name)
            if name == first or has_features(source):
                wanted[source] = _details(details, name, path)
        context.setLayersToLoadOnCompletion(wanted)
    return _source(path, first)


def _source(path: str, layer: str) -> str:
    return f"{path}|layername={layer}"


def _details(
    given: QgsProcessingContext.LayerDetails, layer: str, path: str
) -> QgsProcessingContext.LayerDetails:
    details = QgsProcessingContext.LayerDetails(given)
    details.name = layer
    is_temporary = path.startswith(QgsProcessingUtils.tempFolder())
    details.setPostProcessor(Styler(layer if is_temporary else f"{Path(path).stem} {layer}"))
    return details
