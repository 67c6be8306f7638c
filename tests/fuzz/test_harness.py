"""The fuzzer itself: what it breaks, what it calls a fault, and what it stops."""

from __future__ import annotations

import json
import os
import sys
from random import Random

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

import roadex.cli
from tests.fuzz import corpus, laws, raster_kinds, tiff, vector_kinds, watch
from tests.fuzz.__main__ import faults, fuzz, table
from tests.fuzz.cases import Bench, run_case
from tests.fuzz.kinds import KINDS
from tests.fuzz.mutations import mutate_bytes, mutate_tiff, mutate_value, mutate_xml
from tests.fuzz.worker import prepare


@pytest.mark.parametrize("mutate", [mutate_bytes, mutate_tiff, mutate_xml])
def test_the_same_number_is_the_same_input_and_others_differ(tmp_path, mutate):
    if mutate is mutate_xml:
        healthy = b"<a><b c='1'>2</b><d/></a>"
    else:
        healthy = corpus.write_raster(tmp_path / "a.tif", corpus.pixels()).read_bytes()
    made = [mutate(Random(f"a:0:{i}"), healthy)[0] for i in range(40)]
    assert made == [mutate(Random(f"a:0:{i}"), healthy)[0] for i in range(40)]
    assert len(set(made)) > 20
    assert sum(content != healthy for content in made) > 35


def test_values_are_changed_in_a_copy():
    value = {"a": [1, {"b": "c"}], "d": None}
    before = json.dumps(value)
    made = [json.dumps(mutate_value(Random(i), value)[0]) for i in range(60)]
    assert json.dumps(value) == before
    assert len(set(made)) > 20


@pytest.mark.parametrize("order", ["LITTLE", "BIG"])
def test_tags_of_a_tiff_are_found_and_changed(tmp_path, order):
    path = corpus.write_raster(tmp_path / "a.tif", corpus.pixels(), endianness=order)
    content = path.read_bytes()
    by_tag = {entry.tag: entry for entry in tiff.entries(content)}
    assert (by_tag[256].value, by_tag[257].value) == (corpus.SHAPE[1], corpus.SHAPE[0])
    assert tiff.entries(b"no TIFF") == []
    for i in range(100):
        changed, note = tiff.with_entry(content, by_tag[256], "value", Random(i))
        assert len(changed) == len(content), note
    pointed, _ = tiff.with_pointed(content, by_tag[33550], Random(0), [123.5])
    path.write_bytes(pointed)
    with rasterio.open(path) as raster:
        assert 123.5 in (raster.transform.a, -raster.transform.e)


def _end(code: int, said: str = "") -> None:
    print(said, file=sys.stderr, end="")
    sys.exit(code)


@pytest.mark.parametrize(
    ("program", "verdict"),
    [
        (lambda: sys.exit(0), "accepted"),
        (lambda: _end(2, "Error: no such file\n"), "refused"),
        (lambda: _end(3, "Error: parts are missing\n"), "refused"),
        (lambda: _end(2), "noise"),
        (lambda: _end(2, "no such file\n"), "noise"),
        (lambda: _end(2, "Error: one\nError: two\n"), "noise"),
        (lambda: _end(2, "Error: \x1b[2J\n"), "noise"),
        (lambda: _end(2, f"Error: {'x' * 2000}\n"), "noise"),
        (lambda: _end(0, "a word\n"), "noise"),
        (lambda: (print("\x1b[31m"), sys.exit(0)), "noise"),
        (lambda: (os.write(2, b"Warning 1: of a library"), sys.exit(0)), "noise"),
        (lambda: sys.exit(1), "traceback"),
        (lambda: 1 / 0, "traceback"),
        (lambda: np.empty(2**50), "memory"),
    ],
)
def test_a_command_that_breaks_a_law_is_named(monkeypatch, program, verdict):
    monkeypatch.setattr(roadex.cli, "main", program)
    assert laws.run_command(["plan"]).verdict == verdict


@pytest.mark.parametrize(
    ("name", "content", "verdict"),
    [
        ("a.json", '{"iou": NaN}', "non-finite"),
        ("a.json", '{"iou": 0.5}', None),
        (".a.123.partial.json", "{}", "left behind"),
        ("a.gpkg", "no database", "unreadable"),
    ],
)
def test_a_result_that_breaks_a_law_is_named(tmp_path, name, content, verdict):
    (tmp_path / name).write_text(content)
    ending = laws.check_outputs(tmp_path)
    assert (ending.verdict if ending else None) == verdict


@pytest.mark.parametrize(("x", "length"), [(1.0, np.inf), (np.inf, 1.0), (1.0, np.nan)])
def test_a_network_with_what_is_no_number_is_named(tmp_path, x, length):
    lines = [shapely.LineString([(0, 0), (1, 1)]), shapely.LineString([(0, 0), (x, 1)])]
    frame = gpd.GeoDataFrame({"length_m": [1.0, length]}, geometry=lines, crs=32633)
    frame.to_file(tmp_path / "a.fgb")
    assert laws.check_outputs(tmp_path).verdict == "non-finite"


def test_what_crashes_hangs_or_grows_is_stopped_named_and_does_not_end_the_run(monkeypatch):
    monkeypatch.setattr(watch, "PROGRAM", "tests.fuzz.faulty_worker")
    monkeypatch.setattr(watch, "MOST_SECONDS", 0.5)
    monkeypatch.setattr(watch, "MOST_WAITING", 1.5)
    monkeypatch.setattr(watch, "MOST_BYTES", 150_000_000)
    worker = watch.Worker(["geotiff"])
    try:
        kinds = ("fine", "crash", "fine", "busy", "asleep", "large", "peak", "fine")
        results = [worker.run(kind, 1, 2) for kind in kinds]
    finally:
        worker.close()
    assert [result.verdict for result in results] == [
        "accepted", "crash", "accepted", "hang", "hang", "memory", "memory", "accepted",
    ]  # fmt: skip
    assert results[1].name == "crash:1:2"
    assert "6  accepted" not in table(results)
    assert "crash:1:2" in faults(results)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_broken_input_breaks_a_law():
    results = fuzz(list(KINDS), seed=1, seconds=60)
    print(table(results))
    assert not any(result.is_fault for result in results), faults(results)
    assert {result.kind for result in results} == set(KINDS)


@pytest.mark.slow
def test_inputs_are_accepted_as_long_as_nothing_breaks_them(tmp_path, monkeypatch):
    def as_it_is(_rng, content, _mutate):
        return content, "nothing"

    for module in (raster_kinds, vector_kinds):
        monkeypatch.setattr(module, "mutate_often", as_it_is)
    bench = Bench(tmp_path)
    kinds = ["geotiff", "vrt", "probability", "lines", "area"]
    prepare(bench, kinds)
    for kind in kinds:
        for number in range(20):
            ending, note = run_case(KINDS[kind], 0, number, bench)
            assert ending.verdict == "accepted", f"{note}: {ending.text}"
