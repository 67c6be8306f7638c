"""Datasets of fAIr: tiles of a web map become one scene, and the roads of OSM its labels."""

import json

import numpy as np
import pytest
import rasterio
from rasterio.warp import Resampling, reproject, transform

from roadex.errors import DatasetError, SceneError
from roadex.network.reference import read_reference
from roadex.synthetic import generate_scene, write_scene
from roadex.training.datasets import find_labelled_scenes, find_unmatched_labels
from tests.fair_tiles import TILE_PX, tile_bounds, tiles_inside, write_dataset


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Return the files of a generated scene, 480 m wide."""
    scene = generate_scene(shape=(480, 480), gsd_m=1.0, seed=7, style="suburban")
    return write_scene(scene, tmp_path_factory.mktemp("source"))


@pytest.fixture
def dataset(source, tmp_path):
    return write_dataset(source["scene"], source["roads"], tmp_path / "dataset")


def only_scene(specification):
    (scene,) = find_labelled_scenes(str(specification))
    return scene


def on_grid(path, grid, resampling):
    """Return a raster of the generated scene, shape ``(C, H, W)``, on the grid of another."""
    with rasterio.open(path) as raster:
        there = np.zeros((raster.count, *grid.shape), np.uint8)
        reproject(
            rasterio.band(raster, list(range(1, raster.count + 1))), there,
            dst_crs=grid.crs, dst_transform=grid.transform, resampling=resampling,
        )  # fmt: skip
    return there


def test_tiles_and_roads_lie_where_the_scene_has_them(dataset, source):
    scene = only_scene(f"fair:{dataset}")
    chip = scene.read()
    assert scene.grid.crs.is_projected
    there = on_grid(source["scene"], scene.grid, Resampling.bilinear).astype(float)
    seen = chip.image[:, chip.valid]
    assert np.corrcoef(seen.ravel(), there[:, chip.valid].ravel())[0, 1] > 0.97
    mask = on_grid(source["mask"], scene.grid, Resampling.nearest)[0].astype(bool)
    road, truth = chip.road[chip.valid], mask[chip.valid]
    assert (road & truth).sum() / (road | truth).sum() > 0.95


def test_missing_tile_is_a_hole(dataset, source):
    scene = only_scene(dataset)
    tiles = tiles_inside(source["scene"])
    assert len(tiles) >= 9
    columns = len({x for x, _ in tiles})
    assert scene.scene.shape == (len(tiles) // columns * TILE_PX, columns * TILE_PX)
    assert len(scene.scene.paths) == len(tiles) - 1
    left, bottom, right, top = tile_bounds(*tiles[len(tiles) // 2])
    (x,), (y,) = transform("EPSG:3857", scene.grid.crs, [(left + right) / 2], [(bottom + top) / 2])
    col, row = (int(value) for value in ~scene.grid.transform @ (x, y))
    valid = scene.read().valid
    assert not valid[row - 40 : row + 40, col - 40 : col + 40].any()
    assert valid.mean() > 0.75


def test_width_of_roads_is_that_of_their_tags(dataset):
    (labels,) = (dataset / "labels").iterdir()
    content = json.loads(labels.read_text())
    for feature in content["features"]:
        feature["properties"]["tags"].pop("width", None)
    labels.write_text(json.dumps(content))
    by_default = only_scene(dataset)
    assert set(by_default.half_widths_m) == {3.5}
    for feature in content["features"]:
        feature["properties"]["tags"]["lanes"] = "4"
    labels.write_text(json.dumps(content))
    assert set(only_scene(dataset).half_widths_m) == {6.5}


def test_a_reference_with_a_column_of_tags_is_read_as_openstreetmap(dataset):
    reference = read_reference(dataset / "labels" / "labels.geojson")
    assert "1 ways that are no roads for cars were left out" in reference.notes
    assert reference.roads["is_hidden"].sum() == 1
    assert reference.roads["width_m"].dropna().between(2, 30).all()


def test_folders_of_fairs_own_sample_are_known(dataset):
    (dataset / "chips").rename(dataset / "oam")
    (dataset / "labels").rename(dataset / "osm")
    assert only_scene(dataset).scene.name.startswith("OAM-")


def test_all_labels_are_used(dataset):
    assert find_unmatched_labels(str(dataset)) == []
    assert [path.name for path in only_scene(dataset).files()][-1] == "labels.geojson"


@pytest.mark.parametrize(("folder", "missing"), [("chips", "OAM-"), ("labels", "geojson")])
def test_what_is_missing_is_said(dataset, folder, missing):
    (dataset / folder).rename(dataset / "elsewhere")
    with pytest.raises(DatasetError, match=rf"no dataset of fAIr: it has no .*{missing}"):
        find_labelled_scenes(f"fair:{dataset}")


def test_labels_without_roads_are_said(dataset):
    (dataset / "labels" / "labels.geojson").write_text(
        '{"type": "FeatureCollection", "features": []}'
    )
    with pytest.raises(DatasetError, match=r"no roads|no lines"):
        find_labelled_scenes(f"fair:{dataset}")


def test_tiles_of_two_zooms_are_no_scene(dataset):
    chips = dataset / "chips" / "chips"
    tile = sorted(chips.glob("*.tif"))[0]
    with rasterio.open(tile, "r+") as raster:
        raster.transform = raster.transform @ rasterio.Affine.scale(2)
    with pytest.raises(SceneError, match="differ in pixel size"):
        find_labelled_scenes(f"fair:{dataset}")
