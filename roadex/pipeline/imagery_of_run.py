"""Whether a scene is the one a run was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pyproj import CRS
from shapely.geometry import shape

from roadex.errors import SceneError
from roadex.imagery.longitudes import outline_in_degrees
from roadex.imagery.scene import Scene

_SAME_DEG: Final = 1e-6
"""Corners closer than this to those of the run's imagery are the same; a decimetre."""


def footprint(scene: Scene) -> dict[str, Any]:
    """Return the outline of a scene as GeoJSON in degrees."""
    return outline_in_degrees(CRS.from_wkt(scene.crs.to_wkt()), scene.transform, scene.shape)


def require_imagery_of_run(report: Mapping[str, Any], scene: Scene, *, is_named: bool) -> None:
    """Refuse a scene that is not the imagery of a run.

    Parameters
    ----------
    report
        ``report.json`` of the run.
    scene
        As it was opened now.
    is_named
        Whether a person named its files. Files that were moved or copied have other names and
        times, so size and place have to do; where the run found them, they must be the same files.

    Raises
    ------
    SceneError
        If it is not.
    """
    if not is_named and scene.identity != report["scene_identity"]:
        msg = f"{scene.paths[0]} was changed since the run"
        raise SceneError(msg)
    here, there = shape(footprint(scene)), shape(report["footprint"])
    if list(scene.shape) != report["scene"]["shape"] or not here.equals_exact(there, _SAME_DEG):
        msg = f"{scene.paths[0]} is not the imagery of this run: it has another size or place"
        raise SceneError(msg)
