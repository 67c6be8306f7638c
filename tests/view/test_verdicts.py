"""``roadex view``: lines lie on the imagery, and verdicts are stored in the GeoPackage."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import numpy as np
import pyogrio
import pytest

import roadex
from roadex.errors import OutputError
from roadex.network.road_network import RoadNetwork
from roadex.outputs.review import write_verdict
from tests.view.viewer import an_edge, ask, verdicts


def test_places_of_the_network_lie_on_the_pixels_of_the_imagery(shared_server, runs) -> None:
    network = json.loads(ask(shared_server, "network.json")[1])
    edges = RoadNetwork.read(runs("as it is")).edges
    assert network["columns"]["edge_id"] == edges["edge_id"].tolist()
    assert network["shape"] == [500, 600]
    for flat, line in zip(network["lines"], edges.geometry, strict=True):
        places = np.cumsum(np.reshape(flat, (-1, 2)), axis=0) * network["step"]
        x, y = np.array(line.coords).T
        ends = np.stack([5e6 - y, x - 5e5], axis=1)[[0, -1]]
        assert np.abs(places[[0, -1]] - ends).max() <= network["step"] / 2 + 1e-6


def test_a_verdict_changes_one_value_and_can_be_taken_back(server, folder) -> None:
    before = verdicts(folder)
    edge_id, length_m = an_edge(folder, 1)
    geometry = RoadNetwork.read(folder).edges.geometry
    for review in ("ok", "wrong", None):
        body = {"edge_id": edge_id, "length_m": length_m, "review": review}
        assert ask(server, "review", method="POST", body=body) == (200, b"{}")
        assert verdicts(folder) == before | {edge_id: review}
        columns = json.loads(ask(server, "network.json")[1])["columns"]
        assert columns["review"][columns["edge_id"].index(edge_id)] == review
    assert RoadNetwork.read(folder).edges.geometry.geom_equals_exact(geometry, 0).all()


def test_after_a_verdict_the_file_is_as_sound_as_before(folder) -> None:
    path = folder / "roads.gpkg"
    write_verdict(path, *an_edge(folder), "ok")
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        n_edges = database.execute("SELECT count(*) FROM road_edges").fetchone()
        assert database.execute("SELECT count(*) FROM rtree_road_edges_geom").fetchone() == n_edges
        (changed,) = database.execute(
            "SELECT last_change FROM gpkg_contents WHERE table_name = 'road_edges'"
        ).fetchone()
    assert not changed.startswith("1970")
    assert not list(folder.glob("roads.gpkg?*"))
    x0, y0, x1, y1 = pyogrio.read_bounds(path, layer="road_edges")[1][:, 0]
    found = pyogrio.read_dataframe(path, layer="road_edges", bbox=(x0, y0, x1, y1))
    assert len(found) > 0
    # The run does not take its network for untouched any more, so it does not replace it.
    report = json.loads((folder / "report.json").read_text())
    assert roadex.pipeline.report.is_as_reported(path, report, "network") is False


def test_a_locked_file_is_refused_in_words_and_stays_as_it_is(server, folder, monkeypatch) -> None:
    monkeypatch.setattr("roadex.outputs.review._WAIT_S", 0.1)
    edge_id, length_m = an_edge(folder)
    body = {"edge_id": edge_id, "length_m": length_m, "review": "wrong"}
    with closing(sqlite3.connect(folder / "roads.gpkg", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        status, text = ask(server, "review", method="POST", body=body)
        other.execute("ROLLBACK")
    assert status == 409
    assert b"locked by another program" in text
    assert set(verdicts(folder).values()) == {None}


def test_a_file_that_qgis_shows_without_editing_takes_verdicts(folder) -> None:
    path = folder / "roads.gpkg"
    edge_id, length_m = an_edge(folder)
    with closing(sqlite3.connect(path, isolation_level=None)) as qgis:
        qgis.execute("PRAGMA journal_mode=WAL")  # as QGIS opens it
        qgis.execute("BEGIN")
        qgis.execute("SELECT count(*) FROM road_edges").fetchall()
        write_verdict(path, edge_id, length_m, "wrong")
        qgis.execute("COMMIT")
        (seen,) = qgis.execute(
            "SELECT review FROM road_edges WHERE edge_id = ?", (edge_id,)
        ).fetchone()
        qgis.execute("PRAGMA journal_mode=DELETE")
    assert seen == "wrong"
    assert verdicts(folder)[edge_id] == "wrong"


def test_a_damaged_file_is_said(server, folder) -> None:
    edge_id, length_m = an_edge(folder)
    (folder / "roads.gpkg").write_bytes(b"no database" * 1000)
    body = {"edge_id": edge_id, "length_m": length_m, "review": "wrong"}
    status, text = ask(server, "review", method="POST", body=body)
    assert status == 409
    assert b"roads.gpkg cannot be written: file is not a database" in text


def test_a_network_that_was_made_anew_is_not_marked(folder) -> None:
    edge_id, length_m = an_edge(folder)
    with pytest.raises(OutputError, match="was edited or made anew"):
        write_verdict(folder / "roads.gpkg", edge_id, length_m + 5, "ok")
    with pytest.raises(OutputError, match="was edited or made anew"):
        write_verdict(folder / "roads.gpkg", 10**6, length_m, "ok")
    with closing(sqlite3.connect(folder / "roads.gpkg")) as database, database:
        database.create_function("ST_IsEmpty", 1, lambda _: 0)
        for name in ("MinX", "MaxX", "MinY", "MaxY"):
            database.create_function(f"ST_{name}", 1, lambda _: 0.0)
        database.execute(
            "UPDATE road_edges SET edge_id = ?, length_m = ? WHERE fid <= 2", (edge_id, length_m)
        )
    with pytest.raises(OutputError, match="2 such edges"):
        write_verdict(folder / "roads.gpkg", edge_id, length_m, "ok")
    assert set(verdicts(folder).values()) == {None}


def test_what_is_no_verdict_is_refused(server, folder) -> None:
    edge_id, length_m = an_edge(folder)
    good = {"edge_id": edge_id, "length_m": length_m, "review": "ok"}
    bad = [
        good | {"review": "perhaps"}, good | {"review": 1}, good | {"edge_id": "0"},
        good | {"edge_id": True}, good | {"edge_id": 2**70}, good | {"length_m": None}, [good],
        good | {"length_m": 10**500}, good | {"length_m": float("nan")},
        {"edge_id": edge_id}, good | {"more": "x" * 1000}, 5,
    ]  # fmt: skip
    for body in bad:
        assert ask(server, "review", method="POST", body=body)[0] == 400, body
    status, _ = ask(server, "review", method="POST", body=good, Content_Length="9" * 5000)
    assert status == 400
    # As a form of another page could send it without being asked first.
    status, _ = ask(server, "review", method="POST", body=good, Content_Type="text/plain")
    assert status == 400
    assert set(verdicts(folder).values()) == {None}
    with pytest.raises(ValueError, match="perhaps"):
        write_verdict(folder / "roads.gpkg", edge_id, length_m, "perhaps")
