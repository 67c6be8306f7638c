"""Faults that were planted in a sound network are found, and nothing else is."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from roadex.network.edited import rebuild
from roadex.network.issues import find_issues
from roadex.outputs import write_network
from roadex.outputs.gpkg import count_issues

CRS = "EPSG:32633"
ORIGIN = np.array([500_000, 5_400_000])


def tables(lines, **columns):
    """Return edges and nodes of lines that meet at their ends only."""
    moved = shapely.transform(np.array(lines, dtype=object), lambda xy: xy + ORIGIN)
    ends = np.concatenate([[line.coords[0], line.coords[-1]] for line in moved])
    places, index, degree = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    u, v = index.reshape(-1, 2).T
    values = {"edge_id": np.arange(len(lines)) + 10, "u": u, "v": v, "width_m": 6.0, "bridged": 0.0}
    edges = gpd.GeoDataFrame(values | columns, geometry=moved, crs=CRS)
    nodes = {
        "node_id": np.arange(len(places)),
        "degree": degree,
        "kind": np.where(degree == 1, "end", "junction"),
    }
    return edges, gpd.GeoDataFrame(nodes, geometry=shapely.points(places), crs=CRS)


def line(*points):
    return shapely.LineString(points)


GRID = [line((x, y), (x + 100, y)) for x in (0, 100) for y in (0, 100, 200)] + [
    line((x, y), (x, y + 100)) for x in (0, 100, 200) for y in (0, 100)
]
"""Four blocks."""

WAVE = [(50 + 4 * (i % 2), 100 + 10 * i) for i in range(1, 10)]


@pytest.mark.parametrize(
    ("faults", "columns", "expected"),
    [
        ([], {}, []),
        ([line((0, 0), (0, -60)), line((0, -72), (0, -150))], {}, ["gap", "gap"]),
        ([line((0, 100), (30, 130), (190, 130))], {}, ["gap", "crossing"]),
        ([line((0, 0), (50, 2), (100, 0))], {}, ["parallel"]),
        ([line((0, 0), (50, 40), (100, 0))], {}, []),
        ([line((50, 100), *WAVE, (50, 200))], {}, ["zigzag"]),
        ([line((200, 0), (300, 0), (330, 30), (330, 90))], {}, []),
        ([line((200, 0), (260, 0))], {"bridged": 0.4}, ["bridged"]),
        ([line((200, 0), (260, 0))], {"bridged": 0.1}, []),
        ([line((0, 0), (-9, 0))], {}, []),
    ],
)
def test_a_planted_fault_is_the_one_that_is_found(faults, columns, expected) -> None:
    edges, nodes = tables([*GRID, *faults])
    for name, value in columns.items():
        edges.loc[len(edges) - 1, name] = value
    if expected == ["zigzag"]:  # its ends lie on other lines
        nodes["kind"] = "junction"
    found = find_issues(edges, nodes)
    kinds = [k for k in found["kind"] if not (expected == ["zigzag"] and k == "crossing")]
    assert kinds == expected
    assert set(found["edge_id"]) <= set(edges["edge_id"])
    # A zigzag and a bridge are faults of one road; all others are between two.
    others = found[found["kind"].isin(["zigzag", "bridged"])]["other_id"]
    assert set(others) <= {-1}


def test_many_planted_faults_are_found() -> None:
    rng = np.random.default_rng(0)
    lines, planted = [], []
    for i in range(60):
        x, kind = 500 * i, rng.choice(["gap", "parallel", "bridged", "none"])
        lines.append(line((x, 0), (x + 300, 0)))
        if kind == "gap":
            lines.append(line((x + 300 + rng.uniform(3, 18), 0), (x + 440, 0)))
            planted += ["gap", "gap"]
        if kind == "parallel":
            lines.append(line((x + 40, 2), (x + 200, 2)))
            planted.append("parallel")
        if kind == "bridged":
            planted.append("bridged")
        planted.append("") if kind == "none" else None
    edges, nodes = tables(lines)
    firsts = [k for k, each in enumerate(lines) if each.coords[0][0] % 500 == 0]
    marks = iter(firsts)
    rng = np.random.default_rng(0)
    for _ in range(60):
        kind, k = rng.choice(["gap", "parallel", "bridged", "none"]), next(marks)
        if kind == "gap":
            rng.uniform(3, 18)
        if kind == "bridged":
            edges.loc[k, "bridged"] = 0.1
    found = find_issues(edges, nodes)
    for kind in ("parallel", "bridged"):
        assert (found["kind"] == kind).sum() == planted.count(kind), kind
    gaps = found[found["kind"] == "gap"]
    near_double = gaps["other_id"].isin(edges["edge_id"]) & (gaps["size_m"] < 2.5)
    assert (~near_double).sum() == planted.count("gap")


def test_the_layer_is_in_the_geopackage(tmp_path) -> None:
    edges, _ = tables([*GRID, line((0, 0), (0, -60)), line((0, -72), (0, -150))])
    path = write_network(rebuild(edges), tmp_path / "roads.gpkg", provenance={})
    issues = gpd.read_file(path, layer="road_issues")
    assert issues["kind"].tolist() == ["gap", "gap"]
    assert count_issues(path) == {"gap": 2}
    assert issues.crs == edges.crs
    assert issues["size_m"].to_numpy() == pytest.approx([12, 12], abs=0.1)


def test_an_empty_network_has_no_issues() -> None:
    edges, nodes = tables(GRID)
    assert len(find_issues(edges.iloc[:0], nodes.iloc[:0])) == 0
