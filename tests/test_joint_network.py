"""After a batch there is one network of all scenes: the network of their mosaic."""

import shutil
import sqlite3
from itertools import product

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.windows import Window

import roadex
from roadex.config import RunConfig
from roadex.errors import OutputError, SceneError
from roadex.imagery.scene_list import name_scenes
from roadex.network.road_network import RoadNetwork
from roadex.pipeline import joint_network
from roadex.pipeline.batch import extract_many
from roadex.pipeline.joint_network import read_joint_network
from roadex.synthetic import generate_scene, write_scene


@pytest.fixture(scope="module")
def settings(model):
    return RunConfig.from_dict(
        {
            "tiling": {"core_size": 64, "chip_size": 64, "halo": 32},
            "predict": {"model": str(model), "tta": "none"},
            "vector": {"min_component_m": 10.0},
            "cluster": {"workers": 0, "gpus": "none"},
        }
    )


@pytest.fixture(scope="module")
def halves(make_shared_scene):
    """Return two scenes of noise that overlap by 32 pixels, as the batch takes them."""
    values = np.random.default_rng(0).integers(1, 255, (3, 128, 224), dtype=np.uint8)
    paths = [
        make_shared_scene(f"{name}.tif", values=values[:, :, cols], transform=at(cols.start))
        for name, cols in (("west", slice(0, 128)), ("east", slice(96, 224)))
    ]
    return name_scenes((None, str(path)) for path in paths)


def at(col, row=0):
    return Affine(1, 0, 500_000, 0, -1, 5_400_000) @ Affine.translation(col, row)


def read(folder):
    return RoadNetwork.read(folder / "roads.gpkg")


@pytest.fixture(scope="module")
def joined(halves, settings, tmp_path_factory):
    """Return the folder of a batch of both scenes."""
    folder = tmp_path_factory.mktemp("joined")
    extract_many(halves, folder, config=settings)
    return folder


@pytest.fixture
def out(joined, tmp_path):
    """Return a copy of that folder, which the test may change."""
    return shutil.copytree(joined, tmp_path / "out")


def test_batch_of_touching_scenes_ends_with_one_network_of_all(joined, settings):
    found = read(joined)
    rasters = [joined / name / "probability.tif" for name in ("west", "east")]
    expected = roadex.vectorize(rasters, config=settings)
    assert len(found.edges) > 10
    assert shapely.equals_exact(found.edges.geometry, expected.edges.geometry, 1e-6).all()
    assert found.edges["scene"].tolist() == expected.edges["scene"].tolist()
    assert set(found.edges["scene"]) == {"west", "east"}
    joint = read_joint_network(joined)
    assert joint.scenes == ["west", "east"]
    assert joint.result["edges"] == len(found.edges)
    assert "one network of all scenes" in (joined / "index.html").read_text()


def test_joint_network_is_made_again_only_where_something_changed(
    halves, settings, tmp_path, monkeypatch
):
    out, made = tmp_path / "out", []
    trace = joint_network._trace
    monkeypatch.setattr(joint_network, "_trace", lambda *a: (made.append(1), trace(*a))[1])
    extract_many(halves[:1], out, config=settings)
    assert made == []
    assert read_joint_network(out).reason == "no two scenes touch"
    extract_many(halves, out, config=settings)
    extract_many(halves, out, config=settings)
    assert len(made) == 1
    fewer = RunConfig.from_dict(settings.to_dict() | {"vector": {"min_component_m": 200.0}})
    before = len(read(out).edges)
    extract_many(halves, out, config=fewer)
    assert len(made) == 2
    assert len(read(out).edges) < before


def test_edited_joint_network_is_not_replaced_unasked(out, halves, settings):
    with sqlite3.connect(out / "roads.gpkg") as database:
        database.execute("PRAGMA user_version = 7")
    edited = (out / "roads.gpkg").read_bytes()
    other = RunConfig.from_dict(settings.to_dict() | {"vector": {"min_component_m": 200.0}})
    with pytest.raises(OutputError, match=r"roads\.gpkg is not as a batch wrote it.*--no-join"):
        extract_many(halves, out, config=other)
    extract_many(halves, out, config=other, join=False)
    assert (out / "roads.gpkg").read_bytes() == edited
    extract_many(halves, out, config=other, overwrite=True)
    assert (out / "roads.gpkg").read_bytes() != edited


def test_joint_network_that_fewer_scenes_left_behind_is_replaced(out, halves, settings):
    before = (out / "roads.gpkg").read_bytes()
    extract_many(halves[:1], out, config=settings)
    assert (out / "roads.gpkg").read_bytes() == before
    extract_many(halves, out, config=settings)
    assert read_joint_network(out).scenes == ["west", "east"]
    assert (out / "roads.gpkg").read_bytes() == before
    extract_many(halves[:1], out, config=settings)
    with sqlite3.connect(out / "roads.gpkg") as database:
        database.execute("PRAGMA user_version = 7")
    with pytest.raises(OutputError, match=r"roads\.gpkg is not as a batch wrote it"):
        extract_many(halves, out, config=settings)


def test_scene_without_results_is_left_out_and_named(out, halves, settings, tmp_path):
    (tmp_path / "broken.tif").write_text("no raster")
    listed = name_scenes((None, s.path) for s in halves)
    listed += name_scenes([(None, str(tmp_path / "broken.tif"))])
    extract_many(listed, out, config=settings)
    joint = read_joint_network(out)
    assert (joint.scenes, joint.left_out) == (["west", "east"], ["broken"])


def test_scenes_that_do_not_touch_are_joined_where_that_is_asked_for(
    make_scene, settings, tmp_path
):
    paths = [
        make_scene(f"{name}.tif", shape=(64, 64), transform=at(col))
        for name, col in (("here", 0), ("there", 5_000))
    ]
    listed = name_scenes((None, str(path)) for path in paths)
    out = tmp_path / "out"
    extract_many(listed, out, config=settings)
    assert not (out / "roads.gpkg").exists()
    extract_many(listed, out, config=settings, join=True)
    assert read_joint_network(out).scenes == ["here", "there"]
    assert (out / "roads.gpkg").exists()
    far = make_scene("far.tif", shape=(64, 64), crs="EPSG:32637")
    listed += name_scenes([(None, str(far))])
    extract_many(listed, out, config=settings)
    assert "24 degrees of longitude" in read_joint_network(out).reason
    with pytest.raises(SceneError, match="24 degrees of longitude"):
        extract_many(listed, out, config=settings, join=True)


def test_command_line_says_what_the_joint_network_is(halves, model, tmp_path, roadex):
    words = ["run", "--each", *(s.path for s in halves), "-o", tmp_path / "out[b]", "-m", model,
             "--tta", "none", "--workers", 0, "--set", "tiling.chip_size=64", "--gpus", "none",
             "--set", "tiling.halo=32", "--set", "vector.min_component_m=10"]  # fmt: skip
    code, out, _ = roadex(*words)
    assert code == 0
    assert "km of road in one network of 2 scenes" in out
    assert f"{tmp_path / 'out[b]' / 'roads.gpkg'}" in out
    code, out, _ = roadex(*words, "--no-join")
    assert "one network" not in out
    code, _, err = roadex("run", halves[0].path, "-o", tmp_path / "other", "--join")
    assert (code, "no effect without --each" in err) == (2, True)


SIZE, GSD_M = 2048, 0.7
FAR_M, SURE = 200, 0.8
"""From a border, and how sure: there a road is the same whatever the network sees beside it."""

REACH_M = 340
"""More than the 480 px that the dilated centre of the packaged model looks to each side. Beyond it
all is equal where the chips of a part are those of the mosaic, as without an overlap."""


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory):
    """Return a generated scene and the folder of its run."""
    folder = tmp_path_factory.mktemp("mosaic")
    scene = generate_scene(shape=(SIZE, SIZE), seed=5, style="suburban", gsd_m=GSD_M)
    path = write_scene(scene, folder)["scene"]
    return path, roadex.run(path, folder / "out", config=PACKAGED).paths.folder


PACKAGED = RunConfig.from_dict(
    {"predict": {"tta": "none"}, "cluster": {"workers": 0, "gpus": "none"}}
)


def cut(scene, folder, overlap):
    """Cut a scene in two both ways."""
    half = SIZE // 2
    spans = [slice(0, half + overlap // 2), slice(half - overlap // 2, SIZE)]
    paths = []
    with rasterio.open(scene) as raster:
        for rows, cols in product(spans, spans):
            window = Window.from_slices(rows, cols)
            profile = raster.profile | {
                "height": window.height, "width": window.width,
                "transform": raster.window_transform(window),
            }  # fmt: skip
            paths.append(folder / f"{rows.start}-{cols.start}.tif")
            with rasterio.open(paths[-1], "w", **profile) as part:
                part.write(raster.read(window=window))
    return name_scenes((None, str(path)) for path in paths)


def share_within(lines, others, distance_m):
    """Return the share of the length of lines that lies close to other lines."""
    both = [shapely.union_all(frame.geometry.to_numpy()) for frame in (lines, others)]
    return both[0].intersection(both[1].buffer(distance_m)).length / both[0].length


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [0, 256])
def test_each_with_the_packaged_model_equals_the_mosaic_across_borders(overlap, mosaic, tmp_path):
    scene, folder = mosaic
    out = tmp_path / "out"
    extract_many(cut(scene, tmp_path, overlap), out, config=PACKAGED)
    found, whole = read(out), read(folder)
    assert found.edges["edge_id"].is_unique
    assert found.edges.set_index(["u", "v", "key"]).index.is_unique
    total_m = whole.edges.length_m.sum()
    assert found.edges.length_m.sum() == pytest.approx(total_m, rel=0.01)
    assert share_within(found.edges, whole.edges, 2) > 0.99
    assert share_within(whole.edges, found.edges, 2) > 0.99
    report = roadex.score(out / "roads.gpkg", folder / "roads.gpkg")
    for score in ("apls", "topo_f1"):
        assert report.value(score) > 0.97, score
    apart_m = sum(
        gpd.read_file(path, layer="road_edges").length_m.sum() for path in out.glob("*/roads.gpkg")
    )
    assert apart_m > 1.2 * total_m or not overlap
    with rasterio.open(scene) as raster:
        x, y = raster.transform @ (SIZE / 2, SIZE / 2)
    borders = shapely.MultiLineString([[(x, y - 1e4), (x, y + 1e4)], [(x - 1e4, y), (x + 1e4, y)]])
    far, far_found = (
        frame[(frame.distance(borders) > FAR_M) & (frame["confidence"] >= SURE)]
        for frame in (whole.edges, found.edges)
    )
    assert min(len(far), len(far_found)) > 20
    assert share_within(far, found.edges, 2) > 0.995
    assert share_within(far_found, whole.edges, 2) > 0.995
    if not overlap:
        beyond, beyond_found = (
            frame[frame.distance(borders) > REACH_M] for frame in (whole.edges, found.edges)
        )
        assert len(beyond_found) == len(beyond) > 20
        assert share_within(beyond, beyond_found, 1) > 0.999
