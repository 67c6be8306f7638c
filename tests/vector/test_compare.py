"""A network compared with a reference of which is known what was taken out, moved and made up."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.affinity import translate

from roadex.config import CompareConfig
from roadex.network.conflation import compare_networks
from roadex.network.reference import LANE_WIDTH_M, Reference, read_reference

CRS = "EPSG:32633"
BLOCK = 100.0


def streets(n=12):
    """Return the streets of a town as edges from crossing to crossing, slightly bent."""
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    points = np.stack([x, y], axis=-1) * BLOCK + rng.normal(0, 12, (n, n, 2))
    pairs = [((i, j), (i + 1, j)) for i in range(n - 1) for j in range(n)]
    pairs += [((i, j), (i, j + 1)) for i in range(n) for j in range(n - 1)]
    return np.array([shapely.LineString([points[a], points[b]]) for a, b in pairs], dtype=object)


def network(lines, **columns):
    data = {"edge_id": np.arange(len(lines)), "width_m": 7.0, "prob_mean": 0.9} | columns
    return gpd.GeoDataFrame(data, geometry=list(lines), crs=CRS)


def reference(lines, **columns):
    data = {
        "reference_id": [str(i) for i in range(len(lines))],
        "width_m": np.nan,
        "surface": None,
        "is_hidden": False,
    }
    frame = gpd.GeoDataFrame(data | columns, geometry=list(lines), crs=CRS)
    return Reference(frame, ())


def precision_and_recall(layer, truth):
    """Return both by length, with 1 m of tolerance."""
    found, wanted = shapely.union_all(layer.geometry), shapely.union_all(truth)
    right = found.intersection(wanted.buffer(1.0)).length
    seen = wanted.intersection(found.buffer(1.0)).length
    return right / found.length, seen / wanted.length


@pytest.fixture(scope="module")
def planted():
    """Return network, reference and the truth: 30 % removed, 10 % moved by 8 m, 5 % made up."""
    lines = streets()
    rng = np.random.default_rng(1)
    order = rng.permutation(len(lines))
    removed, moved = np.split(order[: int(0.4 * len(lines))], [int(0.3 * len(lines))])
    here = np.ones(len(lines), dtype=bool)
    here[removed] = False
    kept = lines.copy()
    for i in moved:
        direction = np.diff(shapely.get_coordinates(lines[i]), axis=0)[0]
        normal = np.array([-direction[1], direction[0]]) / np.hypot(*direction)
        kept[i] = translate(lines[i], *(8 * normal))
    invented = [translate(line, 0.5 * BLOCK + 3, 0.43 * BLOCK) for line in lines[order[-13:]]]
    return (
        compare_networks(network(lines), reference([*kept[here], *invented])),
        {"missing_in_reference": lines[removed], "shifted": lines[moved],
         "only_in_reference": np.array(invented, dtype=object)},
    )  # fmt: skip


@pytest.mark.parametrize("name", ["missing_in_reference", "shifted", "only_in_reference"])
def test_planted_differences_are_found(planted, name):
    comparison, truth = planted
    precision, recall = precision_and_recall(comparison.layers[name], truth[name])
    assert precision >= 0.9
    assert recall >= 0.9


def test_equal_networks_match_whole():
    lines = streets(5)
    comparison = compare_networks(network(lines), reference(lines))
    km = comparison.summary["km"]
    assert km["matched"] == pytest.approx(shapely.length(lines).sum() / 1000, abs=1e-3)
    assert km["missing_in_reference"] == km["only_in_reference"] == km["shifted"] == 0


def test_every_metre_of_the_network_has_one_class(planted):
    comparison, _ = planted
    km = comparison.summary["km"]
    ours = km["matched"] + km["shifted"] + km["missing_in_reference"]
    assert ours == pytest.approx(shapely.length(streets()).sum() / 1000, abs=2e-3)


def test_shift_of_the_whole_scene_is_said_and_taken_off():
    lines = streets(6)
    moved = np.array([translate(line, 6.0, -4.0) for line in lines], dtype=object)
    comparison = compare_networks(network(lines), reference(moved))
    assert comparison.summary["scene_shift_m"] == pytest.approx([6.0, -4.0], abs=0.3)
    assert comparison.summary["km"]["shifted"] == 0
    assert comparison.summary["km"]["missing_in_reference"] == 0


def test_roads_that_lie_elsewhere_do_not_pull_the_shift_of_the_scene():
    lines = streets(6)
    moved = np.array([translate(line, 3.0, -2.0) for line in lines], dtype=object)
    moved[::4] = [translate(line, 6.0, 6.0) for line in moved[::4]]
    comparison = compare_networks(network(lines), reference(moved))
    assert comparison.summary["scene_shift_m"] == pytest.approx([3.0, -2.0], abs=0.6)


def test_shifted_road_carries_its_vector():
    lines = streets(6)
    kept = lines.copy()
    kept[20] = translate(lines[20], 0, 8)
    shifted = compare_networks(network(lines), reference(kept)).layers["shifted"]
    direction = np.diff(shapely.get_coordinates(lines[20]), axis=0)[0] / lines[20].length
    across = 8 * abs(direction[0])
    assert np.hypot(*shifted[["dx_m", "dy_m"]].iloc[0]) == pytest.approx(across, abs=0.5)


@pytest.mark.parametrize("apart", [8.0, 14.0])
def test_divided_road_matches_one_line_without_slivers(apart):
    middle = shapely.LineString([(0, 0), (500, 0), (900, 200)])
    both = [middle.offset_curve(apart / 2), middle.offset_curve(-apart / 2)]
    for ours, theirs in (([middle], both), (both, [middle])):
        found = compare_networks(
            network(np.array(ours, dtype=object), width_m=apart + 7), reference(theirs)
        )
        assert found.summary["km"]["missing_in_reference"] == 0
        assert found.summary["km"]["only_in_reference"] == 0


def test_crossing_road_is_no_counterpart():
    lines = [shapely.LineString([(0, 0), (200, 0)])]
    crossing = [shapely.LineString([(100, -200), (100, 200)])]
    everywhere = CompareConfig(estimate_shift=False)
    comparison = compare_networks(
        network(np.array(lines, dtype=object)), reference(crossing), everywhere
    )
    assert comparison.summary["km"]["missing_in_reference"] == pytest.approx(0.2)


def test_reference_in_a_tunnel_is_not_missing_in_the_network():
    lines = streets(5)
    tunnel = shapely.LineString([(30, 40), (360, 330)])
    hidden = [False] * len(lines) + [True]
    comparison = compare_networks(network(lines), reference([*lines, tunnel], is_hidden=hidden))
    assert comparison.summary["km"]["only_in_reference"] == 0
    assert comparison.summary["km"]["hidden"] > 0.3


def test_surest_and_longest_come_first():
    lines = np.array(
        [shapely.LineString([(0, y), (length, y)]) for y, length in ((0, 100), (90, 300))],
        dtype=object,
    )
    elsewhere = [shapely.LineString([(0, 200), (300, 200)])]
    missing = compare_networks(network(lines), reference(elsewhere)).layers["missing_in_reference"]
    assert missing.edge_id.tolist() == [1, 0]
    assert missing.review_order.tolist() == [1, 2]


OSM = """<?xml version='1.0' encoding='UTF-8'?>
<osm version='0.6'>
{nodes}
<way id='-11'><nd ref='-1'/><nd ref='-2'/>
 <tag k='highway' v='residential'/><tag k='lanes' v='2'/></way>
<way id='-12'><nd ref='-2'/><nd ref='-3'/><tag k='highway' v='footway'/></way>
<way id='-13'><nd ref='-3'/><nd ref='-4'/>
 <tag k='highway' v='primary'/><tag k='tunnel' v='yes'/></way>
<way id='-14'><nd ref='-1'/><nd ref='-4'/><tag k='railway' v='rail'/></way>
</osm>
"""


def write_osm(path, text=OSM):
    nodes = "\n".join(
        f"<node id='-{i}' lat='50.{i}' lon='15.{i}' version='1'/>" for i in range(1, 5)
    )
    path.write_text(text.format(nodes=nodes))
    return path


def test_osm_extract_gives_roads_for_cars_with_their_tags(tmp_path):
    roads = read_reference(write_osm(tmp_path / "town.osm")).roads
    assert roads.reference_id.tolist() == ["-11", "-13"]
    assert roads.width_m.iloc[0] == 6.5
    assert roads.is_hidden.tolist() == [False, True]


def test_ways_that_are_no_roads_are_left_out_and_counted(tmp_path):
    tags = {
        "highway": ["primary", "footway", "service", "service", None],
        "area": ["no", None, "yes", None, None],
        "lanes": ["2", None, None, "x", None],
        "osm_id": list("abcde"),
    }
    ways = gpd.GeoDataFrame(tags, geometry=list(streets(3)[:5]), crs=CRS)
    ways.to_file(tmp_path / "ways.gpkg")
    found = read_reference(tmp_path / "ways.gpkg")
    assert found.roads.reference_id.tolist() == ["a", "d"]
    assert found.roads.width_m.tolist() == pytest.approx([2 * LANE_WIDTH_M, np.nan], nan_ok=True)
    assert found.notes == ("3 ways that are no roads for cars were left out",)
    ways[ways["osm_id"].isin(["a", "d"])].to_file(tmp_path / "roads.gpkg")
    assert read_reference(tmp_path / "roads.gpkg").notes == ()


def test_reference_without_roads_is_refused(tmp_path):
    from roadex.errors import NetworkError

    text = OSM.replace("residential", "footway").replace("primary", "steps")
    with pytest.raises(NetworkError, match="holds no roads"):
        read_reference(write_osm(tmp_path / "paths.osm", text))


def test_time_grows_with_the_size_of_the_network():
    import time

    seconds = []
    for n in (40, 20, 40):  # the first one loads what large networks need
        lines = streets(n)
        began = time.process_time()
        compare_networks(network(lines), reference(lines))
        seconds.append(time.process_time() - began)
    assert seconds[2] < 8 * seconds[1]  # four times the roads


@pytest.mark.parametrize(("min_piece_m", "km"), [(0.0, 0.03), (50.0, 0.0)])
def test_shortest_piece_counts_on_the_side_of_the_reference_too(min_piece_m, km):
    parts = [shapely.LineString([(a, 0), (b, 0)]) for a, b in ((0, 300), (360, 660))]
    whole = [shapely.LineString([(0, 0), (660, 0)])]
    config = CompareConfig(min_piece_m=min_piece_m, estimate_shift=False)
    found = compare_networks(
        network(np.array(parts, dtype=object), width_m=1.0), reference(whole, width_m=1.0), config
    )
    assert found.summary["km"]["only_in_reference"] == pytest.approx(km, abs=0.006)


def test_roads_of_unknown_width_are_taken_for_6_m_wide():
    """Pieces shorter than two widths are none: what is left of this gap is between 12 and 24 m."""
    parts = [shapely.LineString([(a, 0), (b, 0)]) for a, b in ((0, 300), (344, 644))]
    whole = [shapely.LineString([(0, 0), (644, 0)])]
    config = CompareConfig(min_piece_m=0.0, estimate_shift=False)
    found = compare_networks(
        network(np.array(parts, dtype=object), width_m=np.nan), reference(whole), config
    )
    assert 0.012 < found.summary["km"]["only_in_reference"] < 0.024
