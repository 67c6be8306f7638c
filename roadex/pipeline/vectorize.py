"""The vector half on Dask: any road raster in, a network file out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from roadex.config import RunConfig, VectorConfig
from roadex.extensions import Family, extension_records
from roadex.imagery.locations import gdal_location, public_name
from roadex.inference.allocator import release_free_memory
from roadex.network.cleaning.added import added_steps
from roadex.network.road_network import RoadNetwork
from roadex.network.vectorize import vectorize as vectorize_source
from roadex.outputs import write_network, writer_for
from roadex.outputs.own_files import check_replaceable
from roadex.pipeline.arrays import AnyCRS, located, refuse_place
from roadex.pipeline.crew import TRACE_MPX_S, Load, open_crew
from roadex.pipeline.joining import (
    open_rasters,
    scene_names,
    with_model_thresholds,
    with_scenes,
)
from roadex.pipeline.tasks import mapper
from roadex.probability.encoding import stored_probability
from roadex.probability.joined import JoinedSource
from roadex.probability.source import ArraySource, ProbabilitySource, RasterSource
from roadex.progress import Display, Stopwatch, default_display

Raster: TypeAlias = str | Path | rasterio.DatasetReader

TILE_SIZE = 2048
"""Side of the tiles in pixels; it never changes the network."""


def vectorize(
    probability: Raster | Sequence[Raster] | NDArray[Any],
    *,
    transform: Affine | None = None,
    crs: AnyCRS | None = None,
    config: RunConfig | None = None,
    progress: Display | None = None,
) -> RoadNetwork:
    """Turn road probability or a mask into a road network.

    Parameters
    ----------
    probability
        Path or URL of a raster, of roadex or of another tool; one that is open; several of these,
        which become one network, see :mod:`roadex.probability.joined`; or an array
        ``(rows, columns)``: float in [0, 1], NaN is nodata; uint8, probability times 254, 255 is
        nodata; or bool, a mask.
    transform, crs
        Where an array is; a raster says it itself.
    config
        Settings; None is the defaults. The thresholds of the model that made a raster go over the
        defaults.
    progress
        Shows the progress; None is a display in a notebook, else nothing.

    Raises
    ------
    SceneError, ConfigError
        If the raster cannot be read, or its values are no probability.
    TypeError, ValueError
        If an array is no probability.

    Examples
    --------
    >>> network = roadex.vectorize("probability.tif")
    >>> network.edges["length_m"].sum() > 0
    np.True_
    >>> mask = np.zeros((256, 256), dtype=bool)
    >>> mask[100:108] = True
    >>> place = {"transform": rasterio.Affine(1, 0, 500000, 0, -1, 5400000), "crs": 32633}
    >>> len(roadex.vectorize(mask, **place).edges)
    1
    """
    config = config or RunConfig()
    watch = Stopwatch(progress or default_display(), release_free_memory)
    if isinstance(probability, np.ndarray):
        place = located(transform, crs)
        source = ArraySource(stored_probability(probability), *place)
        return _vectorized(source, config, TILE_SIZE, watch)[0]
    refuse_place(transform, crs)
    rasters = list(probability) if isinstance(probability, list | tuple) else [probability]
    locations = [_location(raster) for raster in rasters]
    names = scene_names(locations)
    return _vectorized(open_rasters(locations, names), config, TILE_SIZE, watch, names)[0]


def _location(probability: object) -> str:
    if isinstance(probability, rasterio.DatasetReader):
        return str(probability.name)
    if isinstance(probability, str | Path):
        return gdal_location(str(probability))
    msg = f"vectorize takes a path, an open raster or an array, got {type(probability).__name__}"
    raise TypeError(msg)


def _vectorized(
    source: RasterSource | JoinedSource | ArraySource,
    config: RunConfig,
    tile_size: int,
    watch: Stopwatch,
    names: Sequence[str] = (),
) -> tuple[RoadNetwork, VectorConfig]:
    """Return the network of a source, and the settings with its thresholds."""
    added_steps(config.vector)  # before minutes of tracing
    settings = with_model_thresholds(config.vector, source)
    with watch.stage("vectorize"), open_crew(config.cluster, trace_load(source, tile_size)) as crew:
        network = vectorize_source(
            source,
            config=settings,
            tile_size=tile_size,
            map_tiles=mapper(crew, config.cluster),
        )
    if isinstance(source, JoinedSource):
        network = with_scenes(network, source, names)
    return network, settings


def vectorize_rasters(
    rasters: Sequence[str | Path],
    path: Path,
    *,
    config: RunConfig | None = None,
    reading: str = "auto",
    class_value: int | None = None,
    band: int = 1,
    tile_size: int = TILE_SIZE,
    overwrite: bool = False,
    progress: Display | None = None,
) -> tuple[RoadNetwork, str]:
    """Turn road probability rasters or masks into a network file; several become one network.

    Parameters
    ----------
    rasters
        Of roadex or of another tool, see :meth:`roadex.probability.source.RasterSource.open` for
        ``reading``,
        ``class_value`` and ``band``.
    path
        Network to write; its suffix is the format.
    config, overwrite, progress
        As in :func:`roadex.run`.
    tile_size
        Side of the tiles in pixels; it never changes the result.

    Returns
    -------
    network, explanation
        The network, and how the values of the rasters were read.

    Raises
    ------
    SceneError, ConfigError, OutputError
        If it cannot work; nothing is written then.
    """
    locations, names = [_location(raster) for raster in rasters], scene_names(rasters)
    config = config or RunConfig()
    watch = Stopwatch(progress or default_display(), release_free_memory)
    writer_for(path)
    check_replaceable(path, overwrite=overwrite, inputs=locations)
    source = open_rasters(locations, names, reading=reading, class_value=class_value, band=band)
    network, settings = _vectorized(source, config, tile_size, watch, names)
    made_by: dict[str, Any] = {
        **_named(rasters, names),
        "reading": _explanation(source),
        "config": {"vector": settings.to_dict()},
    }
    if settings.add:
        made_by["extensions"] = extension_records(Family.CLEANING_STEPS, settings.add)
    with watch.stage("write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_network(network, path, provenance=made_by, overwrite=True, config=config.output)
    return network, _explanation(source)


def _named(rasters: Sequence[str | Path], names: Sequence[str]) -> dict[str, Any]:
    if len(rasters) == 1:
        return {"raster": Path(public_name(str(rasters[0]))).name}
    return {"joined_from": list(names)}


def _explanation(source: RasterSource | JoinedSource) -> str:
    """Say how values were read, each way once."""
    sources = source.sources if isinstance(source, JoinedSource) else (source,)
    return "; ".join(dict.fromkeys(s.explanation for s in sources))


def trace_load(source: ProbabilitySource, tile_size: int) -> Load:
    """Return what tracing a raster takes."""
    height, width = source.shape
    megapixels = height * width / 1e6
    if isinstance(source, JoinedSource):
        megapixels = source.megapixels
    n_tiles = -(-height // tile_size) * -(-width // tile_size)
    return Load(n_tasks=n_tiles, core_seconds=megapixels / TRACE_MPX_S)
