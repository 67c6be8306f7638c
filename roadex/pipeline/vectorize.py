"""The vector half on Dask: any road raster in, a network file out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from roadex.config import RunConfig, VectorConfig
from roadex.extensions import Family, extension_records
from roadex.imagery.locations import READING, gdal_location, public_name
from roadex.inference.allocator import release_free_memory
from roadex.network.cleaning.added import added_steps
from roadex.network.road_network import RoadNetwork
from roadex.network.vectorize import vectorize as vectorize_source
from roadex.outputs import write_network, writer_for
from roadex.outputs.own_files import check_replaceable
from roadex.pipeline.arrays import AnyCRS, located, refuse_place
from roadex.pipeline.crew import TRACE_MPX_S, Load, open_crew
from roadex.pipeline.tasks import mapper
from roadex.probability.encoding import stored_probability
from roadex.probability.source import ArraySource, ProbabilitySource, RasterSource
from roadex.progress import Display, Stopwatch, default_display

TILE_SIZE = 2048
"""Side of the tiles in pixels; it never changes the network."""


def vectorize(
    probability: str | Path | rasterio.DatasetReader | NDArray[Any],
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
        Path or URL of a raster, of roadex or of another tool; one that is open; or an array
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
    raster = _open(_location(probability))
    return _vectorized(raster, config, TILE_SIZE, watch)[0]


def _location(probability: object) -> str:
    if isinstance(probability, rasterio.DatasetReader):
        return str(probability.name)
    if isinstance(probability, str | Path):
        return gdal_location(str(probability))
    msg = f"vectorize takes a path, an open raster or an array, got {type(probability).__name__}"
    raise TypeError(msg)


def _open(location: str, **options: Any) -> RasterSource:
    with rasterio.Env(**READING):
        return RasterSource.open(location, **options)


def _vectorized(
    source: RasterSource | ArraySource, config: RunConfig, tile_size: int, watch: Stopwatch
) -> tuple[RoadNetwork, VectorConfig]:
    """Return the network of a source, and the settings with its thresholds."""
    settings = config.vector
    added_steps(settings)  # before minutes of tracing
    if isinstance(source, RasterSource) and source.thresholds is not None:
        settings = settings.with_thresholds(*source.thresholds)
    with watch.stage("vectorize"), open_crew(config.cluster, trace_load(source, tile_size)) as crew:
        network = vectorize_source(
            source,
            config=settings,
            tile_size=tile_size,
            map_tiles=mapper(crew, config.cluster),
        )
    return network, settings


def vectorize_raster(
    raster: str | Path,
    path: Path,
    *,
    config: RunConfig | None = None,
    reading: str = "auto",
    class_value: int | None = None,
    band: int = 1,
    tile_size: int = TILE_SIZE,
    overwrite: bool = False,
    progress: Display | None = None,
) -> tuple[RoadNetwork, RasterSource]:
    """Turn a road probability raster or mask into a network file.

    Parameters
    ----------
    raster
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
    network, source
        The network, and how the raster's values were read.

    Raises
    ------
    SceneError, ConfigError, OutputError
        If it cannot work; nothing is written then.
    """
    config = config or RunConfig()
    watch = Stopwatch(progress or default_display(), release_free_memory)
    writer_for(path)
    check_replaceable(path, overwrite=overwrite, inputs=[_location(raster)])
    source = _open(_location(raster), reading=reading, class_value=class_value, band=band)
    network, settings = _vectorized(source, config, tile_size, watch)
    made_by: dict[str, Any] = {
        "raster": Path(public_name(str(raster))).name,
        "reading": source.explanation,
        "config": {"vector": settings.to_dict()},
    }
    if settings.add:
        made_by["extensions"] = extension_records(Family.CLEANING_STEPS, settings.add)
    with watch.stage("write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_network(network, path, provenance=made_by, overwrite=True, config=config.output)
    return network, source


def trace_load(source: ProbabilitySource, tile_size: int) -> Load:
    """Return what tracing a raster takes."""
    height, width = source.shape
    n_tiles = -(-height // tile_size) * -(-width // tile_size)
    return Load(n_tasks=n_tiles, core_seconds=height * width / 1e6 / TRACE_MPX_S)
