"""A network in cells: each edge in one file, and together they are the network again."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from pyproj import CRS

from roadex.config import VectorConfig
from roadex.errors import OutputError
from roadex.network.road_network import RoadNetwork
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network
from roadex.outputs.partitions import cells_of, write_cells
from roadex.probability.source import ArraySource

CELL_M = 150


@pytest.fixture
def town(draw_roads):
    streets = [[(-20, k), (620, k + 25)] for k in range(40, 380, 65)]
    streets += [[(k, -20), (k + 15, 420)] for k in range(45, 580, 95)]
    transform = Affine(1, 0, 400_070, 0, -1, -200)  # west and south of the origin there are cells
    source = ArraySource(draw_roads(streets, (400, 600), width=7), transform, CRS("EPSG:32633"))
    return vectorize(source, config=VectorConfig())


def read_all(folder):
    frames = []
    for suffix, number in (("", "edge_id"), ("_nodes", "node_id")):
        files = sorted(folder.glob(f"*/roads{suffix}.parquet"))
        together = pd.concat([gpd.read_parquet(file) for file in files])
        frames.append(together.drop(columns="bbox", errors="ignore").sort_values(number))
    return frames


def test_cells_put_together_are_the_network_again(town, tmp_path):
    names = write_cells(town, tmp_path / "roads.parquet", size_m=CELL_M, provenance={})
    edges, nodes = read_all(tmp_path)
    assert len(names) > 9
    assert edges["edge_id"].tolist() == town.edges["edge_id"].tolist()
    assert (edges.geometry.to_wkb().to_numpy() == town.edges.geometry.to_wkb().to_numpy()).all()
    assert len(nodes) > len(town.nodes)
    once = nodes.drop_duplicates("node_id")
    assert (
        once.drop(columns="geometry")
        .reset_index(drop=True)
        .equals(town.nodes.drop(columns="geometry"))
    )
    index = json.loads((tmp_path / "cells.json").read_text())
    assert [cell["name"] for cell in index["cells"]] == names
    assert sum(cell["edges"] for cell in index["cells"]) == len(town.edges)
    assert all((tmp_path / cell["file"]).exists() for cell in index["cells"])


def test_cell_has_the_edges_whose_middle_it_has_and_the_nodes_of_these(town):
    for cell in cells_of(town, CELL_M):
        middles = shapely.line_interpolate_point(
            cell.edges.geometry.to_numpy(), 0.5, normalized=True
        )
        assert shapely.intersects(shapely.box(*cell.bounds), middles).all()
        x, y = cell.name[1:].split("_y")
        assert cell.bounds[:2] == (int(x) * CELL_M, int(y) * CELL_M)
        used = np.unique(cell.edges[["u", "v"]])
        assert sorted(cell.nodes["node_id"]) == used.tolist()


def test_cells_are_replaced_as_a_whole_and_nothing_beside_them(town, tmp_path):
    path = tmp_path / "cells" / "roads.gpkg"
    before = write_cells(town, path, size_m=CELL_M, provenance={})
    mine = path.parent / before[0] / "mine.txt"
    mine.write_text("notes")
    with pytest.raises(OutputError, match="--overwrite"):
        write_cells(town, path, size_m=1000, provenance={})
    (only,) = write_cells(town, path, size_m=1_000_000, provenance={}, overwrite=True)
    files = {
        str(file.relative_to(path.parent)) for file in path.parent.rglob("*") if file.is_file()
    }
    assert files == {"cells.json", f"{only}/roads.gpkg", f"{before[0]}/mine.txt"}
    (path.parent / "cells.json").write_text('{"cells": []}')
    with pytest.raises(OutputError, match="not written by roadex"):
        write_cells(town, path, size_m=1000, provenance={}, overwrite=True)


def test_degrees_are_refused_and_another_crs_can_be_chosen(town, tmp_path, roadex):
    path = tmp_path / "roads.gpkg"
    write_network(town.to_crs("EPSG:4326"), path, provenance={})
    target = tmp_path / "cells" / "roads.fgb"
    code, _, err = roadex("convert", path, "-o", target, "--cells", 0.15)
    assert (code, "choose one with --crs" in err) == (2, True)
    code, out, _ = roadex("convert", path, "-o", target, "--cells", 0.15, "--crs", "EPSG:32633")
    assert code == 0
    assert f"{len(town.edges)} roads in" in out
    cell = RoadNetwork.read(next(target.parent.glob("*/roads.fgb")))
    assert cell.edges["u"].isin(cell.nodes["node_id"]).all()
