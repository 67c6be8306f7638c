"""Try the plugin in the Python that belongs to QGIS, in the profile of QGIS_CUSTOM_CONFIG_PATH.

    /usr/bin/python3 plugin_in_qgis.py install roadex_provider-0.1.0.zip
    /usr/bin/python3 plugin_in_qgis.py load ALGORITHM PARAMETERS_AS_JSON
    /usr/bin/python3 plugin_in_qgis.py cancel ALGORITHM PARAMETERS_AS_JSON TEXT
    /usr/bin/python3 plugin_in_qgis.py edit LAYER LINE_AS_WKT OUTPUT

``install`` unpacks as the plugin manager does and says what it thinks of the plugin. ``load`` runs
an algorithm and says what is in the project then. ``cancel`` cancels it when the log says TEXT.
``edit`` draws a line into a layer that stays open and rebuilds the network before and after the
edits are saved. The answer is one line of JSON.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorLayer,
)

QgsApplication.setPrefixPath("/usr", True)
PROFILE = Path(os.environ["QGIS_CUSTOM_CONFIG_PATH"]) / "profiles" / "default"
PLUGINS = PROFILE / "python" / "plugins"
OF_QGIS = "/usr/share/qgis/python"
sys.path += [OF_QGIS, f"{OF_QGIS}/plugins", str(PLUGINS)]


class Log(QgsProcessingFeedback):
    """Keeps what it is told and cancels at a text."""

    def __init__(self, until=None):
        super().__init__(False)
        self.until, self.lines, self.errors, self.percents = until, [], [], []
        self.progressChanged.connect(self.percents.append)

    def pushInfo(self, text):  # noqa: N802 - as QGIS calls it
        """Keep a line."""
        self.lines.append(text)
        if self.until is not None and self.until in text:
            self.cancel()

    def pushConsoleInfo(self, text):  # noqa: N802 - as QGIS calls it
        """Keep a line."""
        self.pushInfo(text)

    def reportError(self, text, _fatal=False):  # noqa: N802 - as QGIS calls it
        """Keep an error."""
        self.errors.append(text)


def start_qgis():
    """Start QGIS with the plugin, as it is when its profile has the plugin enabled."""
    application = QgsApplication([], True, str(PROFILE))
    application.initQgis()
    from processing.core.Processing import Processing

    Processing.initialize()
    from roadex_provider import classFactory

    plugin = classFactory(None)
    plugin.initProcessing()
    return application, plugin


def install(archive):
    """Unpack the archive; return what the plugin manager knows of it."""
    application = QgsApplication([], True, str(PROFILE))
    application.initQgis()
    from pyplugin_installer import installer_data
    from pyplugin_installer.unzip import unzip

    unzip(archive, str(PLUGINS))
    found = installer_data.plugins.getInstalledPlugin(
        "roadex_provider", str(PLUGINS / "roadex_provider"), True
    )
    kept = ("name", "error", "error_details", "version_installed", "icon", "license")
    return {key: found.get(key) for key in kept}, application


def colour_of(renderer):
    """Return the colour of a renderer that has one."""
    return renderer.symbol().color().name() if renderer.type() == "singleSymbol" else None


def load(algorithm, parameters):
    """Run an algorithm and return the layers of the project."""
    started = start_qgis()
    import processing

    log = Log()
    results = processing.runAndLoadResults(algorithm, parameters, feedback=log)
    layers = {
        layer.name(): {
            "renderer": layer.renderer().type(),
            "colour": colour_of(layer.renderer()),
            "features": layer.featureCount(),
            "source": layer.source(),
        }
        for layer in QgsProject.instance().mapLayers().values()
    }
    answer = {"results": results, "layers": layers, "percents": log.percents, "log": log.lines}
    return answer, started


def cancel(algorithm, parameters, text):
    """Run an algorithm, cancel it at a text of its log, and return what it returned."""
    started = start_qgis()
    log = Log(until=text)
    found = QgsApplication.processingRegistry().createAlgorithmById(algorithm)
    results, is_good = found.run(parameters, QgsProcessingContext(), log)
    answer = {"results": results, "ok": is_good, "log": log.lines, "errors": log.errors}
    return answer, started


def edit(source, wkt, output):
    """Draw a line and rebuild; return the errors before the line is saved, and what came after."""
    started = start_qgis()
    layer = QgsVectorLayer(source, "roads", "ogr")
    QgsProject.instance().addMapLayer(layer)
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    found = QgsApplication.processingRegistry().createAlgorithmById("roadex:rebuild")
    parameters = {"INPUT": layer.id(), "OUTPUT": output}
    layer.startEditing()
    drawn = QgsFeature(layer.fields())
    drawn.setGeometry(QgsGeometry.fromWkt(wkt))
    layer.addFeature(drawn)
    unsaved, saved = Log(), Log()
    found.run(parameters, context, unsaved)
    layer.commitChanges(False)  # the layer stays in edit mode, as in QGIS
    results, is_good = found.run(parameters, context, saved)
    answer = {"unsaved": unsaved.errors, "results": results, "ok": is_good, "errors": saved.errors}
    return answer, started


def main():
    """Do what the command line says."""
    verb, *words = sys.argv[1:]
    if verb in ("load", "cancel"):
        words[1] = json.loads(words[1])
    verbs = {"install": install, "load": load, "cancel": cancel, "edit": edit}
    answer, _alive = verbs[verb](*words)
    print(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)  # Qt's offscreen teardown crashes


main()
