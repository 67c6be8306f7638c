"""What a person gives back to a run: windows of an assessment with true roads, rough lines."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import shapely

from tests.fuzz import corpus
from tests.fuzz.cases import Bench, Case, Kind, Words, put
from tests.fuzz.laws import run_command
from tests.fuzz.mutations import Mutated, mutate_bytes, mutate_often, mutate_tiff
from tests.fuzz.vector_kinds import UNWRITABLE, changed_table, mutate_geojson

_LAYERS = ("windows", "truth")
_SIZE_M = "20"


def _write_run(folder: Path) -> None:
    """Write the folder of a run: its network and its probability."""
    import roadex
    from roadex.outputs import write_network

    made = folder / "made"
    run = folder / "run"
    made.mkdir()
    run.mkdir()
    corpus.write_probabilities(made)
    shutil.copyfile(made / "roadex.tif", run / "probability.tif")
    shutil.rmtree(made)
    mask = corpus.road_mask().astype(bool)
    network = roadex.vectorize(mask, transform=corpus.PLACE, crs=corpus.UTM)
    write_network(network, run / "roads.gpkg", provenance={"drawn": "run"})


# Assessments


def _write_assessment(folder: Path) -> None:
    """Write a run, and windows of it in which somebody has drawn two roads."""
    import geopandas as gpd
    import pyogrio

    _write_run(folder)
    marked = folder / "marked.gpkg"
    ending = run_command(
        ["assess", str(folder / "run"), "-o", str(marked), "--windows", "6", "--size", _SIZE_M]
    )
    if ending.verdict != "accepted":
        raise RuntimeError(ending.text)
    windows = pyogrio.read_dataframe(marked, layer="windows")
    windows["state"] = ["done"] * (len(windows) - 1) + ["unclear"]
    left, top = corpus.PLACE.c, corpus.PLACE.f
    roads = [
        shapely.LineString([(left, top - 31), (left + 80, top - 31)]),
        shapely.LineString([(left + 43, top), (left + 43, top - 64)]),
    ]
    truth = gpd.GeoDataFrame({"note": ["", "track"]}, geometry=roads, crs=corpus.UTM)
    pyogrio.write_dataframe(windows, marked, layer="windows")
    pyogrio.write_dataframe(truth, marked, layer="truth")


def _assessment(rng: Random, bench: Bench, healthy: Path) -> Case:
    """Change windows and truth as tables, or break the bytes of a file of the run."""
    shutil.copytree(healthy / "run", bench.inputs / "run")
    run, marked = bench.inputs / "run", bench.inputs / "marked.gpkg"
    shutil.copyfile(healthy / "marked.gpkg", marked)
    broken = rng.choice(("tables", "tables", "tables", "marked", "network", "probability"))
    match broken:
        case "tables":
            note = _change_tables(rng, marked)
            if note is None:
                return Case("not written", iter([["assess", "--help"]]))
        case "marked":
            note = _break_file(rng, marked, mutate_bytes)
        case "network":
            note = _break_file(rng, run / "roads.gpkg", mutate_bytes)
        case _:
            note = _break_file(rng, run / "probability.tif", mutate_tiff)
    drawn = str(bench.outputs / "windows.gpkg")
    draw = ["assess", str(run), "-o", drawn, "--windows", "6", "--size", _SIZE_M]
    judge = ["assess", str(run), "--marked", str(marked), "--json", str(bench.outputs / "a.json")]
    commands = [judge] if broken in ("tables", "marked") else [draw, judge]
    return Case(f"{broken}: {note}", iter(commands))


def _change_tables(rng: Random, marked: Path) -> str | None:
    """Write odd windows or true roads as a sound file; None if no program could write them."""
    import pyogrio

    tables = {name: pyogrio.read_dataframe(marked, layer=name) for name in _LAYERS}
    notes = []
    for _ in range(rng.randint(1, 3)):
        name = rng.choice(_LAYERS)
        tables[name], note = changed_table(rng, tables[name])
        notes.append(f"{name} {note}")
    marked.unlink()
    try:
        for name, table in tables.items():
            pyogrio.write_dataframe(table, marked, layer=name, append=marked.exists())
    except UNWRITABLE:
        return None
    return "; ".join(notes)


def _break_file(rng: Random, path: Path, mutate: Callable[[Random, bytes], Mutated]) -> str:
    content, note = mutate_often(rng, path.read_bytes(), mutate)
    path.write_bytes(content)
    return note


# Rough lines


def _write_rough(folder: Path) -> None:
    """Write a run, and lines beside its roads as somebody would click them."""
    import geopandas as gpd

    _write_run(folder)
    left, top = corpus.PLACE.c, corpus.PLACE.f
    lines = [
        shapely.LineString([(left + 2, top - 28), (left + 38, top - 33), (left + 77, top - 30)]),
        shapely.LineString([(left + 41, top - 3), (left + 45, top - 61)]),
        shapely.MultiLineString([[(left + 10, top - 9), (left + 25, top - 18)]]),
    ]
    frame = gpd.GeoDataFrame({"name": ["a", "b", "c"]}, geometry=lines, crs=corpus.UTM)
    frame.to_file(folder / "rough.gpkg")
    frame.to_crs(4326).to_file(folder / "rough.geojson")


def _rough(rng: Random, bench: Bench, healthy: Path) -> Case:
    """Change the lines, or break the raster they are led along."""
    raster = healthy / "run" / "probability.tif"
    lines = healthy / rng.choice(("rough.gpkg", "rough.geojson"))
    if rng.random() < 0.3:
        content, note = mutate_often(rng, raster.read_bytes(), mutate_tiff)
        raster = put(bench, raster.name, content)
    elif rng.random() < 0.5:
        mutate = mutate_geojson if lines.suffix == ".geojson" else mutate_bytes
        content, note = mutate_often(rng, lines.read_bytes(), mutate)
        lines = put(bench, lines.name, content)
    else:
        lines, note = _changed_lines(rng, bench, lines)
    return Case(f"{lines.name}: {note}", iter([_snap_words(rng, bench, raster, lines)]))


def _changed_lines(rng: Random, bench: Bench, lines: Path) -> tuple[Path, str]:
    import pyogrio

    table, notes = pyogrio.read_dataframe(lines), []
    for _ in range(rng.randint(1, 3)):
        table, note = changed_table(rng, table)
        notes.append(note)
    edited = bench.inputs / "edited.gpkg"
    try:
        pyogrio.write_dataframe(table, edited)
    except UNWRITABLE:
        return lines, "not written"
    return edited, "; ".join(notes)


def _snap_words(rng: Random, bench: Bench, raster: Path, lines: Path) -> Words:
    search = rng.choice(("10", "10", "0.01", "1e9"))
    output = str(bench.outputs / "snapped.gpkg")
    return ["snap", str(raster), str(lines), "-o", output, "--search", search]


JUDGING_KINDS = (
    Kind("assessment", "windows, true roads, a run: assess", _write_assessment, _assessment),
    Kind("rough", "rough lines, probability: snap", _write_rough, _rough),
)
