"""roadex: road networks from satellite and aerial imagery.

    scene.tif ──► work grid ──► probability ──► skeleton ──► network ──► roads.gpkg
    (anything      (metric,       (D-LinkNet      (thinning,    (clean,      (QGIS opens it
     GDAL reads)    model GSD)     + TTA, COG)     traced)       attributed)  styled)

Public names: :func:`run` does all of it.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roadex.pipeline.run import run as run

__version__ = version("roadex")
__all__ = ["__version__", "run"]

_LAZY = {"run": "roadex.pipeline.run"}


def __getattr__(name: str) -> Any:
    """Import public functions when they are first used: ``import roadex`` stays instant."""
    if name not in _LAZY:
        msg = f"module 'roadex' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_LAZY[name]), name)
