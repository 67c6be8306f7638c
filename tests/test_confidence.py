"""Confidence of edges, and the completeness to expect of a scene."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import CRS

import roadex
from roadex.network.confidence import edge_confidence
from roadex.network.tables import EDGE_TABLE
from roadex.pipeline.report import _strangeness
from roadex.probability.completeness import completeness_of, expected_completeness, share_found
from roadex.probability.source import ArraySource

UTM = CRS.from_epsg(32633)


def tables(prob: list[float], kinds: list[str], length_m: float = 100.0):
    """Edges in a row from node to node, with the given kinds of nodes."""
    n = len(prob)
    lines = [shapely.LineString([(k * length_m, 0), ((k + 1) * length_m, 0)]) for k in range(n)]
    edges = gpd.GeoDataFrame(
        {"u": np.arange(n), "v": np.arange(1, n + 1), "prob_mean": prob, "length_m": length_m},
        geometry=lines,
        crs=UTM,
    )
    nodes = gpd.GeoDataFrame(
        {"node_id": np.arange(n + 1), "kind": kinds},
        geometry=[shapely.Point(k * length_m, 0) for k in range(n + 1)],
        crs=UTM,
    )
    return edges, nodes


def test_confidence_rises_with_probability_and_falls_at_dead_ends() -> None:
    edges, nodes = tables([0.3, 0.6, 0.6, 0.9], ["border", "junction", "junction", "end", "end"])
    confidence = edge_confidence(edges, nodes)
    assert ((confidence > 0) & (confidence < 1)).all()
    assert confidence[0] < confidence[1]
    assert confidence[1] > confidence[2] + 0.03  # one of its ends is dead
    assert confidence[3] > confidence[1]  # though both of its ends are dead


def test_an_edge_of_unknown_probability_has_no_confidence() -> None:
    edges, nodes = tables([np.nan, 0.8], ["end", "junction", "border"])
    confidence = edge_confidence(edges, nodes)
    assert np.isnan(confidence[0])
    assert confidence[1] > 0.5


def source(strong: float, weak: float, share_weak: float) -> ArraySource:
    """Roads of a strong and a weak probability, ten rows wide."""
    probability = np.zeros((200, 700), dtype=np.uint8)
    n = round(700 * share_weak)
    probability[100:110, n:] = round(strong * 254)
    probability[100:110, :n] = round(weak * 254)
    probability[:, -50:] = 255
    return ArraySource(probability, Affine(1, 0, 0, 0, -1, 0), UTM)


def test_less_is_expected_where_much_probability_is_below_the_threshold() -> None:
    expected = [expected_completeness(source(0.9, 0.2, share), 0.35) for share in (0, 0.4, 0.7)]
    assert expected[0] > 0.9
    assert expected[0] > expected[1] > expected[2]
    lower = expected_completeness(source(0.9, 0.2, 0.7), 0.15)
    assert lower is not None
    assert expected[2] is not None
    assert lower > expected[2] + 0.3


def test_a_scene_without_roads_has_no_expectation() -> None:
    assert expected_completeness(source(0.0, 0.01, 0.5), 0.35) is None


def test_share_found_is_of_probability_not_of_pixels() -> None:
    mass = np.zeros(255)
    mass[[50, 200]] = 1.0, 3.0
    assert share_found(mass, 0.5) == 0.75
    assert share_found(mass, 200 / 254) == 0.75
    assert share_found(mass, 201 / 254) == 0


def test_a_large_scene_is_sampled_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    class Large:
        shape = (20_000, 30_000)

        def read(self, row: int, col: int, height: int, width: int) -> np.ndarray:
            seen.append((row, col))
            return np.full((height, width), 127, dtype=np.uint8)

    assert expected_completeness(Large(), 0.35) == completeness_of(1.0)  # type: ignore[arg-type]
    rows = np.array(seen)[:, 0]
    assert len(seen) == 64
    assert rows.min() == 0
    assert rows.max() > 19_000
    assert np.diff(rows).max() <= 512


def test_a_strange_place_is_a_warning() -> None:
    assert _strangeness(None) == []
    assert _strangeness(0.9) == []
    (warning,) = _strangeness(0.42)
    assert "42%" in warning
    assert "roadex correct" in warning


def test_a_run_says_what_to_expect(finished_run: Path) -> None:
    result = json.loads((finished_run / "report.json").read_text())["result"]
    assert 0 < result["expected_completeness"] <= 1
    assert f"{result['expected_completeness']:.0%} of the roads" in (
        (finished_run / "report.html").read_text(encoding="utf-8")
    )


def test_networks_carry_confidence_and_a_column_for_review(finished_run: Path) -> None:
    network = roadex.RoadNetwork.read(finished_run)
    assert network.edges["confidence"].between(0, 1).all()
    assert network.edges["review"].isna().all()
    judged = network.edges.assign(review="ok", confidence=0.25)
    again = roadex.merge([(judged, network.nodes)])
    assert (again.edges["confidence"] == 0.25).all()
    assert (again.edges["review"] == "ok").all()


def test_a_network_without_confidence_gets_it(finished_run: Path) -> None:
    network = roadex.RoadNetwork.read(finished_run)
    old = network.edges.drop(columns=["confidence", "review"])
    again = roadex.merge([(old, network.nodes)])
    assert again.edges["confidence"].between(0, 1).all()


def test_tables_of_a_newer_roadex_are_refused(finished_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "roads.gpkg"
    copy.write_bytes((finished_run / "roads.gpkg").read_bytes())
    with sqlite3.connect(copy) as database:
        (text,) = database.execute("SELECT metadata FROM gpkg_metadata").fetchone()
        assert json.loads(text)["edge_table"] == EDGE_TABLE
        newer = json.dumps(json.loads(text) | {"edge_table": 99})
        database.execute("UPDATE gpkg_metadata SET metadata = ?", (newer,))
    with pytest.raises(roadex.NetworkError, match="version 99"):
        roadex.RoadNetwork.read(copy)
