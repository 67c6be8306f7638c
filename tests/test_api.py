"""The names people import: lazy, documented with examples that run, and what they take and give."""

import doctest
import inspect
import subprocess
import sys

import geopandas as gpd
import numpy as np
import pytest
import rasterio

import roadex
from roadex.config import PROBABILITY_MAX
from roadex.errors import ConfigError, RoadexError, SceneError
from roadex.synthetic import generate_scene, write_scene

HEAVY = ("torch", "dask", "distributed", "rasterio", "geopandas", "numba", "pandas", "scipy")
FUNCTIONS = ("run", "predict", "vectorize", "merge", "score", "train", "plan", "load_model")
SHIFT_PX = 100


def python(code: str, folder=None) -> str:
    """Run code in a process of its own; return what it prints."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a scene, its true roads, and probability that is just these roads."""
    folder = tmp_path_factory.mktemp("api")
    scene = generate_scene(shape=(192, 192), seed=3, style="mixed")
    paths = write_scene(scene, folder / "made")
    paths["scene"].rename(folder / "scene.tif")
    gpd.read_file(paths["roads"]).to_file(folder / "truth.gpkg", layer="roads")
    with rasterio.open(paths["mask"]) as mask:
        profile = mask.profile | {"nodata": 255, "driver": "GTiff"}
        road = (mask.read(1) > 0).astype(np.uint8) * np.uint8(PROBABILITY_MAX)
    with rasterio.open(folder / "probability.tif", "w", **profile) as raster:
        raster.scales = (1 / PROBABILITY_MAX,)
        raster.write(road, 1)
    network = roadex.vectorize(folder / "probability.tif")
    from roadex.outputs import write_network

    for name in ("east.gpkg", "west.gpkg", "roads.gpkg"):
        write_network(network, folder / name, provenance={}, overwrite=True)
    return folder


def test_importing_roadex_imports_nothing_heavy():
    code = f"import sys, roadex; print([m for m in {HEAVY} if m in sys.modules])"
    assert python(code).strip() == "[]"


def test_every_public_name_is_there_and_nothing_else_is_promised():
    for name in roadex.__all__:
        assert getattr(roadex, name) is not None
        assert name in dir(roadex)
    assert set(roadex._PLACES) < set(roadex.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = roadex.nope


def test_every_error_of_the_program_is_public():
    from roadex import errors

    kinds = {n for n, v in vars(errors).items() if inspect.isclass(v) and issubclass(v, Exception)}
    assert kinds <= set(roadex.__all__)
    assert all(issubclass(getattr(roadex, kind), RoadexError) for kind in kinds)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_each_function_runs(folder, name, monkeypatch):
    monkeypatch.chdir(folder)
    function = getattr(roadex, name)
    names = {"roadex": roadex, "np": np, "rasterio": rasterio}
    (example,) = doctest.DocTestFinder(recurse=False).find(function, name, globs=names)
    assert example.examples, f"{name} has no example"
    said = []
    results = doctest.DocTestRunner().run(example, out=said.append)
    assert results.failed == 0, "".join(said)


def test_a_result_reads_its_files_when_asked_and_a_temporary_one_goes_with_it(folder, tmp_path):
    result = roadex.run(folder / "scene.tif")
    place = result.paths.folder
    assert result.network is result.network
    assert len(result.edges) == result.summary["edges"]
    assert set(result.edges["u"]) | set(result.edges["v"]) <= set(result.nodes["node_id"])
    assert result.probability.read(1).shape == result.probability.shape
    assert result.warnings == tuple(result.summary["warnings"])
    result.probability.close()
    del result
    assert not place.exists()


def test_a_scene_and_its_path_give_the_same_plan(folder):
    path = folder / "scene.tif"
    assert roadex.plan(roadex.Scene.open(path)).key == roadex.plan(path).key
    other = roadex.Scene.open(path, bands=(3, 2, 1))
    assert roadex.plan(other).key != roadex.plan(path).key
    with pytest.raises(SceneError, match="opened for bands red, model roadex-light takes red"):
        roadex.plan(roadex.Scene.open(path, wanted=("red",), bands=(1,)))
    config = roadex.RunConfig.from_dict({"predict": {"bands": (1, 2, 3)}})
    with pytest.raises(ConfigError, match=r"leave out predict\.bands"):
        roadex.plan(other, config=config)


def test_probability_of_an_array_is_that_of_its_raster(folder, tmp_path):
    with rasterio.open(folder / "scene.tif") as scene:
        image, place = scene.read(), {"transform": scene.transform, "crs": scene.crs}
    native = roadex.RunConfig.from_dict({"predict": {"native_gsd": True, "tta": "none"}})
    found = roadex.predict(image, **place, config=native)
    raster = roadex.predict(folder / "scene.tif", tmp_path / "p.tif", config=native)
    with raster:
        stored = raster.read(1)
    np.testing.assert_allclose(found, stored / PROBABILITY_MAX, atol=1e-6)
    with roadex.predict(folder / "scene.tif", config=native) as temporary:
        np.testing.assert_array_equal(temporary.read(1), stored)


def test_networks_of_arrays_and_rasters_are_the_same(folder):
    with rasterio.open(folder / "probability.tif") as raster:
        stored, place = raster.read(1), {"transform": raster.transform, "crs": raster.crs}
        expected = roadex.vectorize(raster).edges
    values = stored / np.float32(PROBABILITY_MAX)
    for array in (stored, values, values.astype(np.float64), stored > 0):
        found = roadex.vectorize(array, **place).edges
        assert len(found) == len(expected) > 0
        assert found.geometry.geom_equals(expected.geometry).all()


PLACE = {"transform": rasterio.Affine(1, 0, 0, 0, -1, 0), "crs": 32633}


@pytest.mark.parametrize(
    ("values", "place", "error", "says"),
    [
        (np.zeros((4, 4), np.int16), PLACE, TypeError, "got int16"),
        (np.zeros((3, 4, 4), bool), PLACE, TypeError, "rows, columns"),
        (np.zeros((4, 4)), {}, TypeError, "transform and crs"),
        (np.full((4, 4), 1.5), PLACE, ValueError, "got 1.5 to 1.5"),
        (np.ones((4, 4), np.uint8), PLACE, ValueError, "Pass a mask as bool"),
        ([[0.5]], PLACE, TypeError, "transform and crs are for arrays"),
        ([[0.5]], {}, TypeError, "got list"),
        (None, {}, TypeError, "got NoneType"),
    ],
)
def test_what_is_no_probability_is_refused_in_one_line(values, place, error, says):
    with pytest.raises(error, match=says) as refused:
        roadex.vectorize(values, **place)
    assert "\n" not in str(refused.value)


def test_nan_is_nodata_and_makes_no_road():
    values = np.zeros((256, 256), np.float32)
    values[100:108] = 1
    values[:, 150:] = np.nan
    edges = roadex.vectorize(values, **PLACE).edges
    assert len(edges) == 1
    assert edges.total_bounds[2] <= 150


def test_networks_merge_from_files_networks_and_tables_alike(folder):
    path = folder / "roads.gpkg"
    network = roadex.RoadNetwork.read(path)
    moved = network.edges.translate(xoff=1000)
    other = network.edges.set_geometry(moved)
    pairs = [(path, other), (network, other), ((network.edges, network.nodes), other)]
    lengths = {round(roadex.merge(pair).edges["length_m"].sum(), 6) for pair in pairs}
    assert len(lengths) == 1
    assert lengths.pop() == pytest.approx(2 * network.edges["length_m"].sum(), rel=1e-3)
    with pytest.raises(TypeError, match="got int"):
        roadex.merge([path, 3])
