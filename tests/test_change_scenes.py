"""Two pictures of a place whose roads changed in between, from imagery to the changes."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
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
