# SPDX-License-Identifier: GPL-2.0-or-later
"""Layers and areas of QGIS as files that ``roadex`` reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsGeometry,
    QgsMapLayer,
    QgsProcessingException,
    QgsProviderRegistry,
    QgsRasterLayer,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

_OSM = (".osm", ".pbf")


def raster_path(layer: QgsRasterLayer) -> str:
    """Return what GDAL opens a raster layer by.

    Raises
    ------
    QgsProcessingException
        If the layer is no raster that GDAL reads, such as a map service.
    """
    if layer.dataProvider().name() != "gdal":
        msg = (
            f"Layer {layer.name()} is not a raster file ({layer.dataProvider().name()}): export it "
            "as GeoTIFF first"
        )
        raise QgsProcessingException(msg)
    return layer.source().partition("|")[0]


def network_path(layer: QgsVectorLayer) -> str:
    """Return the file of a layer of a road network.

    Raises
    ------
    QgsProcessingException
        If the layer is no file, or has edits that are not in it.
    """
    if layer.isEditable() and layer.isModified():
        msg = f"Layer {layer.name()} has edits: save them first"
        raise QgsProcessingException(msg)
    path = _file(layer)
    if path is None:
        msg = f"Layer {layer.name()} is not a file of roadex ({layer.dataProvider().name()})"
        raise QgsProcessingException(msg)
    return path


def reference_path(layer: QgsVectorLayer, copy: str) -> str:
    """Return a file with the lines of a reference layer.

    A whole file of one layer, and an OpenStreetMap extract, are taken as they are; of everything
    else a copy is written: one layer of several, layers with a filter, layers in memory.

    Parameters
    ----------
    layer
        Lines.
    copy
        Name of a copy, in a folder that is there.
    """
    path = _file(layer)
    if path is not None and not layer.subsetString() and not layer.isEditable():
        n_layers = len(QgsProviderRegistry.instance().querySublayers(path))
        if path.lower().endswith(_OSM) or n_layers == 1:
            return path
    _copy(layer, copy)
    return copy


def _file(layer: QgsVectorLayer) -> str | None:
    provider = layer.dataProvider().name()
    if provider != "ogr":
        return None
    path = QgsProviderRegistry.instance().decodeUri(provider, layer.source()).get("path")
    return path if path and Path(path).exists() else None


def _copy(layer: QgsVectorLayer, path: str) -> None:
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName, options.layerName = "GPKG", "reference"
    error, text, *_ = QgsVectorFileWriter.writeAsVectorFormatV3(
        layer, path, QgsCoordinateTransformContext(), options
    )
    if error != QgsVectorFileWriter.WriterError.NoError:
        msg = f"Layer {layer.name()} cannot be copied to a file: {text}"
        raise QgsProcessingException(msg)


def area_file(
    polygons: Iterable[QgsGeometry], crs: QgsCoordinateReferenceSystem, folder: str
) -> str:
    """Write an area of interest as GeoJSON.

    The same area gets the same name and is not written again, so that ``roadex`` recognises a run
    it did before.

    Parameters
    ----------
    polygons
        In ``crs``.
    folder
        Where the file goes; made if it is not there.

    Raises
    ------
    QgsProcessingException
        If there is no polygon, or no CRS.
    """
    if not crs.isValid():
        msg = "The area of interest has no CRS"
        raise QgsProcessingException(msg)
    polygons = [QgsGeometry(polygon) for polygon in polygons if not polygon.isEmpty()]
    if not polygons:
        msg = "The area of interest holds no polygon"
        raise QgsProcessingException(msg)
    authority, _, code = crs.authid().partition(":")
    if authority != "EPSG":
        authority, code = "EPSG", "4326"
        there = QgsCoordinateReferenceSystem("EPSG:4326")
        change = QgsCoordinateTransform(crs, there, QgsCoordinateTransformContext())
        for polygon in polygons:
            polygon.transform(change)
    text = json.dumps(
        {
            "type": "FeatureCollection",
            "crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{authority}::{code}"}},
            "features": [_feature(polygon) for polygon in polygons],
        }
    )
    path = Path(folder) / f"area-{hashlib.sha256(text.encode()).hexdigest()[:12]}.geojson"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(text, encoding="utf-8")
    return str(path)


def _feature(polygon: QgsGeometry) -> dict[str, Any]:
    return {"type": "Feature", "properties": {}, "geometry": json.loads(polygon.asJson())}


def require(layer: QgsMapLayer | None, what: str) -> QgsMapLayer:
    """Return a layer, or say that it cannot be read."""
    if layer is None:
        msg = f"The {what} cannot be read"
        raise QgsProcessingException(msg)
    return layer
