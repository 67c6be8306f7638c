"""What a run gives back: its files, opened when they are asked for, and its figures."""

from __future__ import annotations

import shutil
import weakref
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import rasterio

from roadex.errors import OutputError

if TYPE_CHECKING:
    import geopandas as gpd

    from roadex.network.road_network import RoadNetwork


class TemporaryFolder:
    """A folder that is removed with this object, without a word; at the latest with the program."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="roadex-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class ResultPaths:
    """Where the results of a run are."""

    folder: Path

    @property
    def network(self) -> Path:
        """The road network, a styled GeoPackage."""
        return self.folder / "roads.gpkg"

    @property
    def probability(self) -> Path:
        """The probability raster, a Cloud Optimized GeoTIFF."""
        return self.folder / "probability.tif"

    @property
    def preview(self) -> Path:
        """The picture."""
        return self.folder / "preview.png"

    @property
    def report(self) -> Path:
        """The report, JSON."""
        return self.folder / "report.json"

    @property
    def page(self) -> Path:
        """The report as a page, HTML."""
        return self.folder / "report.html"

    @property
    def all(self) -> tuple[Path, ...]:
        """All of them."""
        return self.network, self.probability, self.preview, self.report, self.page


@dataclass(frozen=True, kw_only=True, eq=False)
class RunResult:
    """Results of one run. Tables and raster are read when they are first asked for."""

    paths: ResultPaths
    """The files. Without an output folder they are temporary and go away with this object."""

    summary: dict[str, Any]
    """``road_km, edges, nodes, components, routable_share`` (of the length, in the largest
    component), ``confidence`` (mean by length), ``issues`` (number of each kind), ``surface``
    (``paved_km, unpaved_km, unknown_km``, and the ``reason`` where the imagery tells none),
    ``megapixels, megapixels_per_second, seconds`` (per stage), ``peak_memory_bytes, failed_tiles,
    warnings``."""

    is_done_before: bool = False
    """Whether the folder held these results already, so that nothing was done."""

    _temporary: TemporaryFolder | None = field(default=None, repr=False)
    """Keeps the folder of a run without an output folder alive."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything doubtful about the scene and the run, a sentence each."""
        return tuple(self.summary["warnings"])

    @cached_property
    def network(self) -> RoadNetwork:
        """The road network, read from its file."""
        from roadex.network.road_network import RoadNetwork

        return RoadNetwork.read(self.paths.network)

    @property
    def edges(self) -> gpd.GeoDataFrame:
        """Roads, one line per row, see :class:`roadex.RoadNetwork`."""
        return self.network.edges

    @property
    def nodes(self) -> gpd.GeoDataFrame:
        """Junctions and ends, one point per row, see :class:`roadex.RoadNetwork`."""
        return self.network.nodes

    @cached_property
    def probability(self) -> rasterio.DatasetReader:
        """The probability raster, open: uint8, probability times 254, 255 is nodata."""
        return open_raster(self.paths.probability)


def open_raster(path: Path) -> rasterio.DatasetReader:
    """Open a raster roadex has written.

    Raises
    ------
    OutputError
        If it is not there any more.
    """
    try:
        return rasterio.open(path)
    except rasterio.errors.RasterioError as error:
        msg = f"the result {path} cannot be opened: {error}"
        raise OutputError(msg) from error
