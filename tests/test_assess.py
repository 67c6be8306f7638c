"""A network assessed from windows: the estimate is right, and so is what it says of its error."""

from __future__ import annotations

import json
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import CRS

from roadex.config import NODATA, ScoreConfig
from roadex.errors import ScoreError
from roadex.network.tables import read_provenance
from roadex.probability.source import ArraySource
from roadex.scoring.assessment import assess
from roadex.scoring.metrics.completeness import measure
from roadex.scoring.metrics.lines import LineNetwork
from roadex.scoring.sample_windows import draw_windows, squares_of

UTM = CRS.from_epsg(32633)
ORIGIN = np.array([400_000.0, 5_600_000.0])
FAST = ScoreConfig(line_step_m=4.0, bootstrap_samples=400)


def imagery(width_m, height_m, *, gsd=10.0, hole=None, crs=UTM):
    """Return probability of which only the extent matters."""
    values = np.zeros((round(height_m / gsd), round(width_m / gsd)), dtype=np.uint8)
    if hole is not None:
        values[hole] = NODATA
    x, y = ORIGIN
    return ArraySource(values, Affine(gsd, 0, x, 0, -gsd, y + height_m), crs)


def place(width_m=3000.0, height_m=2000.0, *, seed=0, found=0.8, false=0.12):
    """Return true roads and a network: dense streets in one half, few roads in the other."""
    rng = np.random.default_rng(seed)
    x = np.r_[np.arange(60, width_m / 2, 110), np.arange(width_m / 2 + 200, width_m, 480)]
    y = np.arange(50, height_m, 120)
    lines = [
        shapely.LineString(np.array(pair) + ORIGIN + rng.normal(0, 8, (2, 2)))
        for k, a in enumerate(x)
        for j, b in enumerate(y)
        for pair in (
            [[(a, b), (a, min(b + 120, height_m))]]
            + ([[(a, b), (x[k + 1], b)]] if k + 1 < len(x) and (x[k] < width_m / 2 or j % 4 == 0)
               else [])
        )
    ]  # fmt: skip
    truth = np.array(lines, dtype=object)
    # Streets of one neighbourhood are missed together.
    middle = shapely.get_coordinates(shapely.centroid(truth))
    missed = np.sin(middle[:, 0] / 170) + np.sin(middle[:, 1] / 130) + rng.normal(0, 1, len(truth))
    kept = truth[missed < np.quantile(missed, found)]
    starts = ORIGIN + rng.uniform(0, 1, (round(false * len(truth)), 2)) * (width_m, height_m)
    turns = rng.uniform(0, np.pi, len(starts))
    ends = starts + 90 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    made_up = shapely.linestrings(np.stack([starts, ends], axis=1))
    return SimpleNamespace(
        truth=gpd.GeoSeries(truth, crs=UTM),
        roads=gpd.GeoSeries([*kept, *made_up], crs=UTM),
        source=imagery(width_m, height_m),
    )  # fmt: skip


def mark(windows, truth, state="done"):
    """Return what a person draws: the true roads as far as the windows reach."""
    windows["state"] = state
    area = shapely.union_all(windows.to_crs(truth.crs).geometry.to_numpy())
    met = shapely.STRtree(truth.to_numpy()).query(area, predicate="intersects")
    drawn = shapely.get_parts(shapely.intersection(truth.to_numpy()[met], area))
    return gpd.GeoSeries(drawn[shapely.length(drawn) > 0], crs=truth.crs)


def truly(site):
    """Return the scores of the whole imagery."""
    scores = measure(
        *(LineNetwork.from_lines(side.to_numpy()) for side in (site.roads, site.truth)), FAST
    )
    return scores["completeness"], scores["correctness"], scores["true_km"]


@pytest.fixture(scope="module")
def site():
    return place()


def test_all_squares_together_give_the_score_of_the_whole(site):
    squares = squares_of(site.source, 100)
    windows = draw_windows(squares, site.roads, n_windows=10_000, seed=0)
    assert len(windows) == len(squares) == 600
    found = assess(site.roads, windows, mark(windows, site.truth), FAST)
    # Ends of roads stand out of the imagery by some metres.
    completeness, correctness, true_km = truly(site)
    assert found.completeness.value == pytest.approx(completeness, abs=0.002)
    assert found.correctness.value == pytest.approx(correctness, abs=0.004)
    assert found.true_km.value == pytest.approx(true_km, rel=0.01)
    assert found.completeness.low == found.completeness.high == found.completeness.value


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [{"found": 0.8}, {"found": 0.6, "false": 0.5}, {"found": 0.98, "false": 0.01}], ids=str
)
def test_intervals_hold_the_truth_as_often_as_they_say(kind):
    site = place(**kind)
    squares = squares_of(site.source, 100)
    whole = draw_windows(squares, site.roads, n_windows=10_000, seed=0)
    true = assess(site.roads, whole, mark(whole, site.truth), FAST)
    held = dict.fromkeys(("completeness", "correctness", "true_km"), 0)
    for seed in range(200):
        windows = draw_windows(squares, site.roads, n_windows=50, seed=seed)
        found = assess(site.roads, windows, mark(windows, site.truth), FAST)
        for name in held:
            estimate, value = getattr(found, name), getattr(true, name).value
            held[name] += estimate.low <= value <= estimate.high
    assert min(held.values()) >= 180, held  # of 200, at a confidence of 0.95


def line(*points):
    return shapely.LineString(np.array(points, dtype=float) + ORIGIN)


def few_windows(**columns):
    """Return two windows out of ten squares with roads, and two out of ninety without."""
    corners = np.array([(0, 0), (200, 0), (0, 200), (200, 200)]) + ORIGIN
    frame = {
        "window_id": [1, 2, 3, 4],
        "stratum": ["roads", "roads", "no roads", "no roads"],
        "state": "done",
        "imaged_m2": 1e4,
        "stratum_m2": [1e5, 1e5, 9e5, 9e5],
        "stratum_squares": [10, 10, 90, 90],
    } | columns
    areas = [shapely.box(x - 10, y - 10, x + 110, y + 110) for x, y in corners]
    return gpd.GeoDataFrame(frame, geometry=areas, crs=UTM)


FOUND = [line((0, 50), (100, 50)), line((200, 50), (300, 50))]
MISSED = line((0, 250), (50, 250))


def series(*lines):
    return gpd.GeoSeries(list(lines), crs=UTM)


def test_windows_stand_for_the_area_of_their_stratum():
    # 10 / 2 * 200 m are found; 90 / 2 * 50 m are not.
    found = assess(series(*FOUND), few_windows(), series(*FOUND, MISSED))
    assert found.completeness.value == pytest.approx(1000 / (1000 + 2250), abs=1e-4)
    assert found.correctness.value == 1
    assert found.true_km.value == pytest.approx(3.25)
    assert found.true_km.low < 3.25 < found.true_km.high


def test_windows_that_agree_are_no_certainty():
    found = assess(series(*FOUND), few_windows(), series(*FOUND))
    # Two windows with roads: 0.025 ** (1 / 2).
    assert found.correctness.low == pytest.approx(0.1581, abs=1e-4)
    assert found.correctness.high == 1


@pytest.mark.parametrize("step", [1.0, 4.0, 7.0])
def test_lengths_in_a_square_are_exact_whatever_the_step(step):
    # Drawn from edge to edge of the window, 10 m outside the square.
    road = line((-10, 37), (110, 61))
    config = ScoreConfig(line_step_m=step)
    found = assess(series(road), few_windows(), series(road), config)
    inside = road.intersection(shapely.box(*ORIGIN, *(ORIGIN + 100))).length
    assert found.true_km.value == pytest.approx(10 / 2 * inside / 1000, abs=1e-4)
    assert found.completeness.value == found.correctness.value == 1


@pytest.mark.parametrize(("beyond", "is_right"), [(4, True), (20, False)])
def test_a_road_at_the_edge_matches_a_true_one_in_the_margin(beyond, is_right):
    ours, true = line((0, 99), (100, 99)), line((0, 99 + beyond), (100, 99 + beyond))
    found = assess(series(ours), few_windows(), series(true))
    assert found.correctness.value == (1 if is_right else 0)
    assert found.completeness.value is None  # the true road lies in no square


def test_only_windows_that_are_done_count_and_the_rest_is_said():
    three = few_windows(
        stratum=["roads", "roads", "roads", "roads"], stratum_m2=1e5, stratum_squares=10,
        state=["done", "done", "unclear", None],
    )  # fmt: skip
    away = line((900, 900), (950, 900))
    drawn = line((210, 250), (290, 250))
    found = assess(series(*FOUND), three, series(*FOUND, drawn, away))
    assert (found.windows, found.done, found.unclear) == (4, 2, 1)
    assert found.completeness.value == 1
    assert found.notes == (
        "windows with drawn roads but no state, which do not count: 1",
        "drawn lines outside of all windows: 1",
    )


def test_without_roads_nothing_is_told():
    found = assess(series(), few_windows(), series())
    assert found.completeness.value is found.correctness.value is found.true_km.value is None


@pytest.mark.parametrize(
    ("columns", "config", "message"),
    [
        ({"state": ["done", "done", "done", None]}, {}, "1 windows of the kind 'no roads' are"),
        ({"state": ["done", "done", "done", "ok"]}, {}, "state 'ok'; it is done, unclear"),
        ({}, {"line_buffer_m": 12.0}, "tolerance is at most 10 m"),
        ({"imaged_m2": "a"}, {}, "were changed"),
        ({"stratum_m2": np.inf}, {}, "were changed"),
        ({"stratum": None}, {}, "were changed"),
    ],
)  # fmt: skip
def test_what_cannot_be_assessed_is_said(columns, config, message):
    with pytest.raises(ScoreError, match=message):
        assess(series(*FOUND), few_windows(**columns), series(*FOUND), ScoreConfig(**config))


@pytest.mark.parametrize(
    "broken", [None, shapely.Point(4e5, 5.6e6), shapely.box(np.inf, 0, 1, 1), shapely.Polygon()]
)
def test_windows_that_another_program_broke_are_refused(broken):
    windows = few_windows()
    windows.geometry = [broken, *windows.geometry[1:]]
    with pytest.raises(ScoreError, match="were changed"):
        assess(series(*FOUND), windows, series(*FOUND))


def test_a_layer_without_windows_is_refused():
    """Programs that write an empty table may make texts of its numbers."""
    windows = few_windows().iloc[:0].astype({"stratum_squares": object})
    with pytest.raises(ScoreError, match="were changed"):
        assess(series(*FOUND), windows, series(*FOUND))


def test_a_layer_of_something_else_is_refused():
    with pytest.raises(ScoreError, match="no windows of `roadex assess`: columns stratum_m2"):
        assess(series(*FOUND), few_windows().drop(columns="stratum_m2"), series())


def test_windows_are_drawn_from_both_strata_and_only_where_there_is_imagery(site):
    source = imagery(3000, 2000, hole=np.s_[:, 200:])
    squares = squares_of(source, 100)
    assert len(squares) == 20 * 20
    windows = draw_windows(squares, site.roads, n_windows=40, seed=3)
    assert windows.stratum.value_counts().to_dict() == {"roads": 24, "no roads": 16}
    centres = windows.geometry.centroid
    assert centres.x.max() < ORIGIN[0] + 2000
    inside = shapely.buffer(windows.geometry.to_numpy(), -10, join_style="mitre")
    has_roads = [bool(site.roads.intersects(square).any()) for square in inside]
    assert has_roads == (windows.stratum == "roads").tolist()
    assert windows.groupby("stratum").stratum_m2.first().sum() == pytest.approx(4e6, rel=1e-3)
    again = draw_windows(squares, site.roads, n_windows=40, seed=3)
    assert again.equals(windows)
    assert not draw_windows(squares, site.roads, n_windows=40, seed=4).equals(windows)


def test_squares_measure_on_the_ground_in_degrees_too():
    degrees = 10 / 111_320
    values = np.zeros((200, 300), dtype=np.uint8)
    transform = Affine(2 * degrees, 0, 15.0, 0, -degrees, 60.0)  # 10 m by 10 m at 60 degrees
    squares = squares_of(ArraySource(values, transform, CRS.from_epsg(4326)), 100)
    assert len(squares) == 20 * 30
    assert squares.area.mean() == pytest.approx(1e4, rel=0.01)
    assert squares.imaged_m2.to_numpy() == pytest.approx(squares.area.to_numpy(), rel=0.01)


def test_no_imagery_is_no_sample():
    source = imagery(500, 500, hole=np.s_[:, :])
    with pytest.raises(ScoreError, match="nodata nearly everywhere"):
        draw_windows(squares_of(source, 100), series(), n_windows=9, seed=0)


def test_the_command_draws_windows_and_tells_from_the_marked_ones(
    call, finished_run, tmp_path, capsys
):
    file = tmp_path / "assessment[b]:car:.gpkg"
    assert call("assess", finished_run, "-o", file, "--windows", "8", "--size", "40") == 0
    assert f"--marked {file}" in capsys.readouterr().out
    edges = gpd.read_file(finished_run / "roads.gpkg", layer="road_edges")
    windows = gpd.read_file(file, layer="windows")
    truth = gpd.read_file(file, layer="truth")
    assert (len(windows), len(truth)) == (8, 0)
    assert truth.crs == windows.crs == edges.crs
    assert pyogrio.read_info(file, layer="truth")["geometry_type"] == "LineString"
    styles = pyogrio.read_dataframe(file, layer="layer_styles", read_geometry=False)
    assert set(styles.f_table_name) == {"windows", "truth"}

    assert call("assess", finished_run, "--marked", file) == 2
    assert "set state to done" in capsys.readouterr().err

    # A person who finds just what the network has.
    windows["state"] = "done"
    windows.to_file(file, layer="windows")
    drawn = edges[["geometry"]].assign(note=None)
    drawn.to_file(file, layer="truth")
    told = tmp_path / "told.json"
    assert call("assess", finished_run, "--marked", file, "--json", told) == 0
    assert "8 of 8 windows done" in capsys.readouterr().out
    content = json.loads(told.read_text())
    assert content["completeness"]["value"] == content["correctness"]["value"] == 1
    assert 0 < content["completeness"]["low"] < 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--json", "x.json"], "--json has no effect without --marked"),
        (["--marked", "no.gpkg", "--size", "50"], "--size has no effect with --marked"),
        (["--marked", "no.gpkg"], "no.gpkg"),
    ],
)
def test_the_command_refuses_what_has_no_effect(call, finished_run, words, message, capsys):
    assert call("assess", finished_run, *words) == 2
    assert message in capsys.readouterr().err


def test_windows_name_the_run_they_are_of(call, finished_run, tmp_path, monkeypatch):
    monkeypatch.chdir(finished_run)
    file = tmp_path / "assessment.gpkg"
    assert call("assess", ".", "-o", file, "--windows", "6", "--size", "40") == 0
    assert read_provenance(file)["assessed"] == finished_run.name


def test_another_probability_is_not_needed_to_assess(call, finished_run, tmp_path):
    """The windows of one network serve for the next one of the same imagery."""
    file = tmp_path / "assessment.gpkg"
    assert call("assess", finished_run, "-o", file, "--windows", "6", "--size", "40") == 0
    windows = gpd.read_file(file, layer="windows").assign(state="done")
    windows.to_file(file, layer="windows")
    assert call("assess", finished_run / "roads.gpkg", "--marked", file) == 0
    with rasterio.open(finished_run / "probability.tif") as raster:
        assert (
            shapely.box(*raster.bounds)
            .buffer(10)
            .contains(shapely.box(*windows.to_crs(raster.crs).total_bounds).buffer(-1))
        )
