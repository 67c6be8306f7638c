"""Rough clicks along drawn roads become their centre lines."""

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from scipy.ndimage import gaussian_filter

from roadex.network.snapping import LONGEST_PX, snap_lines

CRS = "EPSG:32633"
SHAPE = (500, 700)


def curve(n=200):
    """Return a winding road in pixels, ``(col, row)``."""
    x = np.linspace(20, 680, n)
    return np.stack([x, 250 + 90 * np.sin(x / 95) + 30 * np.sin(x / 41)], axis=1)


def in_map(points, gsd=1.0):
    """Return pixel corners ``(col, row)`` in the CRS of the drawn probability."""
    return np.array(points, dtype=float) * (gsd, -gsd) + (400_000, 5_600_000)


def frame(*lines, gsd=1.0, **columns):
    geometry = [shapely.LineString(in_map(line, gsd)) for line in lines]
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=CRS)


def clicks(line, *, every, off, seed=0):
    """Return points beside a line, as a hasty person clicks them."""
    road = shapely.LineString(line)
    along = np.arange(30, road.length - 30, every)
    here, there = (shapely.get_coordinates(road.interpolate(along + d)) for d in (-0.5, 0.5))
    normal = (there - here)[:, ::-1] * (-1, 1)
    side = np.random.default_rng(seed).choice([-1.0, 1.0], (len(along), 1))
    return (here + there) / 2 + off * side * normal


def blurred_and_noisy(probability, seed):
    """Return probability with soft edges, and blotches where there is no road."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=probability.shape), 3)
    noisy = gaussian_filter(probability.astype(float), 1.5) + 200 * noise
    return noisy.clip(0, 254).astype(np.uint8)


@pytest.mark.parametrize("width", [4, 8, 14, 20])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_soft_and_noisy_roads_give_their_centre_line_too(draw_roads, make_source, width, seed):
    road = curve()
    source = make_source(blurred_and_noisy(draw_roads([road], SHAPE, width=width), seed))
    snapped = snap_lines(frame(clicks(road, every=70, off=8, seed=seed)), source)
    places = shapely.points(shapely.get_coordinates(snapped.geometry.segmentize(0.5)))
    away = shapely.distance(places, shapely.LineString(in_map(road)))
    assert away.max() <= 1.5
    assert np.sqrt(np.mean(away**2)) <= 0.35


@pytest.mark.parametrize("gsd", [0.5, 1.0])
@pytest.mark.parametrize("width", [4, 8, 14, 20])
def test_clicks_eight_pixels_beside_a_road_give_its_centre_line(
    draw_roads, make_source, width, gsd
):
    road = curve()
    source = make_source(draw_roads([road], SHAPE, width=width), gsd=gsd)
    rough = frame(clicks(road, every=70, off=8), gsd=gsd)
    snapped = snap_lines(rough, source, search_m=10 * gsd)
    truth = shapely.LineString(in_map(road, gsd))
    places = shapely.points(shapely.get_coordinates(snapped.geometry.segmentize(0.5)))
    assert truth.distance(places).max() <= 1.0 * gsd
    assert snapped.length.iloc[0] > 0.97 * (truth.length - 60 * gsd)
    assert snapped.snapped.all()
    assert snapped.prob_mean.iloc[0] > 0.85


def test_the_way_keeps_to_its_road_where_another_one_crosses(draw_roads, make_source):
    road = curve()
    crossing = [(300, 0), (340, 499)]
    source = make_source(draw_roads([road, crossing], SHAPE, width=7))
    snapped = snap_lines(frame(clicks(road, every=90, off=6)), source)
    truth = shapely.LineString(in_map(road))
    places = shapely.points(shapely.get_coordinates(snapped.geometry.segmentize(0.5)))
    assert truth.distance(places).max() <= 1.5  # junctions are wide


def test_a_click_nearer_to_a_side_road_leaves_no_spike(draw_roads, make_source):
    main_road, side_road = [(10, 250), (690, 250)], [(350, 250), (350, 400)]
    source = make_source(draw_roads([main_road, side_road], SHAPE, width=6))
    snapped = snap_lines(frame([(100, 253), (352, 285), (600, 247)]), source)
    assert snapped.geometry.iloc[0].is_simple
    assert snapped.length.iloc[0] == pytest.approx(500, abs=4)


def test_a_line_over_nothing_stays_straight(draw_roads, make_source):
    source = make_source(draw_roads([[(10, 10), (60, 10)]], SHAPE))
    drawn = frame([(100, 100), (340, 213), (600, 400)])
    snapped = snap_lines(drawn, source)
    assert drawn.geometry.iloc[0].hausdorff_distance(snapped.geometry.iloc[0]) < 1.5
    assert snapped.prob_mean.iloc[0] == 0


def test_attributes_and_crs_stay_and_what_cannot_be_snapped_is_as_it_was(draw_roads, make_source):
    road = [(10, 100), (690, 100)]
    source = make_source(draw_roads([road], SHAPE, width=6))
    lines = frame(
        [(50, 105), (300, 96)], [(50, 105), (900, 96)], [(300, 96), (706, 96)],
        name=["inside", "leaves", "ends just outside"],
    ).to_crs(4326)  # fmt: skip
    snapped = snap_lines(lines, source)
    assert snapped.crs == lines.crs
    assert snapped.name.tolist() == ["inside", "leaves", "ends just outside"]
    assert snapped.snapped.tolist() == [True, False, True]
    assert snapped.geometry.iloc[1] == lines.geometry.iloc[1]
    # Two lines that end at one click end at one place.
    assert snapped.geometry.iloc[0].coords[-1] == snapped.geometry.iloc[2].coords[0]
    row = snapped.geometry.to_crs(CRS).iloc[0]
    middle = shapely.LineString(in_map(road))
    assert row.hausdorff_distance(middle.intersection(row.buffer(2))) < 2


def test_windows_stay_small_whatever_the_raster(make_source, draw_roads):
    """A long line in a large raster is read in windows round its stretches."""
    small = draw_roads([[(0, 40), (3000, 40)]], (80, 3000), width=6)

    class Watched:
        shape, transform, crs = (80, 3000), make_source(small).transform, make_source(small).crs
        largest = 0

        def read(self, row, col, height, width):
            self.largest = max(self.largest, width)
            return small[row : row + height, col : col + width]

    source = Watched()
    snapped = snap_lines(frame([(x, 44) for x in range(20, 2981, 180)]), source)
    assert snapped.snapped.all()
    assert source.largest < LONGEST_PX + 1
    assert not snap_lines(frame([(20, 44), (2900, 44)]), source).snapped.any()


def test_the_command_writes_a_styled_geopackage_with_attributes(
    call, draw_roads, finished_run, tmp_path, capsys
):
    with rasterio.open(finished_run / "probability.tif") as raster:
        west, south, east, north = raster.bounds
        crs = raster.crs
    middle = [(west + 20, south + 20), (east - 20, north - 20)]
    beyond = [(west + 20, south + 20), (east + 20, north)]
    rough = gpd.GeoDataFrame(
        {"name": ["a", "b"]}, geometry=[shapely.LineString(p) for p in (middle, beyond)], crs=crs
    )
    rough.to_file(tmp_path / "rough.geojson")
    result = tmp_path / "snapped.gpkg"
    assert call("snap", finished_run, tmp_path / "rough.geojson", "-o", result) == 0
    assert "1 of 2 lines" in capsys.readouterr().out
    snapped = gpd.read_file(result, layer="snapped")
    assert snapped.name.tolist() == ["a", "b"]
    assert snapped.snapped.tolist() == [True, False]
    styles = gpd.read_file(result, layer="layer_styles")
    assert styles.f_table_name.tolist() == ["snapped"]

    assert call("snap", finished_run, tmp_path / "rough.geojson", "-o", result) == 2
    assert "exists already" in capsys.readouterr().err


def test_the_command_takes_any_probability_raster(call, draw_roads, make_source, tmp_path):
    values = draw_roads([[(10, 40), (190, 40)]], (80, 200), width=6)
    transform = make_source(values).transform
    with rasterio.open(
        tmp_path / "mask.tif", "w", driver="GTiff", height=80, width=200, count=1, dtype="uint8",
        crs=CRS, transform=transform,
    ) as raster:  # fmt: skip
        raster.write((values > 0).astype(np.uint8), 1)
    frame([(30, 45), (170, 36)]).to_file(tmp_path / "rough.gpkg")
    result = tmp_path / "snapped.gpkg"
    assert call("snap", tmp_path / "mask.tif", tmp_path / "rough.gpkg", "-o", result) == 0
    line = gpd.read_file(result, layer="snapped").geometry.iloc[0]
    assert line.hausdorff_distance(shapely.LineString(in_map([(30, 40), (170, 40)]))) < 4
    assert shapely.LineString(in_map([(10, 40), (190, 40)])).buffer(1).contains(line)


def test_lists_in_attributes_are_kept_as_text(call, finished_run, tmp_path):
    with rasterio.open(finished_run / "probability.tif") as raster:
        west, south, east, north = raster.bounds
        crs = raster.crs
    line = shapely.LineString([(west + 20, south + 20), (east - 20, north - 20)])
    text = gpd.GeoDataFrame({"name": ["a"]}, geometry=[line], crs=crs).to_json(to_wgs84=True)
    (tmp_path / "rough.geojson").write_text(text.replace('"a"', '["a", "b"]'))
    result = tmp_path / "snapped.gpkg"
    assert call("snap", finished_run, tmp_path / "rough.geojson", "-o", result) == 0
    assert '"b"' in str(gpd.read_file(result, layer="snapped").name[0]).replace("'", '"')
