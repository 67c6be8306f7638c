"""A network edited by hand: what a mapper drew is joined where it was meant to meet."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from click.testing import CliRunner

from roadex.cli.rebuild import rebuild as rebuild_command
from roadex.network.edited import rebuild
from roadex.network.road_network import RoadNetwork
from roadex.outputs import write_network

CRS = "EPSG:32633"
MAIN = shapely.LineString([(0, 0), (100, 0)])


def network(*lines, crs=CRS) -> RoadNetwork:
    moved = [
        shapely.transform(line, lambda xy: xy + np.array([500_000, 5_400_000])) for line in lines
    ]
    return rebuild(gpd.GeoDataFrame(geometry=moved, crs=crs))


def degrees(found: RoadNetwork) -> list[int]:
    return sorted(found.nodes["degree"].tolist())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ([(50, 40), (50, 0.6)], [1, 1, 1, 3]),  # nearly reaches it
        ([(50, 40), (50, -0.7)], [1, 1, 1, 3]),  # a little beyond it: no stub is left
        ([(50, 40), (50, 0)], [1, 1, 1, 3]),
        ([(50, 40), (50, -40)], [1, 1, 1, 1, 4]),  # crosses
        ([(50, 40), (50, 3)], [1, 1, 1, 1]),  # ends before it
        ([(0.5, 0.4), (0, 60)], [1, 1]),  # goes on from its end: one road
        ([(50, 40), (50, -40), (60, -40), (60, 40)], [1, 1, 1, 1, 4, 4]),
    ],
)
def test_a_line_drawn_by_hand_meets_what_it_was_meant_to_meet(line, expected) -> None:
    assert degrees(network(MAIN, shapely.LineString(line))) == expected


def test_two_ends_at_one_place_of_a_line_are_one_crossing() -> None:
    found = network(
        MAIN, shapely.LineString([(50, 30), (50, 0.3)]), shapely.LineString([(50.2, -30), (50, 0)])
    )
    assert degrees(found) == [1, 1, 1, 1, 4]
    assert found.edges["length_m"].sum() == pytest.approx(160, abs=1)


def test_a_line_that_crosses_itself_is_cut_there() -> None:
    loop = shapely.LineString([(0, 0), (100, 0), (100, 50), (50, 50), (50, -30)])
    assert degrees(network(loop)) == [1, 1, 4]


def test_lines_that_were_split_are_joined_again() -> None:
    parts = [shapely.LineString([(a, 0), (a + 25, 0)]) for a in (0, 25, 50, 75)]
    found = network(*parts)
    assert len(found.edges) == 1
    assert found.edges["length_m"].iloc[0] == pytest.approx(100, rel=1e-3)


def test_what_is_sound_stays_as_it_is(scene_network) -> None:
    again = rebuild(scene_network)
    assert len(again.edges) == len(scene_network.edges)
    assert degrees(again) == degrees(scene_network)
    lengths = [sorted(n.edges["length_m"].tolist()) for n in (again, scene_network)]
    np.testing.assert_allclose(*lengths, rtol=1e-3, atol=1e-3)
    twice = rebuild(again)
    assert twice.edges.geometry.geom_equals(again.edges.geometry).all()


@pytest.fixture
def scene_network() -> RoadNetwork:
    rng = np.random.default_rng(3)
    lines = [shapely.LineString(rng.uniform(0, 400, (2, 2))) for _ in range(25)]
    return network(*lines)


def test_an_edited_file_is_made_sound(scene_network, tmp_path) -> None:
    path = write_network(scene_network, tmp_path / "edited.gpkg", provenance={})
    edges = gpd.read_file(path, layer="road_edges")
    drawn = shapely.LineString([(500_000, 5_400_000, 7), (500_400, 5_400_400, 8)])
    new = gpd.GeoDataFrame(geometry=[shapely.MultiLineString([drawn]), None], crs=edges.crs)
    edited = gpd.pd.concat([edges.iloc[1:], new], ignore_index=True)
    edited.to_file(path, layer="road_edges")
    done = CliRunner().invoke(
        rebuild_command, [str(path), "-o", str(tmp_path / "roads.gpkg")], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    assert "without geometry were left out" in done.output
    found = RoadNetwork.read(tmp_path / "roads.gpkg")
    assert found.edges["edge_id"].is_unique
    assert found.edges["edge_id"].notna().all()
    known = {tuple(p) for p in shapely.get_coordinates(found.nodes.geometry).tolist()}
    ends = [shapely.get_coordinates(shapely.get_point(found.edges.geometry, k)) for k in (0, -1)]
    assert {tuple(p) for p in np.concatenate(ends).tolist()} <= known
    # No two edges cross besides at nodes.
    lines = found.edges.geometry.to_numpy()
    left, right = shapely.STRtree(lines).query(lines, predicate="crosses")
    assert len(left) == len(right) == 0
