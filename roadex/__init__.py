"""roadex: road networks from satellite and aerial imagery.

    scene.tif ──► work grid ──► probability ──► skeleton ──► network ──► roads.gpkg
    (anything      (metric,       (D-LinkNet      (thinning,    (clean,      (QGIS opens it
     GDAL reads)    model GSD)     + TTA, COG)     traced)       attributed)  styled)

:func:`run` does all of it; :func:`predict` and :func:`vectorize` are its halves, :func:`plan` says
what it would do. :func:`merge` joins networks, :func:`score` compares them with the truth,
:func:`train` makes a model, :func:`load_model` opens one. Each name is imported when it is first
used: ``import roadex`` loads neither torch nor Dask, rasterio or geopandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from roadex.errors import (
    ConfigError,
    DatasetError,
    ExtensionError,
    IncompleteError,
    ModelError,
    NetworkError,
    OutputError,
    RoadexError,
    RunError,
    SceneError,
    ScoreError,
    TrainingError,
)

if TYPE_CHECKING:
    from roadex.config import RunConfig as RunConfig
    from roadex.config import TrainConfig as TrainConfig
    from roadex.imagery.scene import Scene as Scene
    from roadex.models.modelfile import Model as Model
    from roadex.models.modelfile import load_model as load_model
    from roadex.network.merge import merge as merge
    from roadex.network.road_network import RoadNetwork as RoadNetwork
    from roadex.pipeline.plan import RunPlan as RunPlan
    from roadex.pipeline.plan import plan as plan
    from roadex.pipeline.predict import predict as predict
    from roadex.pipeline.result import RunResult as RunResult
    from roadex.pipeline.run import run as run
    from roadex.pipeline.vectorize import vectorize as vectorize
    from roadex.scoring import ScoreReport as ScoreReport
    from roadex.scoring import score as score
    from roadex.training.job import train as train

    __version__: str

_PLACES = {
    "run": "pipeline.run",
    "predict": "pipeline.predict",
    "vectorize": "pipeline.vectorize",
    "merge": "network.merge",
    "score": "scoring",
    "train": "training.job",
    "plan": "pipeline.plan",
    "load_model": "models.modelfile",
    "Model": "models.modelfile",
    "RoadNetwork": "network.road_network",
    "RunConfig": "config",
    "RunPlan": "pipeline.plan",
    "RunResult": "pipeline.result",
    "Scene": "imagery.scene",
    "ScoreReport": "scoring",
    "TrainConfig": "config",
}
"""Public name to the module it lives in."""

VERSION_OF_CHECKOUT = "0+unknown"
"""Version where roadex is imported from a checkout and not installed."""

__all__ = [
    "ConfigError",
    "DatasetError",
    "ExtensionError",
    "IncompleteError",
    "Model",
    "ModelError",
    "NetworkError",
    "OutputError",
    "RoadNetwork",
    "RoadexError",
    "RunConfig",
    "RunError",
    "RunPlan",
    "RunResult",
    "Scene",
    "SceneError",
    "ScoreError",
    "ScoreReport",
    "TrainConfig",
    "TrainingError",
    "__version__",
    "load_model",
    "merge",
    "plan",
    "predict",
    "run",
    "score",
    "train",
    "vectorize",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name == "__version__":
        value: Any = _installed_version()
    elif name in _PLACES:
        value = getattr(import_module(f"roadex.{_PLACES[name]}"), name)
    else:
        msg = f"module 'roadex' has no attribute {name!r}"
        raise AttributeError(msg)
    globals()[name] = value
    return value


def _installed_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("roadex")
    except PackageNotFoundError:
        return VERSION_OF_CHECKOUT


def __dir__() -> list[str]:
    """Return all public names, also those that are not imported yet."""
    return sorted({*globals(), *__all__})
