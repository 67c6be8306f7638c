"""A finished run to look at: its grid, its imagery where that is still there, and tiles of both.

Tiles are cut from the work grid, so a pixel of the map at full resolution is a pixel the network
saw, read by the same reader and stretched alike. A tile of level ``n`` has :data:`TILE_PX` pixels
of ``2 ** n`` grid pixels each.
"""

from __future__ import annotations

import io
import math
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling
from rasterio.windows import Window

from roadex.config import NODATA, PROBABILITY_MAX, RunConfig
from roadex.errors import OutputError, RoadexError, SceneError
from roadex.imagery.locations import READING
from roadex.imagery.reader import GridReader, open_grid, read_overview
from roadex.imagery.scene import Scene, open_scene
from roadex.imagery.turning import NO_TURN, turn_of
from roadex.imagery.work_grid import WorkGrid
from roadex.models.modelfile import read_metadata
from roadex.outputs.drawing import Pixels, displayable
from roadex.pipeline.imagery_of_run import require_imagery_of_run
from roadex.pipeline.report import RunFolder
from roadex.pipeline.result import open_raster

TILE_PX: Final = 256

_OVERVIEW_PX: Final = 4096
"""Longest side of the reduced scene that coarse tiles are cut from; 50 MB."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ViewedRun:
    """What is known of a run that is looked at."""

    results: RunFolder
    report: dict[str, Any]
    grid: WorkGrid
    scene: Scene | None
    """None where the imagery cannot be read any more."""

    note: str
    """Why there is no imagery; empty where there is."""

    @classmethod
    def open(cls, folder: str | Path, *, scene: list[str] | None = None) -> Self:
        """Open the output of ``roadex run``.

        Parameters
        ----------
        folder
            The output.
        scene
            The imagery; None is where it was at the time of the run.

        Raises
        ------
        OutputError
            If there is no finished run in ``folder``.
        SceneError
            If the imagery was named and cannot be read, or is not that of the run.
        """
        results = RunFolder(Path(folder))
        report = results.finished_report()
        try:
            found = _open_scene(report, scene)
        except SceneError as error:
            if scene:
                raise
            grid = _grid(results.probability, report, None)
            note = f"{error}. The map shows the preview; `roadex view --scene` names the imagery"
            return cls(results, report, grid, None, note)
        return cls(results, report, _grid(results.probability, report, found), found, "")

    @property
    def n_levels(self) -> int:
        """Levels of tiles, the last of which shows the whole grid in one tile."""
        return max(1, int(np.ceil(np.log2(max(self.grid.shape) / TILE_PX))) + 1)


def _open_scene(report: dict[str, Any], given: list[str] | None) -> Scene:
    """Open the imagery as the run did."""
    predict = RunConfig.from_dict({"predict": report["config"]["predict"] | {"aoi": None}}).predict
    bands = report["scene"]["bands"]
    try:
        stretch = read_metadata(report["model"]["name"]).stretch
    except RoadexError:  # a file of its own: colours may be stretched a little differently
        stretch = ()
    with rasterio.Env(**READING):
        scene = open_scene(
            given or report["scene_paths"],
            wanted=[f"band {band}" for band in bands],
            bands=bands,
            nodata=predict.nodata_values,
            stretch=stretch,
            trusted_only=predict.trusted_inputs_only,
        )
    require_imagery_of_run(report, scene, is_named=bool(given))
    return scene


def _grid(probability: Path, report: dict[str, Any], scene: Scene | None) -> WorkGrid:
    """Return the grid of the run; its probability lies on it."""
    with open_raster(probability) as raster:
        shape, crs, transform = raster.shape, raster.crs, raster.transform
    is_native = bool(report["work_grid"]["is_native"])
    turn = turn_of(scene.transform, scene.shape) if scene and is_native else None
    return WorkGrid(
        shape=shape,
        crs=crs,
        transform=transform,
        gsd_m=report["work_grid"]["gsd_m"],
        is_native=is_native,
        turn=turn or NO_TURN,
    )


class Tiles:
    """Tiles of a run as PNG. One thread at a time reads a raster; others wait."""

    def __init__(self, run: ViewedRun) -> None:
        self._run = run
        self._imagery_lock, self._probability_lock = Lock(), Lock()
        self._open = ExitStack()
        self._reader: GridReader | None = None
        if run.scene is not None:
            self._reader = self._open.enter_context(open_grid(run.scene, run.grid))
        self._probability = self._open.enter_context(open_raster(run.results.probability))
        self._overview: Image.Image | None = None
        self._paints = _paints()

    def close(self) -> None:
        """Close the rasters."""
        with self._imagery_lock, self._probability_lock:
            self._open.close()

    def imagery(self, level: int, row: int, col: int) -> bytes | None:
        """Return imagery, see-through where there is none; None outside of the grid.

        Raises
        ------
        SceneError
            If the imagery cannot be read.
        """
        place = _Place.of(self._run.grid.shape, level, row, col)
        if place is None or self._reader is None:
            return None
        with self._imagery_lock, rasterio.Env(**READING):
            return _png(place.sheet(self._imagery(place)))

    def probability(self, level: int, row: int, col: int) -> bytes | None:
        """Return probability in colours, see-through where it is low; None outside of the grid.

        Raises
        ------
        OutputError
            If the raster cannot be read.
        """
        place = _Place.of(self._run.grid.shape, level, row, col)
        if place is None:
            return None
        try:
            with self._probability_lock, rasterio.Env(**READING):
                stored = self._probability.read(
                    1, window=place.window, out_shape=place.shape, resampling=Resampling.average
                )
        except rasterio.errors.RasterioError as error:
            msg = f"{self._run.results.probability} cannot be read: {error}"
            raise OutputError(msg) from error
        return _png(place.sheet(self._paints[stored]))

    def _imagery(self, place: _Place) -> Pixels:
        if place.level and self._is_coarse(place.level):
            return self._reduced(place)
        assert self._reader is not None
        picture = _rgba(*self._reader.read(place.window))
        if place.level == 0:
            return picture
        small = Image.fromarray(picture).resize(place.shape[::-1], Image.Resampling.BOX)
        return np.asarray(small)

    def _reduced(self, place: _Place) -> Pixels:
        """Cut a tile from the reduced scene."""
        overview = self._whole()
        (top, bottom), (left, right) = (
            (start * reduced / whole, end * reduced / whole)
            for (start, end), reduced, whole in zip(
                (place.rows, place.cols), overview.size[::-1], self._run.grid.shape, strict=True
            )
        )
        x, y = int(left), int(top)
        part = overview.crop((x, y, math.ceil(right), math.ceil(bottom)))
        box = left - x, top - y, right - x, bottom - y
        return np.asarray(part.resize(place.shape[::-1], Image.Resampling.BOX, box=box))

    def _is_coarse(self, level: int) -> bool:
        return max(self._run.grid.shape) <= _OVERVIEW_PX << level

    def _whole(self) -> Image.Image:
        """Return the scene reduced, read when it is first needed."""
        if self._overview is None:
            assert self._run.scene is not None
            seen = read_overview(self._run.scene, self._run.grid, max_size=_OVERVIEW_PX)
            self._overview = Image.fromarray(_rgba(*seen))
        return self._overview


@dataclass(frozen=True, slots=True)
class _Place:
    """The part of the grid that a tile shows; at the edges it is less than a whole tile."""

    level: int
    rows: Span
    cols: Span

    @classmethod
    def of(cls, shape: tuple[int, int], level: int, row: int, col: int) -> _Place | None:
        side = TILE_PX * 2**level
        rows = row * side, min((row + 1) * side, shape[0])
        cols = col * side, min((col + 1) * side, shape[1])
        is_inside = rows[0] < rows[1] and cols[0] < cols[1] and min(level, row, col) >= 0
        return cls(level, rows, cols) if is_inside else None

    @property
    def window(self) -> Window:
        return Window(
            self.cols[0], self.rows[0], self.cols[1] - self.cols[0], self.rows[1] - self.rows[0]
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels of the tile that show the grid."""
        height, width = (
            max(1, round((end - start) / 2**self.level)) for start, end in (self.rows, self.cols)
        )
        return height, width

    def sheet(self, picture: Pixels) -> Pixels:
        """Return a whole tile; what is beyond the grid is see-through."""
        tile = np.zeros((TILE_PX, TILE_PX, 4), dtype=np.uint8)
        tile[: picture.shape[0], : picture.shape[1]] = picture
        return tile


def _rgba(image: NDArray[np.float32], valid: NDArray[np.bool_]) -> Pixels:
    alpha = np.where(valid, 255, 0).astype(np.uint8)[..., None]
    return np.concatenate([displayable(image), alpha], axis=2)


def _paints() -> Pixels:
    """Return the colour of each stored probability: cividis, the more see-through the lower."""
    from matplotlib import colormaps

    shares = np.minimum(np.arange(256) / PROBABILITY_MAX, 1)
    paints: Pixels = np.round(colormaps["cividis"](shares) * 255).astype(np.uint8)
    paints[:, 3] = np.round(255 * np.minimum(2 * shares, 1))
    paints[NODATA] = 0
    return paints


def _png(picture: Pixels) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format="PNG", compress_level=1)
    return content.getvalue()
