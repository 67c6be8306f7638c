"""``roadex view``: tiles have the pixels of the run."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import rasterio
from matplotlib import colormaps

from roadex.imagery.reader import open_grid
from roadex.pipeline.plan import plan_run
from roadex.pipeline.view import Tiles, ViewedRun
from tests.view.viewer import LYING, ask, pixels


@pytest.mark.parametrize("lying", LYING)
def test_grid_and_full_resolution_are_those_of_the_run(runs, config, lying) -> None:
    run = ViewedRun.open(runs(lying))
    plan = plan_run(runs(lying).parent / "scene.tif", config)
    assert run.grid.shape == plan.grid.shape
    assert run.grid.transform.almost_equals(plan.grid.transform)
    assert run.grid.crs == plan.grid.crs
    tiles = Tiles(run)
    n_rows, n_cols = (-(-size // 256) for size in plan.grid.shape)
    with open_grid(plan.scene, plan.grid) as reader:
        image, valid = reader.read(rasterio.windows.Window(0, 0, n_cols * 256, n_rows * 256))
    for row in range(n_rows):
        for col in range(n_cols):
            found = pixels(tiles.imagery(0, row, col))
            part = (slice(row * 256, row * 256 + 256), slice(col * 256, col * 256 + 256))
            assert np.array_equal(found[..., 3] > 0, valid[part])
            expected = np.moveaxis(image, 0, -1)[part].round().astype(np.uint8)
            assert np.array_equal(found[valid[part], :3], expected[valid[part]])
    tiles.close()


def test_full_resolution_has_the_bytes_of_the_file(runs) -> None:
    tiles = Tiles(ViewedRun.open(runs("as it is")))
    with rasterio.open(runs("as it is").parent / "scene.tif") as file:
        expected = np.moveaxis(file.read(), 0, -1)
    found = pixels(tiles.imagery(0, 1, 2))  # at the corner: 244 x 88 px of it show the scene
    assert np.array_equal(found[:244, :88, :3], expected[256:, 512:])
    assert not found[244:].any()
    assert not found[:, 88:].any()
    tiles.close()


def test_coarser_tiles_are_means(runs) -> None:
    run = ViewedRun.open(runs("as it is"))
    assert run.n_levels == 3
    tiles = Tiles(run)
    with rasterio.open(runs("as it is").parent / "scene.tif") as file:
        whole = file.read().astype(float)
    found = pixels(tiles.imagery(1, 0, 0))
    expected = whole[:, :500, :512].reshape(3, 250, 2, 256, 2).mean(axis=(2, 4))
    filled = (whole[0] > 0)[:500, :512].reshape(250, 2, 256, 2).all(axis=(1, 3))
    difference = np.abs(np.moveaxis(expected, 0, -1) - found[:250, :, :3])[filled]
    assert difference.max() < 1.01
    assert not found[40:60, 95:125, 3].any()  # without imagery
    tiles.close()


def test_large_scenes_have_tiles_between_full_resolution_and_overview(runs, monkeypatch) -> None:
    run = ViewedRun.open(runs("as it is"))
    from_overview = Tiles(run)
    monkeypatch.setattr("roadex.pipeline.view._OVERVIEW_PX", 128)
    from_window = Tiles(run)
    for level, row, col in ((1, 0, 0), (1, 0, 1), (2, 0, 0)):
        a, b = (
            pixels(tiles.imagery(level, row, col)).astype(int)
            for tiles in (from_overview, from_window)
        )
        seen = (a[..., 3] == 255) & (b[..., 3] == 255)
        assert seen.mean() > 0.1
        assert np.abs(a - b)[seen].max() <= 1
    from_overview.close()
    from_window.close()


def test_probability_has_its_colours_and_no_data_is_see_through(runs, tmp_path) -> None:
    folder = shutil.copytree(runs("as it is"), tmp_path / "out")
    with rasterio.open(folder / "probability.tif") as raster:
        stored = raster.read(1)
    assert (stored == 255).any()
    tiles = Tiles(ViewedRun.open(folder))
    found = pixels(tiles.probability(0, 0, 1))
    tiles.close()
    stored = stored[:256, 256:512]
    assert not found[stored == 255].any()
    high = (stored >= 127) & (stored < 255)
    assert high.any()
    expected = np.round(colormaps["cividis"](stored[high] / 254) * 255)
    assert np.array_equal(found[high], expected)
    assert found[..., 3][stored < 60].max(initial=0) < 128


@pytest.mark.parametrize(
    "path", ["9/0/0", "0/2/0", "0/0/3", "0/-1/0", "0/0/0/0", "7/99999999/0", "a/0/0"]
)
def test_tiles_that_do_not_exist_are_not_found(shared_server, path) -> None:
    for kind in ("imagery", "probability", "network"):
        assert ask(shared_server, f"tiles/{kind}/{path}.png")[0] == 404
    assert ask(shared_server, "tiles/imagery/0/0/0.png")[0] == 200
