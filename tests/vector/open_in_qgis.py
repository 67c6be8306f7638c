"""Open a GeoPackage in headless QGIS, draw it, and print what QGIS makes of it as JSON.

No style is set here: whatever is drawn came from the file. Runs with the Python that belongs to
QGIS, for example Debian's (``apt-get install python3-qgis``):

    /usr/bin/python3 open_in_qgis.py roads.gpkg roads.png [XMIN YMIN XMAX YMAX]
"""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsProviderRegistry,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

SIDE = 1000


def describe(layer):
    """Return what QGIS knows of a layer after opening it."""
    symbols = layer.renderer().legendSymbolItems()
    return {
        "valid": layer.isValid(),
        "features": layer.featureCount(),
        "crs": layer.crs().authid(),
        "has_spatial_index": int(layer.hasSpatialIndex()) == 2,
        "aliases": {field.name(): field.alias() for field in layer.fields()},
        "renderer": layer.renderer().type(),
        "legend": [item.label() for item in symbols],
        "default_style": bool(layer.loadDefaultStyle()[1]),
        "sorted_by": layer.attributeTableConfig().sortExpression(),
        "choices": choices(layer, "review") or choices(layer, "state"),
    }


def choices(layer, name):
    """Return what the form of a layer offers for a field; nothing where it offers no list."""
    index = layer.fields().indexOf(name)
    if index < 0:
        return []
    config = layer.editorWidgetSetup(index).config()
    return [text for entry in config.get("map", []) for text in entry]


def draw(layers, png, extent):
    """Draw the layers, points on top, on white."""
    settings = QgsMapSettings()
    settings.setLayers(sorted(layers, key=lambda layer: layer.geometryType()))
    settings.setBackgroundColor(QColor(255, 255, 255))
    settings.setOutputSize(QSize(SIDE, SIDE))
    settings.setDestinationCrs(layers[0].crs())
    settings.setExtent(extent)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(png)
    return [error.message for error in job.errors()]


def main():
    """Report on one file."""
    gpkg, png = sys.argv[1:3]
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], False)
    application.initQgis()
    provider = QgsProviderRegistry.instance().providerMetadata("ogr")
    names = [layer.name() for layer in provider.querySublayers(gpkg)]
    layers = [QgsVectorLayer(f"{gpkg}|layername={name}", name, "ogr") for name in names]
    report = {
        "qgis": Qgis.QGIS_VERSION,
        "layers": {n: describe(x) for n, x in zip(names, layers, strict=True)},
    }
    QgsProject.instance().addMapLayers(layers)
    extent = QgsRectangle()
    for layer in layers:
        extent.combineExtentWith(layer.extent())
    extent.scale(1.05)
    if len(sys.argv) > 3:
        extent = QgsRectangle(*map(float, sys.argv[3:7]))
    report["errors"] = draw(layers, png, extent)
    print(json.dumps(report))
    sys.stdout.flush()
    os._exit(0)  # Qt's offscreen teardown crashes


main()
