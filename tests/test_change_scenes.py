"""Two pictures of a place whose roads changed in between, from imagery to the changes."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from scipy.ndimage import gaussian_filter
from shapely.affinity import translate

from roadex.synthetic.camera import take_picture
from roadex.synthetic.layout import plan_place
from roadex.synthetic.render import render
from roadex.synthetic.streets import cut_network, lay_streets
from roadex.synthetic.styles import STYLES

pytestmark = pytest.mark.slow

SIZE = 1024
STYLE = "suburban"
WEST, NORTH, CRS = 231_000.0, 902_000.0, "EPSG:26986"
SHIFT = (5.0, -4.0)
"""From where the older picture lies to where the newer one does, in metres."""


def picture(path, plan, roads, *, seed, shift, brightness):
    """Paint a place with these roads, anew: houses, trees, cars and the sun are others."""
    canvas, _ = render(plan, roads, (SIZE, SIZE), 1.0, STYLES[STYLE], np.random.default_rng(seed))
    image = take_picture(canvas, np.random.default_rng(seed + 100)) * brightness
    with rasterio.open(
        path, "w", driver="GTiff", width=SIZE, height=SIZE, count=3, dtype="uint8", crs=CRS,
        transform=Affine(1, 0, WEST + shift[0], 0, -1, NORTH + shift[1]),
    ) as raster:  # fmt: skip
        raster.write(image.clip(0, 255).astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def found(call, tmp_path_factory):
    """Return the file of changes, and the true lines where the newer picture has them."""
    folder = tmp_path_factory.mktemp("dates")
    for_plan, for_streets = np.random.default_rng(11).spawn(2)
    plan = plan_place(SIZE, SIZE, STYLES[STYLE], for_plan)
    roads = cut_network(plan.roads + lay_streets(plan, for_streets), SIZE, SIZE)
    chosen = [i for i, road in enumerate(roads) if 60 < road.line.length < 300]
    built, gone = np.split(np.random.default_rng(5).permutation(chosen)[:24], 2)
    dates = {"2019": (built, 1, (0, 0), 1.0), "2024": (gone, 2, SHIFT, 0.8)}
    for date, (lacking, seed, shift, brightness) in dates.items():
        kept = [road for i, road in enumerate(roads) if i not in lacking]
        scene = picture(
            folder / f"{date}.tif", plan, kept, seed=seed, shift=shift, brightness=brightness
        )
        quick = "--tta", "none", "--gpus", "none", "--workers", "0", "-q"
        assert not call("run", scene, "-o", folder / f"out-{date}", *quick)
    path = folder / "change.gpkg"
    assert not call("change", folder / "out-2019", folder / "out-2024", "-o", path)
    lines = [
        translate(shapely.transform(road.line, lambda p: p * (1, -1) + (WEST, NORTH)), *SHIFT)
        for road in roads
    ]
    parts = {"appeared": built, "vanished": gone}
    parts["same"] = np.setdiff1d(np.arange(len(roads)), np.concatenate([built, gone]))
    truth = {name: shapely.union_all([lines[i] for i in part]) for name, part in parts.items()}
    return SimpleNamespace(path=path, truth=truth)


@pytest.mark.parametrize("name", ["appeared", "vanished", "same"])
def test_roads_that_changed_between_two_pictures_are_found(found, name):
    lines = gpd.read_file(found.path, layer=name).to_crs(CRS).union_all()
    truth = found.truth[name]
    precision = lines.intersection(truth.buffer(8)).length / lines.length
    recall = truth.intersection(lines.buffer(8)).length / truth.length
    print(f"{name}: precision {precision:.3f}, recall {recall:.3f}, {truth.length / 1000:.2f} km")
    assert precision >= 0.9
    assert recall >= 0.9


def test_little_is_left_unsure_or_not_seen(found):
    length = {
        name: gpd.read_file(found.path, layer=name).length_m.sum()
        for name in ("same", "unsure", "not_seen")
    }
    assert length["unsure"] < 0.03 * length["same"]
    # The pictures do not cover each other: a strip of 5 m.
    assert length["not_seen"] < 0.02 * length["same"]


@pytest.mark.real
def test_a_worse_copy_of_a_real_scene_shows_hardly_any_change(call, real_data, tmp_path):
    original = real_data / "scenes" / "massachusetts_rgb_uint16_1m.tif"
    if not original.exists():
        pytest.skip(f"no {original}")
    quick = "--tta", "none", "--gpus", "none", "--workers", "0", "-q"
    for scene, folder in ((original, "old"), (worse_copy(original, tmp_path / "copy.tif"), "new")):
        assert not call("run", scene, "-o", tmp_path / folder, *quick)
    path = tmp_path / "change.gpkg"
    assert not call("change", tmp_path / "old", tmp_path / "new", "-o", path)
    km = {
        name: gpd.read_file(path, layer=name).length_m.sum() / 1000
        for name in ("appeared", "vanished", "unsure", "same")
    }
    print(km)
    assert km["same"] > 9
    assert km["appeared"] + km["vanished"] < 0.03 * km["same"]


def worse_copy(original, path):
    """Blur, darken and move a scene, in other colours and with noise."""
    with rasterio.open(original) as raster:
        profile, bands, transform = raster.profile, raster.read((1, 2, 3)), raster.transform
    white = np.percentile(bands, 99.9)
    values = np.stack([gaussian_filter(band.astype(float), 0.8) for band in bands]) / white
    noise = np.random.default_rng(0).normal(0, 0.02, values.shape)
    values = (0.9 * values.clip(0, 1) ** 1.4 + noise) * np.array([0.95, 1, 1.08])[:, None, None]
    moved = Affine.translation(4, -3) @ transform
    with rasterio.open(path, "w", **(profile | {"count": 3, "transform": moved})) as raster:
        raster.write((values * white).clip(1, white).astype(bands.dtype))
    return path
