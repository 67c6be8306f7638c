"""Geometry: turned, wrapped and polar scenes keep their ground; what has no place is one line."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from pyproj import Transformer
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.rpc import RPC
from rasterio.windows import Window
from scipy.ndimage import binary_erosion, map_coordinates

import roadex
from roadex.config import VectorConfig
from roadex.errors import SceneError
from roadex.imagery.georeference import require_earth
from roadex.imagery.longitudes import outline_in_degrees
from roadex.imagery.reader import open_grid
from roadex.imagery.scene import open_scene
from roadex.imagery.turning import turn_of
from roadex.network.line_reader import read_lines
from roadex.network.merge import merge
from roadex.probability.source import RasterSource

PLACE = Affine(1, 0, 500_000, 0, -1, 5_400_000)
DEGREE = 1 / 111_320
LOCAL = 'LOCAL_CS["site grid",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]'
ENGINEERING = (
    'ENGCRS["works",EDATUM["works"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],'
    'LENGTHUNIT["metre",1]]'
)
MOON = (
    'GEOGCS["Moon 2000",DATUM["D_Moon_2000",SPHEROID["Moon_2000",1737400,0]],'
    'PRIMEM["Reference_Meridian",0],UNIT["degree",0.0174532925199433]]'
)
MARS = 'PROJCS["Mars",GEOGCS["Mars",DATUM["D_Mars",SPHEROID["Mars",3396190,169.89]],' \
    'PRIMEM["0",0],UNIT["degree",0.0174532925199433]],PROJECTION["Equirectangular"],' \
    'PARAMETER["standard_parallel_1",0],PARAMETER["central_meridian",0],' \
    'PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1]]'  # fmt: skip
NO_PLACE = {
    "local": (LOCAL, "local CRS"),
    "engineering": (ENGINEERING, "local CRS"),
    "geocentric": (CRS.from_epsg(4978).to_wkt(), "geocentric"),
    "moon": (MOON, "not a place on the Earth.*1737 km"),
    "mars": (MARS, "not a place on the Earth.*3396 km"),
}


def sampled(pixels, transform, grid, crs):
    """Return pixels sampled bilinearly at the centres of a grid: what a warp should give."""
    rows, cols = np.mgrid[: grid.shape[0], : grid.shape[1]] + 0.5
    x, y = grid.transform.a * cols + grid.transform.c, grid.transform.e * rows + grid.transform.f
    if crs != grid.crs:
        to_scene = Transformer.from_crs(grid.crs.to_wkt(), crs.to_wkt(), always_xy=True)
        x, y = to_scene.transform(x, y)
    back = ~transform
    at = [back.d * x + back.e * y + back.f - 0.5, back.a * x + back.b * y + back.c - 0.5]
    return np.stack([map_coordinates(band, at, order=1, mode="nearest") for band in pixels])


@pytest.mark.parametrize("turn", [Affine.rotation(30), Affine.rotation(77), Affine.shear(20, 0)])
def test_a_turned_scene_is_as_sharp_as_bilinear_sampling(read_scene, write, turn):
    # Larger than the blocks GDAL warps at a time: it takes the pixel size from them.
    noisy = np.random.default_rng(0).integers(20, 230, (3, 240, 240), dtype=np.uint8)
    read = read_scene(write(noisy, transform=PLACE @ turn))
    expected = sampled(noisy.astype(float), PLACE @ turn, read.grid, read.scene.crs)
    within = binary_erosion(read.valid, iterations=3)
    assert within.sum() > 3000
    assert np.abs(read.image - expected)[:, within].max() <= 0.6
    steps = [np.abs(np.diff(image))[:, within[:, 1:] & within[:, :-1]].mean()
             for image in (read.image, expected)]  # fmt: skip
    assert steps[0] >= 0.95 * steps[1]


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_quarter_turn_needs_no_resampling(read_scene, write, pixels, quarters, mirrored):
    wide = pixels[:, :60]
    turn = Affine.rotation(90 * quarters) @ Affine.scale(1, -1 if mirrored else 1)
    read = read_scene(write(wide, transform=PLACE @ turn))
    assert read.grid.is_native
    assert read.valid.all()
    for row, col in ((0, 0), (11, 53), (59, 7)):
        x, y = PLACE @ turn @ (col + 0.5, row + 0.5)
        at = ~read.grid.transform @ (x, y)
        np.testing.assert_array_equal(read.image[:, int(at[1]), int(at[0])], wide[:, row, col])
    with open_grid(read.scene, read.grid) as reader:
        part, _ = reader.read(Window(13, 22, 30, 25))
    np.testing.assert_array_equal(part, read.image[:, 22:47, 13:43])


def test_a_hair_of_skew_is_none(read_scene, write, pixels):
    read = read_scene(write(pixels, transform=PLACE @ Affine.shear(1e-9, 0)))
    assert read.grid.is_native
    np.testing.assert_array_equal(read.image, pixels)


@pytest.mark.parametrize(("shape", "is_straight"), [((50, 10_000), True), ((10_000, 50), False)])
def test_skew_counts_by_what_it_moves_over_the_whole_scene(shape, is_straight):
    # Columns lean by a ten-thousandth of a pixel in each row.
    turn = turn_of(Affine(1, 1e-4, 0, 0, -1, 0), shape)
    assert (turn is not None) == is_straight


@pytest.mark.parametrize("west", [287.4, -432.6, 170.0 - 360])
def test_longitudes_beyond_180_are_the_same_place(read_scene, write, pixels, west):
    def at(longitude):
        place = Affine(DEGREE / np.cos(np.radians(42.1)), 0, longitude, 0, -DEGREE, 42.1)
        return read_scene(write(pixels, crs="EPSG:4326", transform=place))

    beyond, plain = at(west), at((west + 180) % 360 - 180)
    assert beyond.grid.crs == plain.grid.crs
    assert beyond.grid.transform.almost_equals(plain.grid.transform, 1e-3)
    assert np.abs(beyond.image - plain.image).mean() < 0.01


@pytest.mark.parametrize("west", [180 - 40 * DEGREE, -180 - 40 * DEGREE])
def test_a_scene_across_180_degrees_is_whole(read_scene, write, pixels, west):
    place = Affine(DEGREE, 0, west, 0, -DEGREE, 0.001)
    read = read_scene(write(pixels, crs="EPSG:4326", transform=place))
    assert read.valid.sum() == pytest.approx(80 * 80, rel=0.02)
    plain = read_scene(
        write(
            pixels,
            crs="EPSG:4326",
            transform=Affine(DEGREE, 0, 177 - 40 * DEGREE, 0, -DEGREE, 0.001),
        )
    )
    inner = (slice(None), slice(8, 72), slice(8, 72))
    assert np.abs(read.image[inner].mean() - plain.image[inner].mean()) < 0.5
    assert read.image[inner].std() == pytest.approx(plain.image[inner].std(), rel=0.05)


@pytest.mark.parametrize("side", [1, -1])
def test_a_web_map_across_180_degrees_is_whole(read_scene, write, pixels, side):
    half = 20_037_508.342789244
    place = Affine(1, 0, side * half - 40, 0, -1, 1_000_000)
    read = read_scene(write(pixels, crs="EPSG:3857", transform=place))
    plain = read_scene(
        write(pixels, crs="EPSG:3857", transform=Affine(1, 0, half - 5000, 0, -1, 1_000_000))
    )
    assert read.valid.sum() == plain.valid.sum() > 6300
    assert read.image.mean() == pytest.approx(plain.image.mean(), abs=0.5)


def test_the_outline_of_a_scene_across_180_degrees_is_cut_there():
    place = Affine(DEGREE, 0, 180 - 40 * DEGREE, 0, -DEGREE, -16.8)
    outline = outline_in_degrees(pyproj.CRS.from_epsg(4326), place, (80, 80))
    parts = shapely.geometry.shape(outline)
    assert outline["type"] == "MultiPolygon"
    assert parts.area == pytest.approx((80 * DEGREE) ** 2, rel=1e-3)
    assert sorted(round(part.bounds[0]) for part in parts.geoms) == [-180, 180]


@pytest.mark.parametrize(("epsg", "pole"), [(3413, 90), (3031, -90)])
def test_the_outline_of_a_scene_holds_its_pole(epsg, pole):
    place = Affine(1, 0, -40, 0, -1, 40)
    cap = shapely.geometry.shape(outline_in_degrees(pyproj.CRS.from_epsg(epsg), place, (80, 80)))
    near, far = sorted(cap.bounds[1::2], key=abs)
    assert far == pole
    assert 89.999 < abs(near) < 90
    assert cap.equals(shapely.box(-180, min(near, far), 180, max(near, far)))


@pytest.mark.parametrize(
    ("crs", "place", "expected"),
    [
        ("EPSG:4326", Affine(DEGREE / np.cos(np.radians(86)), 0, 20, 0, -DEGREE, 86), 5041),
        ("EPSG:4326", Affine(DEGREE / np.cos(np.radians(-85)), 0, 20, 0, -DEGREE, -85), 5042),
        ("EPSG:3413", Affine(1, 0, -40, 0, -1, 40), 5041),
    ],
)
def test_scenes_at_the_poles_are_brought_to_the_polar_projection(
    read_scene, write, pixels, crs, place, expected
):
    read = read_scene(write(pixels, crs=crs, transform=place))
    assert read.grid.crs.to_epsg() == expected
    area = 80 * 80 * read.scene.gsd_m**2
    assert read.valid.sum() == pytest.approx(area, rel=0.04)


@pytest.mark.parametrize("kind", NO_PLACE)
def test_a_scene_off_the_map_is_refused_with_what_to_do(write, pixels, kind):
    wkt, said = NO_PLACE[kind]
    with pytest.raises(SceneError, match=said):
        open_scene([write(pixels, crs=CRS.from_wkt(wkt))])


@pytest.mark.parametrize("kind", NO_PLACE)
def test_a_probability_raster_off_the_map_is_refused_by_vectorize(write, kind):
    wkt, said = NO_PLACE[kind]
    mask = np.zeros((40, 40), np.uint8)
    mask[18:22] = 1
    with pytest.raises(SceneError, match=said):
        RasterSource.open(write(mask, crs=CRS.from_wkt(wkt)))


def test_lines_off_the_map_are_refused_by_score_and_merge(tmp_path):
    import geopandas

    lines = geopandas.GeoDataFrame(
        {"kind": ["road"]}, geometry=[shapely.LineString([(0, 0), (1, 1)])], crs=MOON
    )
    lines.to_file(tmp_path / "roads.gpkg")
    with pytest.raises(SceneError, match="not a place on the Earth"):
        read_lines(str(tmp_path / "roads.gpkg"))
    with pytest.raises(SceneError, match="not a place on the Earth"):
        merge([(lines, lines)])


def test_ground_control_points_alone_get_their_own_advice(write, pixels):
    points = [
        GroundControlPoint(row=row, col=col, x=500_000 + col, y=5_400_000 - row)
        for row, col in ((0, 0), (0, 80), (80, 0), (80, 80))
    ]
    path = write(pixels, gcps=points, transform=None)
    with pytest.raises(SceneError, match=r"4 ground control points.*gdalwarp -tps"):
        open_scene([path])
    with pytest.raises(SceneError, match=r"4 ground control points.*gdalwarp -tps"):
        RasterSource.open(path)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_rpcs_alone_get_their_own_advice(write, pixels):
    one = [1.0] + [0.0] * 19
    rpcs = RPC(
        height_off=100, height_scale=500, lat_off=42, lat_scale=0.1, long_off=-72, long_scale=0.1,
        line_off=40, line_scale=40, samp_off=40, samp_scale=40, line_num_coeff=one,
        line_den_coeff=one, samp_num_coeff=one, samp_den_coeff=one, err_bias=0.5, err_rand=0.5,
    )  # fmt: skip
    with pytest.raises(SceneError, match=r"RPCs.*gdalwarp -rpc -to RPC_DEM"):
        open_scene([write(pixels, crs=None, transform=None, rpcs=rpcs)])


@pytest.mark.parametrize(
    "transform",
    [
        Affine(1, 0, 5e5, 0, 0, 54e5),  Affine(1, 1, 5e5, 1, 1, 54e5),
        Affine(1, 0, np.nan, 0, -1, 54e5), Affine(1, 0, np.inf, 0, -1, 54e5),
    ],
)  # fmt: skip
def test_pixels_without_area_or_place_are_refused(write, pixels, transform):
    with pytest.raises(SceneError, match="georeference"):
        open_scene([write(pixels, transform=transform)])


@pytest.mark.parametrize(
    "transform",
    [Affine(1, 0, 0, 0, 1, 0), Affine(1, 0, 0, 0, -1, 0), Affine(1e-12, 0, 5e5, 0, -1e-12, 54e5),
     Affine(1, 0, 1e300, 0, -1, 54e5), Affine(1e200, 0, 5e5, 0, -1e200, 54e5)],
)  # fmt: skip
@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_pixels_that_cannot_be_told_apart_or_lie_nowhere_are_refused(write, pixels, transform):
    path = write(pixels, transform=transform)
    with pytest.raises(SceneError, match="georeference"):
        open_scene([path])
    with pytest.raises(SceneError, match="georeference"):
        RasterSource.open(path, reading="byte")


@pytest.mark.parametrize(
    "transform", [Affine(1e-5, 0, 5e5, 0, -1e-5, 54e5), Affine(1, 0, 15, 0, -1e-9, 90)]
)
def test_roads_of_pixels_without_size_are_refused(write, pixels, transform):
    crs = "EPSG:4326" if transform.c == 15 else "EPSG:32633"
    path = write((pixels[0] > 160).astype(np.uint8), transform=transform, crs=crs)
    with pytest.raises(SceneError, match="do not belong together"):
        roadex.vectorize(path)


def test_a_place_off_its_crs_is_refused(write, pixels):
    with pytest.raises(SceneError, match="do not belong together"):
        open_scene([write(pixels, transform=Affine(1, 0, 1e12, 0, -1, 1e12))])


@pytest.mark.parametrize("epsg", [4326, 32633, 2249, 3857, 5555, 4979, 27700, 3413])
def test_coordinate_systems_of_the_earth_pass(epsg):
    require_earth(pyproj.CRS.from_epsg(epsg), "scene.tif")


def test_roads_at_287_degrees_are_as_long_as_at_minus_73(write):
    from roadex.network.vectorize import vectorize

    mask = np.zeros((120, 120), np.uint8)
    mask[56:64, 10:110] = 1
    lengths = []
    for west in (287.4, -72.6):
        transform = Affine(DEGREE / np.cos(np.radians(42.1)), 0, west, 0, -DEGREE, 42.1)
        source = RasterSource.open(write(mask, crs="EPSG:4326", transform=transform))
        lengths.append(vectorize(source, config=VectorConfig()).edges.length_m.sum())
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-6)
    assert 85 < lengths[0] < 105


def test_feet_are_metres_on_the_grid(read_scene, write, pixels):
    foot = 0.3048006096012192
    place = Affine(1 / foot, 0, 344_488, 0, -1 / foot, 2_874_016)
    read = read_scene(write(pixels, crs="EPSG:2249", transform=place))
    assert read.valid.sum() == pytest.approx(80 * 80, rel=0.03)


def test_a_world_file_elsewhere_is_said(read_scene, write, tmp_path, pixels):
    path = write(pixels)
    (tmp_path / "scene.tfw").write_text("1\n0\n0\n-1\n500000.5\n5399999.5\n")
    assert "elsewhere" not in read_scene(path).said  # says the same
    (tmp_path / "scene.tfw").write_text("2.0\n0.0\n0.0\n-2.0\n300000.0\n900000.0\n")
    read = read_scene(path)
    assert read.grid.transform == PLACE
    assert "scene.tfw places" in read.said


def test_a_scene_beyond_the_pole_is_refused(write, pixels):
    beyond = Affine(DEGREE, 0, 10, 0, -DEGREE, 90 + 60 * DEGREE)
    with pytest.raises(SceneError, match="do not belong together"):
        open_scene([write(pixels, crs="EPSG:4326", transform=beyond)])
