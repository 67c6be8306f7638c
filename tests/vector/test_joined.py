"""Scenes that abut or overlap give the network of their mosaic, each road once."""

import pickle

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import CRS
from rasterio.warp import Resampling, calculate_default_transform, reproject

import roadex
from roadex.config import NODATA, RunConfig
from roadex.errors import SceneError
from roadex.pipeline.joining import open_rasters, scene_names, with_model_thresholds
from roadex.probability.joined import JoinedSource
from roadex.probability.regridded import RegriddedSource
from roadex.probability.source import RasterSource

UTM = "EPSG:32633"
ORIGIN = Affine(1, 0, 400_000, 0, -1, 5_600_000)
SHAPE = (400, 600)
STREETS = [[(-20, k), (620, k + 25)] for k in range(40, 380, 65)]
STREETS += [[(k, -20), (k + 15, 420)] for k in range(45, 580, 95)]
WHOLE = (0, SHAPE[0], 0, SHAPE[1])


@pytest.fixture
def town(draw_roads, make_blobs):
    """Return streets with uneven probability, some faint places and a stripe without imagery."""
    streets = draw_roads(STREETS, SHAPE, width=7)
    rng = np.random.default_rng(3)
    uneven = rng.integers(0, 25, SHAPE)
    town = np.where(streets, streets - uneven, uneven).astype(np.uint8)
    town[120:132, 200:420] = 90
    town[:, 500:504] = NODATA
    return town


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a part of a probability (rows, columns) as a scene's result."""

    def write(name, image, part=WHOLE, *, transform=ORIGIN, crs=UTM, **tags):
        top, bottom, left, right = part
        path = tmp_path / name / "probability.tif"
        path.parent.mkdir()
        values = image[top:bottom, left:right]
        with rasterio.open(
            path, "w", driver="GTiff", count=1, dtype="uint8", nodata=NODATA, crs=crs,
            height=values.shape[0], width=values.shape[1],
            transform=transform @ Affine.translation(left, top),
        ) as raster:  # fmt: skip
            raster.scales = (1 / 254,)
            raster.update_tags(**tags)
            raster.write(values, 1)
        return path

    return write


def quarters(overlap):
    """Return the parts of a scene cut in two both ways."""
    (height, width), half = SHAPE, overlap // 2
    rows = (0, height // 2 + half), (height // 2 - half, height)
    cols = (0, width // 2 + half), (width // 2 - half, width)
    return [(*row, *col) for row in rows for col in cols]


def joined(paths):
    return open_rasters([str(path) for path in paths], scene_names(paths))


def network(paths):
    return roadex.vectorize(list(paths), config=RunConfig())


def check_sound(found):
    assert found.edges["edge_id"].is_unique
    assert found.nodes["node_id"].is_unique
    assert found.edges.set_index(["u", "v", "key"]).index.is_unique
    nodes = found.nodes.set_index("node_id").geometry
    for edge in found.edges.itertuples():
        ends = [shapely.Point(edge.geometry.coords[k]) for k in (0, -1)]
        assert ends == [nodes[edge.u], nodes[edge.v]]


@pytest.mark.parametrize("overlap", [0, 1, 2, 90])
def test_network_of_four_scenes_is_that_of_the_mosaic_to_the_last_digit(overlap, town, write):
    whole = network([write("whole", town)])
    found = network([write(f"{i}", town, part) for i, part in enumerate(quarters(overlap))])
    check_sound(found)
    assert len(whole.edges) > 40
    assert found.edges.drop(columns="scene").equals(whole.edges)
    assert found.nodes.equals(whole.nodes)
    assert set(found.edges["scene"]) == {"0", "1", "2", "3"}


def test_in_an_overlap_the_scene_that_saw_more_of_the_surroundings_counts(town, write):
    paths = []
    for i, (top, bottom, left, right) in enumerate(quarters(80)):
        # Near its border a scene sees nothing, as a network without the surroundings may.
        blind = np.where(town == NODATA, town, 0)
        inner = [a + 30 if a else 0 for a in (top, left)]
        outer = [b - 30 if b < n else n for b, n in zip((bottom, right), SHAPE, strict=True)]
        seen = slice(inner[0], outer[0]), slice(inner[1], outer[1])
        blind[seen] = town[seen]
        paths.append(write(f"{i}", blind, (top, bottom, left, right)))
    assert np.array_equal(joined(paths).read(0, 0, *SHAPE), town)


def test_where_one_scene_has_no_imagery_the_other_one_has_it(town, write):
    clouded = town.copy()
    clouded[150:250, 100:300] = NODATA
    found = joined([write("clouded", clouded), write("clear", town, (100, 400, 0, 600))])
    assert np.array_equal(found.read(0, 0, *SHAPE), town)


def test_windows_are_cut_from_the_whole_and_need_few_scenes(town, write):
    paths = [write(f"{i}", town, part) for i, part in enumerate(quarters(20))]
    found = joined(paths)
    part = pickle.loads(pickle.dumps(found.within(10, 310, 100, 200)))
    assert [source.path for source in part.sources] == [str(paths[1])]
    assert np.array_equal(part.read(10, 310, 100, 200), town[10:110, 310:510])


def in_crs(town, crs, transform=ORIGIN, gsd_m=1):
    """Return a probability in another CRS: array and transform."""
    height, width = town.shape
    bounds = rasterio.transform.array_bounds(height, width, transform)
    place, width, height = calculate_default_transform(
        UTM, crs, width, height, *bounds, resolution=gsd_m
    )
    warped = np.full((height, width), NODATA, dtype=np.uint8)
    reproject(
        town, warped, src_transform=transform, src_crs=UTM, dst_transform=place, dst_crs=crs,
        src_nodata=NODATA, dst_nodata=NODATA, resampling=Resampling.bilinear,
    )  # fmt: skip
    return warped, place


@pytest.fixture
def village(draw_roads):
    """Return streets that end inside the scene."""
    streets = [[(30, k), (570, k + 25)] for k in range(50, 330, 65)]
    streets += [[(k, 30), (k + 15, 370)] for k in range(45, 560, 95)]
    return draw_roads(streets, SHAPE, width=7)


@pytest.mark.parametrize(
    ("crs", "gsd_m"), [("EPSG:32632", 1), ("EPSG:3035", 1), (UTM, 1.25), ("EPSG:32632", 0.8)]
)
def test_scenes_of_another_crs_or_pixel_size_join_without_a_break(crs, gsd_m, village, write):
    west = write("west", village, (0, 400, 0, 340))
    east = village[:, 340:]
    warped, transform = in_crs(east, crs, ORIGIN @ Affine.translation(340, 0), gsd_m)
    rows, cols = warped.shape
    # Twice, so that most pixels are those of the west.
    paths = [west, write("again", village, (0, 400, 0, 340))]
    paths.append(write("east", warped, (0, rows, 0, cols), transform=transform, crs=crs))
    found, whole = network(paths), network([write("whole", village)])
    check_sound(found)
    assert found.crs == CRS(UTM)
    assert found.edges["component_id"].nunique() == 1
    assert len(found.edges) == len(whole.edges)
    assert found.edges.length_m.sum() == pytest.approx(whole.edges.length_m.sum(), rel=0.002)
    away = shapely.hausdorff_distance(
        shapely.union_all(found.edges.geometry.to_numpy()),
        shapely.union_all(whole.edges.geometry.to_numpy()),
    )
    assert away < 2


def test_stripes_between_grids_are_filled_alike_in_every_window(village, write):
    paths = [write("west", village, (0, 400, 0, 300))]
    apart = ORIGIN @ Affine.translation(1.6, 0.2)  # two columns of pixels belong to neither
    paths.append(write("east", village, (0, 400, 300, 600), transform=apart))
    found = joined(paths)
    whole = found.read(0, 0, 400, 600)
    assert not (whole[1:] == NODATA).any()
    road = village[1:, 296:306] > 0
    assert ((whole[1:, 296:306] > 80) == road).mean() > 0.95
    for left in range(294, 308):
        part = found.within(40, left, 300, 3).read(40, left, 300, 3)
        assert np.array_equal(part, whole[40:340, left : left + 3])


def test_half_a_pixel_between_grids_neither_breaks_nor_doubles_roads(village, write):
    half = ORIGIN @ Affine.translation(0.5, -0.4)
    paths = [
        write(f"{i}", village, part, transform=half if i in (1, 2) else ORIGIN)
        for i, part in enumerate(quarters(0))
    ]
    whole, found = network([write("whole", village)]), network(paths)
    check_sound(found)
    assert len(found.edges) == len(whole.edges)
    assert found.edges.length_m.sum() == pytest.approx(whole.edges.length_m.sum(), rel=0.002)


@pytest.mark.parametrize("crs", [UTM, "EPSG:32632"])
def test_pixels_of_another_grid_do_not_depend_on_the_window(crs, town, write):
    warped, transform = in_crs(town, "EPSG:32632") if crs != UTM else (town, ORIGIN)
    moved = transform @ Affine.translation(100.3, 50.7)
    rows, cols = warped.shape
    paths = [
        write("first", town), write("second", town, (0, 100, 0, 100)),
        write("third", warped, (0, rows, 0, cols), transform=moved, crs=crs),
    ]  # fmt: skip
    found = joined(paths)
    height, width = found.shape
    whole = found.read(0, 0, height, width)
    assert found.shape > SHAPE
    for row, col in ((0, 0), (333, 77), (37, 401), (300, 520)):
        part = found.within(row, col, 97, 131).read(row, col, 97, 131)
        expected = whole[row : row + 97, col : col + 131]
        assert np.array_equal(part[: expected.shape[0], : expected.shape[1]], expected)


def test_nothing_is_read_between_scenes_far_apart(village, write, monkeypatch):
    far = ORIGIN @ Affine.translation(50_000, 40_000)
    paths = [write("here", village), write("there", village, transform=far)]
    found = joined(paths)
    assert found.shape == (40_400, 50_600)
    assert not found.touch
    read = []
    monkeypatch.setattr(
        JoinedSource, "read", lambda self, *w: (read.append(w), original(self, *w))[1]
    )
    original = JoinedSource._compose
    one, both = network(paths[:1]), network(paths)
    assert len(read) < 10
    assert len(both.edges) == 2 * len(one.edges)
    assert both.edges.groupby("scene").length_m.sum().to_list() == pytest.approx(
        [one.edges.length_m.sum()] * 2, rel=1e-3
    )


@pytest.mark.parametrize(
    ("part", "touch"), [((0, 400, 300, 600), True), ((0, 400, 301, 600), False)]
)
def test_scenes_touch_where_they_have_a_border_in_common(part, touch, town, write):
    found = joined([write("a", town, (0, 400, 0, 300)), write("b", town, part)])
    assert found.touch is touch


def test_scenes_too_far_apart_for_one_crs_are_refused(town, write):
    there = write("there", town, crs="EPSG:32636")
    with pytest.raises(SceneError, match=r"there lies 18 degrees of longitude from here"):
        joined([write("here", town), there])


def test_thresholds_of_two_models_have_to_be_said(town, write):
    tag = {"ROADEX_THRESHOLDS": "0.2 0.4"}
    paths = [write("a", town, (0, 400, 0, 300), **tag), write("b", town, (0, 400, 300, 600))]
    vector = RunConfig().vector
    assert with_model_thresholds(vector, joined(paths)).thresholds == (0.2, 0.4)
    other = write("c", town, (0, 400, 200, 600), ROADEX_THRESHOLDS="0.3 0.5")
    with pytest.raises(SceneError, match=r"different thresholds, 0\.2 to 0\.4 and 0\.3 to 0\.5"):
        with_model_thresholds(vector, joined([*paths, other]))
    given = RunConfig.from_dict({"vector": {"low": 0.1, "high": 0.5}}).vector
    assert with_model_thresholds(given, joined([*paths, other])) == given


def test_rasters_of_other_tools_join_as_what_they_mean(village, write, tmp_path):
    west = write("west", village, (0, 400, 0, 300))
    mask = tmp_path / "east.tif"
    with rasterio.open(
        mask, "w", driver="GTiff", count=1, dtype="float32", height=400, width=300, crs=UTM,
        transform=ORIGIN @ Affine.translation(300, 0),
    ) as raster:  # fmt: skip
        raster.write(village[:, 300:].astype(np.float32) / 254, 1)
    found = joined([west, mask])
    assert [s.reading for s in found.sources if isinstance(s, RasterSource)] == [
        "roadex",
        "fraction",
    ]
    assert np.array_equal(found.read(0, 0, *SHAPE), village)


@pytest.mark.parametrize("gsd_m", [1.0, 0.8, 1.3])
def test_reading_row_by_row_gives_what_reading_place_by_place_gives(gsd_m, town, write):
    town[200:220, 30:60] = NODATA
    source = RasterSource.open(write("town", town))
    transform = ORIGIN @ Affine.translation(-20.3, 10.55) @ Affine.scale(gsd_m)
    seen = RegriddedSource(source, (450, 700), transform, source.crs)
    assert seen._is_straight
    by_row = seen.read(0, 0, 450, 700)
    places = [seen._strip(row, 0, 50, 700) for row in range(0, 450, 50)]
    assert np.array_equal(by_row, np.concatenate(places))
    assert 0.3 < (by_row != NODATA).mean() < 0.99


def test_pixels_are_counted_in_each_part_and_not_between_them(town, write):
    far = (300, 400, 500, 600)
    paths = [write("a", town, (0, 100, 0, 200)), write("b", town, far)]
    source = joined(paths)
    assert source.shape == SHAPE
    assert source.megapixels == pytest.approx((100 * 200 + 100 * 100) / 1e6)
