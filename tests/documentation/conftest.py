"""A folder with everything the documentation speaks of, made once from generated scenes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from PIL import Image
from rasterio.windows import Window

from roadex.models import create_network
from roadex.models.modelfile import load_model, save_model
from roadex.network.road_network import RoadNetwork
from roadex.outputs import write_network
from roadex.outputs.assessment import write_assessment
from roadex.pipeline.vectorize import vectorize
from roadex.probability.source import RasterSource
from roadex.scoring.sample_windows import draw_windows, squares_of
from roadex.synthetic import generate_scene, write_pairs, write_scene
from tests.fair_tiles import write_dataset

SIZE = 256


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Path:
    """Return a folder that holds the scenes, labels, networks and models named in the pages."""
    folder = tmp_path_factory.mktemp("world")
    _make_scenes(folder)
    _make_networks(folder)
    _make_assessment(folder)
    for date in ("out-2019", "out-2024"):
        shutil.copytree(folder / "out", folder / date)
    _make_datasets(folder)
    _make_deepglobe(folder)
    _make_models(folder)
    return folder


@pytest.fixture
def here(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the world that is the working directory of one test."""
    folder = tmp_path / "here"
    shutil.copytree(world, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def _scene(seed: int):
    return generate_scene(shape=(SIZE, SIZE), seed=seed, style="suburban")


def _make_scenes(folder: Path) -> None:
    paths = write_scene(_scene(1), folder)
    for name, seed in (("one", 2), ("two", 3)):
        write_scene(_scene(seed), folder / "scenes" / name)
        shutil.copy(folder / "scenes" / name / "scene.tif", folder / "scenes" / f"{name}.tif")
        shutil.copy(folder / "scenes" / name / "roads.gpkg", folder / "scenes" / name / "r.gpkg")
    other = write_scene(_scene(4), folder / "elsewhere")
    shutil.copy(other["scene"], folder / "other.tif")
    shutil.copy(other["roads"], folder / "other.gpkg")
    shutil.copy(paths["roads"], folder / "osm.gpkg")
    with rasterio.open(paths["scene"]) as raster:
        west, south, _, north = raster.bounds
        half = gpd.GeoSeries([shapely.box(west, south, west + SIZE / 2, north)], crs=raster.crs)
    half.to_file(folder / "area.geojson")
    (folder / "scenes.csv").write_text("path\nscenes/one.tif\nscenes/two.tif\n")
    _cut(paths["scene"], folder / "tiles")
    _make_rasters(paths["mask"], folder)


def _cut(scene: Path, folder: Path) -> None:
    """Cut a scene into a left and a right half."""
    folder.mkdir()
    with rasterio.open(scene) as raster:
        for i, name in enumerate(("left", "right")):
            window = Window(i * SIZE // 2, 0, SIZE // 2, SIZE)
            profile = raster.profile | {
                "width": SIZE // 2, "transform": raster.window_transform(window)
            }  # fmt: skip
            with rasterio.open(folder / f"{name}.tif", "w", **profile) as half:
                half.write(raster.read(window=window))


def _make_rasters(mask: Path, folder: Path) -> None:
    """Write the mask as a class raster and as a probability of road."""
    with rasterio.open(mask) as raster:
        road, profile = raster.read(1), raster.profile
    with rasterio.open(folder / "classes.tif", "w", **profile) as raster:
        raster.write(np.where(road, 7, 2).astype(np.uint8), 1)
    with rasterio.open(
        folder / "probability.tif", "w", **(profile | {"dtype": "float32"})
    ) as raster:
        raster.write(np.where(road, 0.9, 0.1).astype(np.float32), 1)
    shutil.copy(mask, folder / "truth.tif")
    for i, name in enumerate(("one", "two")):
        place = folder / "batch" / name / "probability.tif"
        place.parent.mkdir(parents=True)
        half = slice(i * SIZE // 2, (i + 1) * SIZE // 2)
        transform = profile["transform"] @ Affine.translation(half.start, 0)
        part = profile | {"width": SIZE // 2, "transform": transform}
        with rasterio.open(place, "w", **part) as raster:
            raster.write(road[:, half].astype(np.uint8), 1)


def _make_networks(folder: Path) -> None:
    """Write networks as roadex does: of two halves of a mask, and of each scene of a batch."""
    gpd.read_file(folder / "roads.gpkg").to_file(folder / "truth.geojson")
    shutil.copy(folder / "roads.gpkg", folder / "truth.gpkg")
    for names, cols in (
        (("b", "west", "theirs"), slice(0, 144)),
        (("a", "east", "edited"), slice(112, SIZE)),
    ):
        for name in names:
            _write_network(folder / "truth.tif", folder / f"{name}.gpkg", cols)
    for place in (folder, folder / "scenes" / "one", folder / "scenes" / "two"):
        _write_network(place / "mask.tif", place / "roads.gpkg", slice(0, SIZE))
    for run in ("out", "better", "elsewhere-out"):
        (folder / run).mkdir()
        shutil.copy(folder / "roads.gpkg", folder / run)
    write_network(RoadNetwork.read(folder / "roads.gpkg"), folder / "roads.graphml", provenance={})
    _write_network(folder / "mask.tif", folder / "town.osm", slice(0, 200))


def _make_assessment(folder: Path) -> None:
    """Give the run its probability, and write windows of it that a person has marked."""
    with rasterio.open(folder / "mask.tif") as raster:
        profile, road = raster.profile | {"nodata": 255}, raster.read(1) > 0
    with rasterio.open(folder / "out" / "probability.tif", "w", **profile) as raster:
        raster.write(np.where(road, 254, 0).astype(np.uint8), 1)
    source = RasterSource.open(folder / "out" / "probability.tif", reading="roadex")
    roads = gpd.read_file(folder / "roads.gpkg", layer="road_edges")
    windows = draw_windows(squares_of(source, 50), roads.geometry, n_windows=10, seed=0)
    path = folder / "assessment.gpkg"
    write_assessment(windows.assign(state="done"), path, provenance={})
    roads[["geometry"]].to_file(path, layer="truth")
    roads[["geometry"]].simplify(5).to_file(folder / "rough.gpkg")


def _write_network(mask: Path, path: Path, cols: slice) -> None:
    with rasterio.open(mask) as raster:
        road = raster.read(1)[:, cols] > 0
        transform, crs = raster.transform @ Affine.translation(cols.start, 0), raster.crs
    path.unlink(missing_ok=True)
    network = vectorize(road, transform=transform, crs=crs)
    write_network(network, path, provenance={})


def _make_datasets(folder: Path) -> None:
    for name, seeds in (("my/data", (5, 6)), ("roads/train", (7,)), ("roads/val", (8,))):
        list(write_pairs((_scene(seed) for seed in seeds), folder / name))
    cited = ("aligned/train", "aligned/crops", "massachusetts/val")
    dubai = [f"dubai/tile_{number}" for number in (1, 2, 3, 5, 6, 8)]
    for name in ("generated", "ma/train", *cited, *dubai):
        shutil.copytree(folder / "my" / "data", folder / name)
    tiled = generate_scene(shape=(480, 480), seed=7, style="suburban")
    tiled_paths = write_scene(tiled, folder / "elsewhere" / "tiled")
    write_dataset(tiled_paths["scene"], tiled_paths["roads"], folder / "fair-dataset")
    aligned = folder / "aligned"
    shutil.copy(folder / "scene.tif", aligned)
    shutil.copy(folder / "roads.gpkg", aligned)
    (aligned / "lines.toml").write_text('[[scene]]\nimages = "scene.tif"\nroads = "roads.gpkg"\n')


def _make_deepglobe(folder: Path) -> None:
    """Write images and masks as DeepGlobe names them."""
    for part in ("deepglobe/train", "deepglobe/valid", "masks", "truth", "train"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for identifier, seed in (("104", 9), ("999667", 10)):
        scene = _scene(seed)
        image = Image.fromarray(np.moveaxis(np.asarray(scene.image)[:3], 0, -1).astype(np.uint8))
        mask = Image.fromarray(np.asarray(scene.road_mask, dtype=np.uint8) * 255)
        for part in ("deepglobe/train", "deepglobe/valid", "train"):
            image.save(folder / part / f"{identifier}_sat.jpg")
        for part in ("deepglobe/train", "train", "masks", "truth"):
            mask.save(folder / part / f"{identifier}_mask.png")
        likely = Image.fromarray(np.where(scene.road_mask, 200, 50).astype(np.uint8))
        likely.save(folder / "masks" / f"{identifier}_probability.png")
        for part in ("tta-none", "tta-d4"):
            (folder / part).mkdir(exist_ok=True)
            mask.save(folder / part / f"{identifier}_mask.png")


def _make_models(folder: Path) -> None:
    model = load_model("roadex-light")
    for name in ("first", "second"):
        save_model(model.network, model.metadata, folder / f"{name}.safetensors")
    large = folder.with_name(f"{folder.name}-large") / "dlinknet34-from-scratch.safetensors"
    large.parent.mkdir()
    metadata = replace(model.metadata, name="from-scratch", network="dlinknet34", arguments={})
    save_model(create_network("dlinknet34"), metadata, large)
    (folder / large.name).symlink_to(large)  # not copied for every test
    (folder / "runs").mkdir()
    shutil.copy(folder / "first.safetensors", folder / "runs" / "delhi.safetensors")
    shutil.copy(folder / "first.safetensors", folder / "mine.safetensors")
