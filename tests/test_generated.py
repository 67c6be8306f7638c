"""Generated scenes: the same seed makes the same place, and its roads are where it says."""

from __future__ import annotations

import math
import time
from functools import cache
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import rasterio
import shapely
from click.testing import CliRunner
from rasterio.features import rasterize
from scipy import ndimage

from roadex.cli.generate import generate
from roadex.errors import OutputError
from roadex.synthetic import STYLES, GeneratedScene, generate_scene, write_scene
from roadex.synthetic.streets import TURNING_RADIUS_M
from roadex.training.datasets import find_labelled_scenes

# Mean and standard deviation over 41 crops of MassGIS imagery at 1 m (Massachusetts Roads, Mnih
# 2013) of the mean of labelled road pixels and of pixels more than 8 m away from road.
MASSACHUSETTS_ROAD = (112.1, 24.5)
MASSACHUSETTS_LAND = (75.4, 16.5)


@cache
def make_scene(style: str = "mixed", seed: int = 3, size: int = 256) -> GeneratedScene:
    """Return a scene, generated once for all tests that look at it."""
    return generate_scene(shape=(size, size), seed=seed, style=style)


def lines_of(scene: GeneratedScene) -> list[shapely.LineString]:
    return [road.line for road in scene.roads]


def network_of(scene: GeneratedScene) -> nx.MultiGraph:
    graph = nx.MultiGraph()
    for line in lines_of(scene):
        first, *_, last = (tuple(np.round(point, 3)) for point in line.coords)
        graph.add_edge(first, last)
    return graph


@pytest.fixture(scope="module")
def demo_scene() -> GeneratedScene:
    return make_scene("mixed", seed=1, size=1024)


def test_same_seed_gives_the_same_bytes() -> None:
    first, second = (generate_scene(shape=(256, 256), seed=11, style="mixed") for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()
    assert first.road_mask.tobytes() == second.road_mask.tobytes()
    assert [road.line.wkb for road in first.roads] == [road.line.wkb for road in second.roads]


def test_another_seed_is_another_place() -> None:
    first, second = make_scene(seed=11), make_scene(seed=12)
    assert (first.road_mask != second.road_mask).any()


def test_seed_draws_every_style() -> None:
    scenes = [generate_scene(shape=(64, 64), seed=seed) for seed in range(24)]
    assert {scene.style for scene in scenes} == set(STYLES)


def test_scene_has_the_shape_asked_for() -> None:
    scene = generate_scene(shape=(130, 201), seed=2)
    assert scene.image.shape == (3, 130, 201)
    assert scene.image.dtype == np.uint8
    assert scene.road_mask.shape == (130, 201)
    assert scene.road_mask.dtype == np.bool_


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("seed", [1, 5])
def test_network_is_connected_and_meets_at_ends_only(style: str, seed: int) -> None:
    scene = make_scene(style, seed, size=512)
    assert nx.number_connected_components(network_of(scene)) == 1
    noded = shapely.get_parts(shapely.node(shapely.MultiLineString(lines_of(scene))))
    assert len(noded) == len(scene.roads)


@pytest.mark.parametrize("style", STYLES)
def test_roads_lie_on_the_mask(style: str) -> None:
    scene = make_scene(style)
    points = [line.interpolate(d) for line in lines_of(scene) for d in np.arange(1, line.length, 2)]
    cols, rows = shapely.get_coordinates(points).astype(int).T
    assert scene.road_mask[rows, cols].mean() > 0.995


@pytest.mark.parametrize("style", STYLES)
def test_mask_has_the_width_of_the_roads(style: str) -> None:
    scene = make_scene(style)
    paved = shapely.union_all([r.line.buffer(r.width_m / 2) for r in scene.roads])
    inside = paved.intersection(shapely.box(0, 0, 256, 256))
    # Rounded corners and turning circles are paved too.
    assert 0.97 < scene.road_mask.sum() / inside.area < 1.15


def test_nothing_far_from_a_road_is_on_the_mask() -> None:
    scene = make_scene()
    on_line = rasterize(lines_of(scene), out_shape=(256, 256), all_touched=True, dtype="uint8")
    distance = ndimage.distance_transform_edt(on_line == 0)
    assert distance[scene.road_mask].max() < TURNING_RADIUS_M + 2


def test_place_does_not_depend_on_the_pixel_size() -> None:
    coarse = generate_scene(shape=(128, 128), gsd_m=1.0, seed=7, style="suburban")
    fine = generate_scene(shape=(256, 256), gsd_m=0.5, seed=7, style="suburban")
    shrunk = [shapely.transform(line, lambda xy: xy * 0.5) for line in lines_of(fine)]
    assert shapely.equals_exact(shrunk, lines_of(coarse), tolerance=1e-6).all()
    blocks = fine.road_mask.reshape(128, 2, 128, 2).mean(axis=(1, 3)) > 0.5
    assert (blocks != coarse.road_mask).mean() < 0.03


def test_demo_scene_has_a_dual_carriageway(demo_scene: GeneratedScene) -> None:
    lanes = [road.line for road in demo_scene.roads if road.road_class == "motorway"]
    longest = max(lanes, key=lambda line: line.length)
    middle = longest.interpolate(0.5, normalized=True)
    gaps = sorted(lane.distance(middle) for lane in lanes)
    assert gaps[0] == pytest.approx(0, abs=1e-6)
    assert any(16 < gap < 26 for gap in gaps)


def test_demo_scene_has_a_roundabout(demo_scene: GeneratedScene) -> None:
    faces = shapely.get_parts(shapely.polygonize(lines_of(demo_scene)))
    roundness = [4 * math.pi * face.area / face.length**2 for face in faces]
    rings = [face for face, r in zip(faces, roundness, strict=True) if r > 0.95]
    assert [15 < math.sqrt(ring.area / math.pi) < 28 for ring in rings] == [True]


def test_demo_scene_has_dead_ends_and_junctions(demo_scene: GeneratedScene) -> None:
    degrees = list(dict(network_of(demo_scene).degree).values())
    assert degrees.count(1) > 20
    assert degrees.count(3) > 20
    assert degrees.count(4) > 10


def test_trees_and_shadows_hide_some_road(demo_scene: GeneratedScene) -> None:
    road = demo_scene.image.mean(axis=0)[demo_scene.road_mask]
    hidden = (road < 0.6 * np.median(road)).mean()
    assert 0.01 < hidden < 0.25


@pytest.mark.parametrize("style", ["rural", "suburban"])
def test_colours_are_those_of_real_imagery(style: str) -> None:
    scenes = [make_scene(style, seed, size=320) for seed in range(60, 66)]
    road = np.mean([s.image[:, s.road_mask].mean() for s in scenes])
    land = np.mean([s.image[:, ~s.road_mask].mean() for s in scenes])
    assert road == pytest.approx(MASSACHUSETTS_ROAD[0], abs=MASSACHUSETTS_ROAD[1])
    assert land == pytest.approx(MASSACHUSETTS_LAND[0], abs=MASSACHUSETTS_LAND[1])


def test_desert_roads_are_darker_than_the_sand() -> None:
    scene = make_scene("desert")
    assert scene.image[:, scene.road_mask].mean() < scene.image[:, ~scene.road_mask].mean() - 20


def test_files_are_georeferenced_and_agree(tmp_path: Path) -> None:
    scene = make_scene()
    paths = write_scene(scene, tmp_path / "new" / "folder")
    roads = gpd.read_file(paths["roads"])
    with rasterio.open(paths["scene"]) as image, rasterio.open(paths["mask"]) as mask:
        assert image.crs == mask.crs == roads.crs
        assert image.crs.is_projected
        assert image.res == (1.0, 1.0)
        assert image.block_shapes[0] == (256, 256)
        np.testing.assert_array_equal(image.read(), scene.image)
        road = mask.read(1) == 1
        shapes = list(roads.geometry.buffer(roads["width_m"] / 2 - 1))
        drawn = rasterize(shapes, out_shape=mask.shape, transform=mask.transform, dtype="uint8")
    assert road[drawn == 1].mean() > 0.995
    assert drawn[road].mean() > 0.6


def test_files_are_replaced(tmp_path: Path) -> None:
    write_scene(make_scene(seed=1), tmp_path)
    paths = write_scene(make_scene(seed=2), tmp_path)
    assert len(gpd.read_file(paths["roads"])) == len(make_scene(seed=2).roads)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (32, 256)}, "at least 64"),
        ({"gsd_m": 30.0}, "within 0.2 and 3"),
        ({"style": "lunar"}, "available: rural"),
    ],
)
def test_misuse_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate_scene(**{"shape": (64, 64), "seed": 0, **arguments})


@pytest.mark.slow
def test_a_square_kilometre_takes_seconds() -> None:
    generate_scene(shape=(64, 64), seed=3)
    began = time.process_time()
    generate_scene(shape=(1024, 1024), seed=3, style="mixed")
    # About 1.2 s on one core of a 2023 server; the limit allows for a slow and busy one.
    assert time.process_time() - began < 5.0


def test_scenes_to_train_on_are_found_with_their_pixel_size_roads_and_styles(tmp_path):
    folder = tmp_path / "generated"
    options = ["--scenes", "6", "--size", "96", "--gsd", "0.5", "--seed", "40"]
    done = CliRunner().invoke(generate, [str(folder), *options], catch_exceptions=False)
    assert f"pairs:{folder}" in done.output
    found = find_labelled_scenes(f"pairs:{folder}")
    assert {scene.name.partition("-")[0] for scene in found} == set(STYLES)
    assert sorted(int(scene.name.partition("-")[2]) for scene in found) == list(range(40, 46))
    for scene in found:
        style, _, seed = scene.name.partition("-")
        made = generate_scene(shape=(96, 96), gsd_m=0.5, seed=int(seed), style=style)
        chip = scene.read()
        assert scene.gsd_m == pytest.approx(0.5, rel=1e-3)
        assert np.array_equal(chip.image, made.image)
        assert np.array_equal(chip.road, made.road_mask)
        assert (folder / "roads" / f"{scene.name}.gpkg").exists()
    with pytest.raises(OutputError, match="not empty"):
        CliRunner().invoke(generate, [str(folder), *options], catch_exceptions=False)
