"""The vector half on Dask: any road raster in, a network file out."""

from __future__ import annotations

from pathlib import Path

import rasterio

from roadex.config import RunConfig
from roadex.errors import OutputError
from roadex.imagery.locations import READING, gdal_location, public_name
from roadex.inference.allocator import release_free_memory
from roadex.network.road_network import RoadNetwork
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network, writer_for
from roadex.pipeline.cluster import connect
from roadex.pipeline.tasks import mapper
from roadex.probability.source import RasterSource
from roadex.progress import Display, Silent, Stopwatch

TILE_SIZE = 2048
"""Side of the tiles in pixels; it never changes the network."""


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
    display: Display | None = None,
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
    config, overwrite, display
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
    watch = Stopwatch(display or Silent(), release_free_memory)
    writer_for(path)
    if path.exists() and not overwrite:
        msg = f"{path} exists; choose another -o or add --overwrite"
        raise OutputError(msg)
    with rasterio.Env(**READING):
        source = RasterSource.open(
            gdal_location(str(raster)), reading=reading, class_value=class_value, band=band
        )
    settings = config.vector
    if source.thresholds is not None:
        settings = settings.with_thresholds(*source.thresholds)
    with watch.stage("vectorize"), connect(config.cluster) as client:
        network = vectorize(
            source,
            config=settings,
            tile_size=tile_size,
            map_tiles=mapper(client, config.cluster),
        )
    made_by = {
        "raster": Path(public_name(str(raster))).name,
        "reading": source.explanation,
        "config": {"vector": settings.to_dict()},
    }
    with watch.stage("write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_network(network, path, provenance=made_by, overwrite=True, config=config.output)
    return network, source
