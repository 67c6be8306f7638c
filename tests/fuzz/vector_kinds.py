"""Road networks and files of lines, as other programs may leave them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import shapely

from tests.fuzz import corpus
from tests.fuzz.cases import Bench, Case, Kind, Words, plan_words, put
from tests.fuzz.mutations import NUMBERS, TEXTS, Mutated, mutate_bytes, mutate_often, mutate_value

_CRS = (
    None,
    "EPSG:4326",
    "EPSG:3857",
    "EPSG:32601",
    "EPSG:4978",
    "EPSG:2263",
    "EPSG:5041",
    "IAU_2015:30100",
)

# Networks


UNWRITABLE = (RuntimeError, ValueError, TypeError, AttributeError, OverflowError)
"""What writing an odd table ends with, of GDAL, Arrow and GeoPandas: what no program can write
needs no reader."""


def _network(rng: Random, bench: Bench, healthy: Path) -> Case:
    """Change geometries, attributes or the CRS of a network and write it as a sound file."""
    import pyogrio

    west = healthy / "west.gpkg"
    tables = {
        name: pyogrio.read_dataframe(west, layer=name) for name in ("road_edges", "road_nodes")
    }
    notes = []
    for _ in range(rng.randint(1, 3)):
        name = rng.choice(("road_edges", "road_edges", "road_edges", "road_nodes"))
        tables[name], note = changed_table(rng, tables[name])
        notes.append(f"{name} {note}")
    suffix = rng.choice((".gpkg", ".gpkg", ".fgb", ".parquet"))
    path = bench.inputs / f"edited{suffix}"
    try:
        _write_tables(tables, path)
    except UNWRITABLE as error:
        return Case(f"not written ({error})", iter([["merge", "--help"]]))
    return Case(f"{suffix}: {'; '.join(notes)}", _network_commands(rng, bench, path, healthy))


def _write_tables(tables: Mapping[str, Any], path: Path) -> None:
    """Write edges and nodes into one GeoPackage, or into two files beside each other."""
    import pyogrio

    for name, table in tables.items():
        is_apart = name == "road_nodes" and path.suffix != ".gpkg"
        place = path.with_stem(f"{path.stem}_nodes") if is_apart else path
        if path.suffix == ".parquet":
            table.to_parquet(place)
        else:
            pyogrio.write_dataframe(table, place, layer=name, append=place.exists())


def _network_commands(rng: Random, bench: Bench, path: Path, healthy: Path) -> Iterator[Words]:
    east, edited, out = str(healthy / "east.gpkg"), str(path), bench.outputs
    pair = [edited, east] if rng.random() < 0.5 else [east, edited]
    suffix = rng.choice(
        (".geojson", ".fgb", ".graphml", ".osm", ".kml", ".csv", ".overture.parquet")
    )
    commands = [
        ["merge", *pair, "-o", str(out / "merged.geojson")],
        ["rebuild", edited, "-o", str(out / "rebuilt.geojson")],
        ["convert", edited, "-o", str(out / f"converted{suffix}")],
        ["score", *pair, "-q", "--json", str(out / "score.json")],
        ["compare", *pair, "-o", str(out / "compared.gpkg")],
    ]
    yield from rng.sample(commands, 2)


def changed_table(rng: Random, table: Any) -> tuple[Any, str]:
    """Return a table with an odd geometry, value or column, or in another CRS."""
    table = table.copy()
    if len(table) == 0:
        return table, "empty"
    row = rng.randrange(len(table))
    attributes = [name for name in table.columns if name != "geometry"]
    on_columns = ("value", "value", "column") if attributes else ()
    match rng.choice(("geometry", "geometry", "geometry", *on_columns, "rows", "crs")):
        case "geometry":
            geometry = table.geometry.to_numpy().copy()
            is_whole = geometry[row] is not None and not geometry[row].is_empty
            make = rng.choice(_GEOMETRIES) if is_whole else _null
            geometry[row] = make(rng, geometry[row])
            return table.set_geometry(_series(geometry, table)), f"row {row} {make.__name__}"
        case "value":
            column = rng.choice(attributes)
            value = rng.choice((None, *NUMBERS, *TEXTS[:12]))
            table[column] = table[column].astype(
                object if isinstance(value, str) else float, errors="ignore"
            )
            values = table[column].to_list()
            values[row] = value if isinstance(value, str) or value is None else float(value)
            table[column] = [str(v) for v in values] if isinstance(value, str) else values
            return table, f"{column}[{row}] {value!r}"
        case "column":
            column = rng.choice(attributes)
            return table.drop(columns=column), f"without {column}"
        case "rows":
            keep = rng.choice((0, 1, len(table) - 1))
            return table.iloc[:keep], f"{keep} rows"
        case _:
            crs = rng.choice(_CRS)
            return table.set_crs(crs, allow_override=True), f"crs {crs}"


def _series(geometry: Any, table: Any) -> Any:
    import geopandas as gpd

    return gpd.GeoSeries(geometry, index=table.index, crs=table.crs)


def _null(rng: Random, line: Any) -> None:
    return None


def _empty(rng: Random, line: Any) -> Any:
    return rng.choice(
        (shapely.LineString(), shapely.MultiLineString(), shapely.GeometryCollection())
    )


def _odd_coordinate(rng: Random, line: Any) -> Any:
    coordinates = shapely.get_coordinates(line).copy()
    is_ring = line.geom_type == "Polygon"  # its ends have to stay one place
    place = rng.randrange(is_ring, len(coordinates) - is_ring), rng.randrange(2)
    coordinates[place] = float(rng.choice(NUMBERS))
    return shapely.set_coordinates(line, coordinates)


def _far_away(rng: Random, line: Any) -> Any:
    factor = 10.0 ** rng.randint(-12, 12)
    return shapely.transform(line, lambda c: c * factor)


def _moved(rng: Random, line: Any) -> Any:
    shift = [rng.choice((0.0, 1e-9, 1e-3, 5.0, 1e5, 1e8)) for _ in range(2)]
    return shapely.transform(line, lambda c: c + shift)


def _several(rng: Random, line: Any) -> Any:
    return (
        shapely.MultiLineString([line, _moved(rng, line)])
        if line.geom_type == "LineString"
        else line
    )


def _collection(rng: Random, line: Any) -> Any:
    inner = shapely.GeometryCollection([line, shapely.Point(0, 0)])
    return shapely.GeometryCollection([inner, line.buffer(1)])


def _point(rng: Random, line: Any) -> Any:
    return line.centroid


def _area(rng: Random, line: Any) -> Any:
    return line.buffer(3)


def _with_height(rng: Random, line: Any) -> Any:
    return shapely.force_3d(line, rng.choice((0.0, 1e300, math.inf)))


def _no_length(rng: Random, line: Any) -> Any:
    return shapely.LineString([shapely.get_coordinates(line)[0]] * 2)


def _knot(rng: Random, line: Any) -> Any:
    start = shapely.get_coordinates(line)[0]
    steps = np.array([[rng.randint(-9, 9), rng.randint(-9, 9)] for _ in range(rng.choice((4, 60)))])
    return shapely.LineString(start + steps)


def _there_and_back(rng: Random, line: Any) -> Any:
    coordinates = shapely.get_coordinates(line)
    return shapely.LineString([*coordinates, *coordinates[-2::-1], coordinates[-1]])


_GEOMETRIES: tuple[Callable[[Random, Any], Any], ...] = (
    _null, _empty, _odd_coordinate, _odd_coordinate, _far_away, _moved, _several, _collection,
    _point, _area, _with_height, _no_length, _knot, _there_and_back,
)  # fmt: skip


# Bytes of files


def _lines(rng: Random, bench: Bench, healthy: Path) -> Case:
    """Break the bytes of a file of lines, or the values of a GeoJSON file."""
    files = [*corpus.files_below(healthy)]
    suffix = rng.choice((".geojson", ".geojson", ".gpkg", ".fgb", ".parquet"))
    source = rng.choice([p for p in files if p.suffix == suffix and not p.stem.endswith("_nodes")])
    mutate = mutate_geojson if source.suffix == ".geojson" else mutate_bytes
    content, note = mutate_often(rng, source.read_bytes(), mutate)
    for other in files:
        if other.suffix == source.suffix:
            put(bench, other.name, other.read_bytes())
    path = put(bench, source.name, content)
    return Case(f"{source.name}: {note}", _line_commands(rng, bench, path, healthy))


def mutate_geojson(rng: Random, content: bytes) -> Mutated:
    if rng.random() < 0.2:
        return mutate_bytes(rng, content)
    try:
        value, note = mutate_value(rng, json.loads(content))
    except (ValueError, IndexError):  # bytes of it were changed before, or little is left
        return mutate_bytes(rng, content)
    return json.dumps(value).encode(), note


def _line_commands(rng: Random, bench: Bench, path: Path, healthy: Path) -> Iterator[Words]:
    broken, east, out = str(path), str(healthy / "east.gpkg"), bench.outputs
    pair = [broken, east] if rng.random() < 0.5 else [east, broken]
    yield ["score", *pair, "-q", "--json", str(out / "score.json")]
    yield ["compare", east, broken, "-o", str(out / "compared.gpkg")]
    if path.suffix != ".geojson" and rng.random() < 0.5:
        yield ["merge", *pair, "-o", str(out / "merged.geojson")]
        yield ["rebuild", broken, "-o", str(out / "rebuilt.geojson")]


# Areas of interest


def _write_area(folder: Path) -> None:
    """Write a polygon and a multi-part one over the healthy scene."""
    import geopandas as gpd

    left, top = corpus.PLACE.c, corpus.PLACE.f
    boxes = [
        shapely.box(left + 8, top - 40, left + 50, top - 4),
        shapely.box(left, top - 60, left + 9, top),
    ]
    frame = gpd.GeoDataFrame(geometry=[boxes[0], shapely.MultiPolygon(boxes[1:])], crs=corpus.UTM)
    frame.to_crs(4326).to_file(folder / "area.geojson")
    frame.to_file(folder / "area.fgb")


def _area_file(rng: Random, bench: Bench, healthy: Path) -> Case:
    source = rng.choice([*corpus.files_below(healthy)])
    mutate = mutate_geojson if source.suffix == ".geojson" else mutate_bytes
    content, note = mutate_often(rng, source.read_bytes(), mutate)
    path = put(bench, source.name, content)
    return Case(
        f"{source.name}: {note}", iter([plan_words(bench, bench.scene, "--aoi", str(path))])
    )


VECTOR_KINDS = (
    Kind(
        "network",
        "network: merge, rebuild, convert, score, compare",
        corpus.write_networks,
        _network,
    ),
    Kind("lines", "file of lines: score, compare, merge", corpus.write_networks, _lines),
    Kind("area", "area of interest: plan", _write_area, _area_file, 3),
)
