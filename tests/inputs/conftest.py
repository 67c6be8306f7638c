"""Scenes of every kind, made from one generated scene and judged against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from roadex.imagery.reader import open_grid
from roadex.imagery.scene import Scene, open_scene
from roadex.imagery.work_grid import WorkGrid, plan_grid

SIDE = 80
PLACE = Affine(1, 0, 500_000, 0, -1, 5_400_000)
RANGE = {"gsd_m": 1.0, "gsd_range_m": (0.7, 1.4)}


@dataclass(frozen=True)
class Read:
    """A scene that was opened and read whole."""

    scene: Scene
    grid: WorkGrid
    image: NDArray[np.float32]
    valid: NDArray[np.bool_]

    @property
    def said(self) -> str:
        """All warnings in one text."""
        return " | ".join(self.scene.warnings)


@pytest.fixture
def read_scene() -> Callable[..., Read]:
    """Return a function that opens and reads a scene, or several as a mosaic."""
    return _read_scene


def _read_scene(path: object, **options: object) -> Read:
    scene = open_scene(path if isinstance(path, list) else [path], **options)
    grid = plan_grid(scene, **RANGE)
    with open_grid(scene, grid) as reader:
        image, valid = reader.read(Window(0, 0, grid.shape[1], grid.shape[0]))
    return Read(scene, grid, image, valid)


@pytest.fixture(scope="session")
def pixels() -> NDArray[np.uint8]:
    """Return a smooth scene with a grey road, ``(3, 80, 80)``, values of 12 to 240."""
    rng = np.random.default_rng(7)
    coarse = rng.uniform(40, 200, (3, 12, 12))
    fine = np.kron(coarse, np.ones((1, 7, 7)))[:, :SIDE, :SIDE]
    image = fine + rng.normal(0, 12, (3, SIDE, SIDE))
    image[:, 38:46] = 170
    return np.clip(image, 12, 240).astype(np.uint8)


@pytest.fixture(scope="session")
def inside() -> NDArray[np.bool_]:
    """Return True but for a collar on the left and at the top."""
    inner = np.ones((SIDE, SIDE), dtype=bool)
    inner[:, :24] = inner[:24] = False
    return inner


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes pixels as a raster; RGB where three bands are not said."""

    def write(
        pixels: NDArray[np.generic],
        *,
        colours: str | None = None,
        names: tuple[str, ...] = (),
        mask: NDArray[np.bool_] | None = None,
        name: str = "scene.tif",
        **profile: object,
    ) -> Path:
        bands = pixels if pixels.ndim == 3 else pixels[None]
        given = {"driver": "GTiff", "crs": "EPSG:32633", "transform": PLACE} | profile
        if given["driver"] == "GTiff" and len(bands) >= 3 and not names:
            given.setdefault("photometric", "rgb")
        given = {key: value for key, value in given.items() if value is not None}
        path = tmp_path / name
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(
                path, "w", count=len(bands), height=bands.shape[1], width=bands.shape[2],
                dtype=bands.dtype, **given,
            ) as raster,
        ):  # fmt: skip
            if colours:
                raster.colorinterp = [ColorInterp[colour] for colour in colours.split()]
            raster.write(bands)
            if names:
                raster.descriptions = names
            if mask is not None:
                raster.write_mask(mask)
        return path

    return write


@pytest.fixture
def with_band() -> Callable[..., NDArray[np.generic]]:
    """Return a function that adds a band to pixels, in their type."""
    return _with_band


def _with_band(pixels: NDArray[np.generic], band: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.concatenate([pixels, band[None].astype(pixels.dtype)])
