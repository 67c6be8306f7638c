import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import CRS, Geod, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info

from roadex.config import VectorConfig
from roadex.errors import SceneError
from roadex.imagery.geodesy import geodesic_lengths_m, metric_crs_at, pixel_size
from roadex.network.vectorize import vectorize
from roadex.probability.source import ArraySource

WGS84 = Geod(ellps="WGS84")
CONFIG = VectorConfig(min_component_m=20)

GRIDS = {
    "metres": ("EPSG:32633", Affine(1, 0, 400_000, 0, -1, 5_600_000), 1.0),
    "feet": ("EPSG:2249", Affine(3, 0, 770_000, 0, -3, 2_950_000), 3 * 1200 / 3937),
    "degrees": ("EPSG:4326", Affine(1.4e-5, 0, 12, 0, -9e-6, 50), 1.0),
    "south-up": ("EPSG:32633", Affine(1, 0, 400_000, 0, 1, 5_599_000), 1.0),
    "rotated": ("EPSG:32633", Affine(0.8, 0.6, 400_000, 0.6, -0.8, 5_600_000), 1.0),
}


@pytest.mark.parametrize("name", GRIDS)
def test_pixel_size_is_measured_on_the_ground(name):
    crs, transform, metres = GRIDS[name]
    pixel = pixel_size(transform, CRS(crs), (200, 200))
    # UTM is up to 0.04 % short at its central meridian, 9e-6 degrees are 1.001 m here.
    assert (pixel.row_m, pixel.col_m) == pytest.approx((metres, metres), rel=4e-3)
    assert pixel.gsd_m == pytest.approx(metres, rel=3e-3)


def test_pixels_on_geographic_grids_are_not_square():
    pixel = pixel_size(Affine(1e-5, 0, 12, 0, -1e-5, 60), CRS("EPSG:4326"), (100, 100))
    assert pixel.aspect == pytest.approx(2, rel=0.01)


def test_the_pixel_that_is_measured_is_in_the_middle():
    size = pixel_size(Affine(0.5, 0, 10, 0, -0.5, 70), CRS("EPSG:4326"), (120, 8))
    _, _, row_m = WGS84.inv(12, 40, 12, 39.5)
    _, _, col_m = WGS84.inv(12, 40, 12.5, 40)
    assert (size.row_m, size.col_m) == pytest.approx((row_m, col_m), rel=1e-9)
    # Far from its central meridian a UTM zone is too long.
    utm = pixel_size(Affine(1e4, 0, 5e5, 0, -1e4, 56e5), CRS("EPSG:32633"), (8, 60))
    to_degrees = Transformer.from_crs(32633, 4326, always_xy=True)
    longitude, latitude = to_degrees.transform([8e5, 8.1e5], [5.56e6, 5.56e6])
    _, _, col_m = WGS84.inv(longitude[0], latitude[0], longitude[1], latitude[1])
    assert utm.col_m == pytest.approx(col_m, rel=1e-6)


def test_transform_that_does_not_fit_the_crs_is_said():
    with pytest.raises(SceneError, match="do not belong together"):
        pixel_size(Affine(1, 0, 1e9, 0, -1, 1e9), CRS("EPSG:32633"), (100, 100))


@pytest.mark.parametrize("name", GRIDS)
def test_length_and_width_are_those_on_the_ground(name, draw_roads):
    crs, transform, metres = GRIDS[name]
    image = draw_roads([[(-10, 90), (210, 110)], [(60, 98), (80, -10)]], (200, 200), width=8)
    network = vectorize(ArraySource(image, transform, CRS(crs)), config=CONFIG)
    assert network.crs == CRS(crs)
    assert sorted(network.nodes.kind) == ["border"] * 3 + ["junction"]
    expected = (np.hypot(200, 20) + np.hypot(18, 98)) * metres
    assert network.edges.length_m.sum() == pytest.approx(expected, rel=0.015)
    assert network.edges.length_m.tolist() == network.edges.length_m.round(3).tolist()
    assert network.edges.width_m.tolist() == pytest.approx([8 * metres] * 3, abs=0.6)


def test_roads_lie_where_they_were_drawn_on_a_south_up_grid(draw_roads):
    crs, transform, _ = GRIDS["south-up"]
    image = draw_roads([[(20, 40), (180, 40)]], (200, 200), width=7)
    line = vectorize(ArraySource(image, transform, CRS(crs)), config=CONFIG).edges.geometry[0]
    assert line.distance(shapely.Point(400_100, 5_599_040)) < 0.6


def test_output_crs_moves_lines_and_keeps_shared_ends(draw_roads, make_source):
    image = draw_roads([[(10, 90), (190, 110)], [(100, 98), (120, 20)]], (200, 200), width=8)
    plain = vectorize(make_source(image), config=CONFIG)
    moved = vectorize(make_source(image), config=CONFIG, output_crs=CRS("EPSG:4326"))
    assert moved.crs == CRS("EPSG:4326")
    assert moved.edges.length_m.tolist() == pytest.approx(plain.edges.length_m.tolist(), abs=2e-3)
    back = moved.edges.to_crs(plain.crs).geometry
    assert shapely.hausdorff_distance(back.values, plain.edges.geometry.values).max() < 1e-3
    for edge in moved.edges.itertuples():
        ends = [shapely.Point(edge.geometry.coords[k]) for k in (0, -1)]
        nodes = moved.nodes.geometry
        assert [e.wkb for e in ends] == [nodes[edge.u].wkb, nodes[edge.v].wkb]


def test_geodesic_length_of_a_known_line():
    line = shapely.LineString([(12, 50), (13, 50.5), (13.2, 50.1)])
    expected = WGS84.geometry_length(line)
    lengths = geodesic_lengths_m(np.array([line, line.reverse()]), CRS("EPSG:4326"))
    assert lengths == pytest.approx([expected, expected], rel=1e-9)


@pytest.mark.parametrize(
    ("longitude", "latitude"),
    [(10.3, 50), (12, 50), (-180, 10), (180, -10), (-72.6, 42.1), (5, 60), (0, 0), (31, -80)],
)
def test_the_utm_zone_of_a_place_is_that_of_the_database_of_proj(longitude, latitude):
    west = -180 if longitude == 180 else longitude
    place = AreaOfInterest(west, latitude, west, latitude)
    first = query_utm_crs_info("WGS 84", place)[0]  # of two at a border the western one
    assert metric_crs_at(longitude, latitude).to_epsg() == int(first.code)


@pytest.mark.parametrize(("latitude", "code"), [(84, 32631), (84.1, 5041), (-80.1, 5042)])
def test_beyond_utm_there_are_the_polar_projections(latitude, code):
    assert metric_crs_at(3, latitude).to_epsg() == code
