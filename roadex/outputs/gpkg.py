"""GeoPackage that QGIS opens styled: layers, styles, aliases, provenance, spatial index.

Version 1.3 of the format: GDAL 3.6 (QGIS 3.22) warns about 1.4, which newer GDAL writes by itself.

References
----------
.. [1] OGC 12-128r18, GeoPackage 1.3.1: annexes F.8 (metadata) and F.9 (schema).
.. [2] QGIS source, ``QgsOgrProviderMetadata::saveStyle``: the table ``layer_styles``.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import geopandas as gpd
import pandas as pd
import pyogrio

from roadex.config import OutputConfig
from roadex.network.issues import COLUMNS as ISSUE_COLUMNS
from roadex.network.issues import find_issues
from roadex.network.line_reader import EDGE_LAYER
from roadex.network.tables import EDGE_COLUMNS, NODE_COLUMNS, NODE_LAYER

if TYPE_CHECKING:
    from roadex.outputs import Network


ISSUE_LAYER: Final = "road_issues"
"""Places a mapper should look at first, see :mod:`roadex.network.issues`."""

_LAYERS: Final = {
    EDGE_LAYER: ("Road centre lines", "Edges of the road network between two nodes"),
    NODE_LAYER: ("Road nodes", "Junctions and ends of the road network"),
    ISSUE_LAYER: ("Road issues", "Places to look at first: gaps, doubles, zigzags, long bridges"),
}

_SURFACE: Final = "surface"
"""Column of edges, and the style for networks that have it."""

_STYLES: Final = (
    # layer, style name, file, default, description
    (EDGE_LAYER, "confidence", "road_edges_confidence.qml", 1, "Colour by confidence"),
    (EDGE_LAYER, "width", "road_edges_width.qml", 0, "Colour by road width"),
    (EDGE_LAYER, "bridged gaps", "road_edges_bridged.qml", 0, "Roads with bridged gaps"),
    (EDGE_LAYER, _SURFACE, "road_edges_surface.qml", 0, "Colour by surface"),
    (NODE_LAYER, "kind", "road_nodes_kind.qml", 1, "Symbol by kind of node"),
    (ISSUE_LAYER, "kind", "road_issues_kind.qml", 1, "Symbol by kind of issue"),
)

_COLUMNS: Final = {
    EDGE_LAYER: EDGE_COLUMNS,
    NODE_LAYER: NODE_COLUMNS,
    ISSUE_LAYER: {
        "kind": ("Kind of issue", "gap, crossing, level, parallel, zigzag or bridged"),
        "text": ("What it may be", "Meaning of the kind"),
        "edge_id": ("Edge id", "edge_id of the edge concerned"),
        "other_id": ("Other edge", "edge_id of the other edge concerned, or -1"),
        "size_m": ("Size (m)", "Width of a gap, or length of what is wrong"),
    },
}
"""Layer and column to title and description."""

_STYLE_TABLE: Final = """
CREATE TABLE layer_styles (
 id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
 f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256),
 f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
 useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
 update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')));
"""

_METADATA_TABLES: Final = """
CREATE TABLE IF NOT EXISTS gpkg_metadata (
 id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL,
 md_scope TEXT NOT NULL DEFAULT 'dataset', md_standard_uri TEXT NOT NULL,
 mime_type TEXT NOT NULL DEFAULT 'text/xml', metadata TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS gpkg_metadata_reference (
 reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT, row_id_value INTEGER,
 timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
 md_file_id INTEGER NOT NULL, md_parent_id INTEGER,
 CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
 CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id));
CREATE TABLE IF NOT EXISTS gpkg_data_columns (
 table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT,
 description TEXT, mime_type TEXT, constraint_name TEXT,
 CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
 CONSTRAINT gdc_tn UNIQUE (table_name, name));
CREATE TABLE IF NOT EXISTS gpkg_data_column_constraints (
 constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT,
 min NUMERIC, min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN,
 description TEXT,
 CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value));
"""

_GDAL_DATE: Final = threading.Lock()

_EXTENSION: Final = "http://www.geopackage.org/spec120/#extension_"


def write(
    network: Network, path: Path, provenance: Mapping[str, Any], config: OutputConfig
) -> None:
    """Write the layers and what GeoPackage and QGIS want beside them."""
    layers = [
        Layer(EDGE_LAYER, _for_review(network.edges), "LineString", *_LAYERS[EDGE_LAYER]),
        Layer(NODE_LAYER, network.nodes, "Point", *_LAYERS[NODE_LAYER]),
        Layer(
            ISSUE_LAYER, find_issues(network.edges, network.nodes), "Point", *_LAYERS[ISSUE_LAYER]
        ),
    ]
    folder = files("roadex.outputs") / "styles"
    styles = [
        Style(layer, name, (folder / file).read_text(encoding="utf-8"), bool(default), text)
        for layer, name, file, default, text in _STYLES
        if name != _SURFACE or _SURFACE in network.edges
    ]
    with styled_geopackage(path, layers, provenance, styles if config.styles else ()) as database:
        database.executescript(_indexes(network))
        _add_columns(database, network)


def count_issues(path: Path) -> dict[str, int]:
    """Return how many places of each kind a written network names to look at, sorted by kind."""
    with closing(sqlite3.connect(path)) as database:
        counted = f"SELECT kind, COUNT(*) FROM {ISSUE_LAYER} GROUP BY kind ORDER BY kind"
        return dict(database.execute(counted).fetchall())


def _for_review(edges: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the edges with a column for a person's verdicts."""
    if "review" in edges:
        return edges
    return edges.assign(review=pd.Series(None, index=edges.index, dtype="object"))


class Layer(NamedTuple):
    """A layer to write."""

    name: str
    frame: gpd.GeoDataFrame
    geometry_type: str
    identifier: str
    description: str


class Style(NamedTuple):
    """A QGIS style of a layer."""

    layer: str
    name: str
    qml: str
    is_default: bool
    description: str


@contextmanager
def styled_geopackage(
    path: Path, layers: Sequence[Layer], provenance: Mapping[str, Any], styles: Sequence[Style]
) -> Iterator[sqlite3.Connection]:
    """Write layers with provenance and styles, and give the database for what else it is to hold.

    Equal arguments give equal bytes, if ``provenance`` says when the result was ``created``.
    """
    created = _created(provenance)
    with _gdal_date(created):
        for layer in layers:
            _write_layer(layer, path)
    with closing(sqlite3.connect(path)) as database:
        with database:  # one transaction
            database.executescript(f"BEGIN; {_METADATA_TABLES}")
            _add_provenance(database, provenance, created)
            yield database
            if styles:
                _add_styles(database, created, styles)
        database.execute("PRAGMA journal_mode=DELETE")


def _write_layer(layer: Layer, path: Path) -> None:
    pyogrio.write_dataframe(
        layer.frame,
        path,
        layer=layer.name,
        driver="GPKG",
        append=path.exists(),
        geometry_type=layer.geometry_type,
        use_arrow=True,
        dataset_options={} if path.exists() else {"VERSION": "1.3"},
        layer_options={
            "GEOMETRY_NAME": "geom",
            "FID": "fid",
            "IDENTIFIER": layer.identifier,
            "DESCRIPTION": layer.description,
        },
    )


def _created(provenance: Mapping[str, Any]) -> str:
    """Return the time to write into the file, in the format GeoPackage asks for."""
    value = provenance.get("created")
    moment = datetime.fromisoformat(value) if value else datetime.now(UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@contextmanager
def _gdal_date(created: str) -> Iterator[None]:
    """Let GDAL write this time instead of the clock's.

    That is a setting of the whole process, so one thread at a time has its turn.
    """
    with _GDAL_DATE:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": created})
        try:
            yield
        finally:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _indexes(network: Network) -> str:
    wanted = ((EDGE_LAYER, network.edges, ("u", "v")), (NODE_LAYER, network.nodes, ("node_id",)))
    return "".join(
        f"CREATE INDEX {layer}_{column} ON {layer} ({column});"
        for layer, frame, columns in wanted
        for column in columns
        if column in frame.columns
    )


def _add_provenance(
    database: sqlite3.Connection, provenance: Mapping[str, Any], created: str
) -> None:
    database.execute(
        "INSERT INTO gpkg_metadata VALUES (1, 'dataset', 'https://www.geopackage.org',"
        " 'application/json', ?)",
        (json.dumps(dict(provenance), indent=1, sort_keys=True, default=str),),
    )
    database.execute(
        "INSERT INTO gpkg_metadata_reference (reference_scope, timestamp, md_file_id)"
        " VALUES ('geopackage', ?, 1)",
        (created,),
    )
    tables = {
        "metadata": ("gpkg_metadata", "gpkg_metadata_reference"),
        "schema": ("gpkg_data_columns", "gpkg_data_column_constraints"),
    }
    database.executemany(
        "INSERT OR IGNORE INTO gpkg_extensions VALUES (?, NULL, ?, ?, 'read-write')",
        [
            (table, f"gpkg_{extension}", _EXTENSION + extension)
            for extension, names in tables.items()
            for table in names
        ],
    )


def _add_columns(database: sqlite3.Connection, network: Network) -> None:
    """Describe the columns; newer GDAL shows these, QGIS takes its aliases from the style."""
    present = {
        EDGE_LAYER: [*network.edges.columns, "review"],
        NODE_LAYER: network.nodes.columns,
        ISSUE_LAYER: ISSUE_COLUMNS,
    }
    database.executemany(
        "INSERT INTO gpkg_data_columns (table_name, column_name, name, title, description)"
        " VALUES (?, ?, ?, ?, ?)",
        [
            (layer, column, title, title, description)
            for layer, columns in _COLUMNS.items()
            for column, (title, description) in columns.items()
            if column in present[layer]
        ],
    )


def _add_styles(database: sqlite3.Connection, created: str, styles: Sequence[Style]) -> None:
    """Add the styles; catalog and schema must be '' because NULL hides them from QGIS."""
    database.execute(_STYLE_TABLE)
    database.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description,"
        " last_change, srs_id) VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?, 0)",
        (created,),
    )
    database.executemany(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name,"
        " f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner,"
        " ui, update_time) VALUES ('', '', ?, 'geom', ?, ?, '', ?, ?, '', '', ?)",
        [
            (style.layer, style.name, style.qml, style.is_default, style.description, created)
            for style in styles
        ],
    )
