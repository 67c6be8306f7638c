"""What Overture Maps and MapRoulette ask of a file, checked on a network that was vectorized.

Overture's rules are those of its own package; MapRoulette's are those its backend and its frontend
apply when a challenge is uploaded.
"""

import base64
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely

from roadex.config import OutputConfig, VectorConfig
from roadex.network.edited import rebuild
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network

# Of overture-schema 2.0 with pydantic 2.14 and later.
pytestmark = pytest.mark.filterwarnings("ignore:The `MISSING` sentinel:DeprecationWarning")

RECORD_SEPARATOR = "\x1e"
PROVENANCE = {"created": "2026-01-02T03:04:05+00:00", "name": "North of the town"}
STREETS = [
    [(20, 50), (380, 60)], [(200, 20), (195, 380)], [(20, 300), (380, 300)],
    [(60, 120), (150, 120), (150, 220), (60, 220), (60, 120)],
]  # fmt: skip
"""A ring and three streets, ``[(col, row), ...]``; the middle crosses both others."""


@pytest.fixture
def network(draw_roads, make_source):
    found = vectorize(make_source(draw_roads(STREETS, (400, 400), width=6)), config=VectorConfig())
    edges = found.edges.copy()
    # What is not known of every road of every network.
    edges["surface"] = ["paved" if i % 3 else None for i in range(len(edges))]
    edges.loc[edges.index[-1], ["width_m", "confidence", "prob_mean"]] = np.nan
    return replace(found, edges=edges)


@pytest.fixture
def overture(network, tmp_path):
    """Return the rows of both files, as a reader of Parquet gives them."""
    pytest.importorskip(
        "overture.schema.transportation",
        reason="overture-schema-theme-transportation is not installed (pip install roadex[test])",
    )
    config = OutputConfig(source="Town orthophoto 2024")
    path = tmp_path / "roads.overture.parquet"
    write_network(network, path, provenance=PROVENANCE, config=config)
    beside = tmp_path / "roads_connectors.overture.parquet"
    return pq.read_table(path).to_pylist(), pq.read_table(beside).to_pylist()


def test_every_row_is_valid_in_the_schema_of_overture(network, overture):
    from overture.schema.transportation import Connector, RoadSegment

    segments, connectors = overture
    assert len(segments) == len(network.edges) > 6
    assert len(connectors) == len(network.nodes)
    valid = [RoadSegment.model_validate(row) for row in segments]
    assert len({segment.id for segment in valid}) == len(valid)
    ends = {Connector.model_validate(row).id for row in connectors}
    assert {c.connector_id for segment in valid for c in segment.connectors} == ends
    # The schema sees what is written, and does not merely let it pass.
    assert valid[0].width_rules[0].value == pytest.approx(network.edges.width_m.iloc[0])
    assert valid[1].road_surface[0].value == "paved"
    assert valid[0].sources[0].dataset == "Town orthophoto 2024"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("class", "road"), ("id", "roadex:north of:1"), ("connectors", []), ("width_rules", []),
        ("length_m", 5.0), ("version", -1), ("geometry", shapely.Point(0, 0).wkb),
    ],
)  # fmt: skip
def test_the_schema_of_overture_refuses_a_broken_row(overture, field, value):
    from overture.schema.transportation import RoadSegment
    from pydantic import ValidationError

    with pytest.raises(ValidationError):
        RoadSegment.model_validate(overture[0][0] | {field: value})


def tasks_of(path):
    """Return the tasks of a challenge as MapRoulette splits its file into them."""
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    assert all(line[0] == RECORD_SEPARATOR and line.count(RECORD_SEPARATOR) == 1 for line in lines)
    return [json.loads(line[1:], parse_constant=pytest.fail) for line in lines]


def write_tasks(network, path, **settings):
    return tasks_of(
        write_network(network, path, provenance=PROVENANCE, config=OutputConfig(**settings))
    )


@pytest.mark.parametrize("ending", [".maproulette.json", ".cooperative.maproulette.json"])
def test_a_challenge_keeps_the_rules_of_maproulette(network, tmp_path, ending):
    tasks = write_tasks(network.to_crs("EPSG:32633"), tmp_path / f"roads{ending}")
    assert len(tasks) == len(network.edges)
    names = []
    for task in tasks:
        assert task["type"] == "FeatureCollection"
        assert "crs" not in task
        (feature,) = task["features"]
        geometry, properties = feature["geometry"], feature["properties"]
        assert feature["type"] == "Feature"
        assert geometry["type"] == "LineString"
        assert {len(point) for point in geometry["coordinates"]} == {2}
        assert all(-180 <= x <= 180 and -90 <= y <= 90 for x, y in geometry["coordinates"])
        # Priority rules join name and value by a dot, and compare numbers.
        assert all("." not in name and value is not None for name, value in properties.items())
        assert isinstance(properties.get("confidence", 0.0), float)
        assert feature["id"] == properties["id"]
        names.append(feature["id"])
    assert len(set(names)) == len(names)


def places(tasks):
    return {
        task["features"][0]["id"]: shapely.LineString(
            task["features"][0]["geometry"]["coordinates"]
        ).normalize()
        for task in tasks
    }


def test_ids_of_tasks_stay_with_their_roads(network, tmp_path):
    before = places(write_tasks(network, tmp_path / "a.maproulette.json"))
    again = places(write_tasks(network, tmp_path / "b.maproulette.json"))
    assert again == before
    # Another network: a road was deleted, which numbers the others anew, and one runs backwards.
    edges = network.edges.copy()
    edges.loc[3, "geometry"] = edges.geometry[3].reverse()
    fewer = edges.drop(index=0).assign(edge_id=range(len(edges) - 1))
    after = places(write_tasks(replace(network, edges=fewer), tmp_path / "c.maproulette.json"))
    assert len(after) == len(before) - 1
    assert after.items() < before.items()


def test_ids_follow_a_road_through_rebuild_where_nothing_changed(network, tmp_path):
    lone = network.edges[network.edges.u == network.edges.v]
    assert len(lone) == 1
    before = places(write_tasks(network, tmp_path / "a.maproulette.json"))
    rebuilt = rebuild(network.edges.drop(index=network.edges.index[0]))
    after = places(write_tasks(rebuilt, tmp_path / "b.maproulette.json"))
    kept = shapely.LineString(lone.to_crs(4326).geometry.iloc[0]).normalize()
    (number,) = [k for k, line in before.items() if line.equals_exact(kept, 1e-6)]
    assert number in after


def test_a_cooperative_task_draws_its_road(network, tmp_path):
    path = tmp_path / "roads.cooperative.maproulette.json"
    tasks = write_tasks(network, path, source="Town orthophoto 2024")
    for task in tasks:
        work = task["cooperativeWork"]
        assert work["meta"] == {"version": 2, "type": 2}
        file = work["file"]
        assert (file["type"], file["format"], file["encoding"]) == ("xml", "osc", "base64")
        change = ET.fromstring(base64.b64decode(file["content"], validate=True))
        assert (change.tag, change.get("version")) == ("osmChange", "0.6")
        (create,) = change
        assert create.tag == "create"
        nodes = {
            node.get("id"): (float(node.get("lon")), float(node.get("lat")))
            for node in create.iter("node")
        }
        (way,) = create.iter("way")
        ids = [*nodes, way.get("id")]
        assert all(int(number) < 0 for number in ids)
        assert len(set(ids)) == len(ids)
        drawn = [nodes[nd.get("ref")] for nd in way.iter("nd")]
        assert drawn == [tuple(p) for p in task["features"][0]["geometry"]["coordinates"]]
        tags = {tag.get("k"): tag.get("v") for tag in way.iter("tag")}
        assert tags["highway"] == "road"
        assert tags["source"] == "Town orthophoto 2024"
