"""The results of a batch as a STAC catalog: an Item per scene beside its results.

References
----------
.. [1] STAC 1.1.0; extensions ``projection`` 2.0.0, ``processing`` 1.2.0 and ``table`` 1.2.0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import rasterio

from roadex.files import whole_file
from roadex.imagery.locations import gdal_location, is_virtual, public_name
from roadex.network.tables import EDGE_COLUMNS

CATALOG: Final = "catalog.json"
ITEM: Final = "item.json"

_VERSION: Final = "1.1.0"

_EXTENSIONS: Final = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "https://stac-extensions.github.io/table/v1.2.0/schema.json",
)

_ASSETS: Final = {
    "network": ("roads.gpkg", "application/geopackage+sqlite3", ["data"], "Road network"),
    "probability": (
        "probability.tif",
        "image/tiff; application=geotiff; profile=cloud-optimized",
        ["data"],
        "Road probability: value / 254, 255 is nodata",
    ),
    "preview": ("preview.png", "image/png", ["overview"], "Imagery, probability and network"),
    "report": ("report.json", "application/json", ["metadata"], "How the results were made"),
    "page": ("report.html", "text/html", ["metadata"], "Report"),
}
"""File, media type, roles and title of each result."""

_DESCRIPTION: Final = (
    "Roads found by roadex. `datetime` is when the newest file of the imagery was changed: when it "
    "was taken is not known."
)

_NO_TIME: Final = "1970-01-01T00:00:00+00:00"
"""What :attr:`roadex.imagery.scene.Scene.modified` is for URLs."""

_FIGURES: Final = ("road_km", "edges", "confidence", "expected_completeness", "routable_share")


def write_catalog(
    folder: Path, reports: Mapping[str, Mapping[str, Any]], sources: Mapping[str, str]
) -> None:
    """Write ``catalog.json``, and ``item.json`` beside the results of each scene.

    Parameters
    ----------
    folder
        The output of a batch.
    reports
        ``report.json`` of each scene that has results, by the name of its folder.
    sources
        Path or URL of the imagery of each, by the same name; relative to the working directory.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    for name, report in reports.items():
        _write(folder / name / ITEM, _item(folder, name, report, sources[name]))
    version = next((report["roadex"] for report in reports.values()), "")
    items = [_link("item", f"./{name}/{ITEM}", "application/geo+json") for name in reports]
    content = {
        "type": "Catalog",
        "stac_version": _VERSION,
        "id": folder.absolute().name or "roads",
        "title": "Roads of a batch of scenes",
        "description": _DESCRIPTION,
        "roadex": version,
        "links": [_link("root", f"./{CATALOG}", "application/json"), *items],
    }
    _write(folder / CATALOG, content)


def _item(folder: Path, name: str, report: Mapping[str, Any], source: str) -> dict[str, Any]:
    result, up = report["result"], f"../{CATALOG}"
    with rasterio.open(folder / name / "probability.tif") as raster:
        place = _projection(raster)
    figures = {f"roadex:{key}": result[key] for key in _FIGURES if result.get(key) is not None}
    return {
        "type": "Feature",
        "stac_version": _VERSION,
        "stac_extensions": list(_EXTENSIONS),
        "id": name,
        "geometry": report["footprint"],
        "bbox": _bbox(report["footprint"]),
        "properties": {
            **_time(report),
            "created": report["started"],
            "description": _DESCRIPTION,
            "gsd": report["scene"]["gsd_m"],
            **place,
            "processing:software": {"roadex": report["roadex"]},
            "roadex:model": report["model"]["name"],
            **figures,
        },
        "links": [
            _link("root", up, "application/json"),
            _link("parent", up, "application/json"),
            {"rel": "derived_from", "href": _public_place(source)},
        ],
        "assets": {
            key: _asset(*described)
            for key, described in _ASSETS.items()
            if (folder / name / described[0]).exists()
        },
    }


def _time(report: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the time of the imagery; where no file says one, it is older than the run."""
    changed: str = report["created"]
    if changed != _NO_TIME:
        return {"datetime": changed}
    return {"datetime": None, "start_datetime": _NO_TIME, "end_datetime": report["started"]}


def _public_place(source: str) -> str:
    """Return a path or URL that means the same from anywhere, without what may be secret in it."""
    location = gdal_location(source)
    return public_name(source) if is_virtual(location) else location


def _asset(file: str, media_type: str, roles: list[str], title: str) -> dict[str, Any]:
    asset: dict[str, Any] = {
        "href": f"./{file}", "type": media_type, "roles": roles, "title": title,
    }  # fmt: skip
    if file == "roads.gpkg":
        asset["table:primary_geometry"] = "geom"
        asset["table:columns"] = [
            {"name": column, "description": f"{title}: {meaning}"}
            for column, (title, meaning) in EDGE_COLUMNS.items()
            if column != "scene"  # of networks of many scenes
        ]
    return asset


def _projection(raster: Any) -> dict[str, Any]:
    epsg = raster.crs.to_epsg()
    crs = {"proj:code": f"EPSG:{epsg}"} if epsg else {"proj:wkt2": raster.crs.to_wkt()}
    return crs | {
        "proj:shape": [raster.height, raster.width],
        "proj:transform": list(raster.transform)[:6],
    }


def _bbox(geometry: Mapping[str, Any]) -> list[float]:
    """Return west, south, east, north; west is the larger one across 180 degrees (RFC 7946)."""
    polygons = geometry["coordinates"]
    if geometry["type"] == "Polygon":
        polygons = [polygons]
    parts = [[point for ring in polygon for point in ring] for polygon in polygons]
    latitudes = [y for part in parts for _, y in part]
    spans = [(min(x for x, _ in part), max(x for x, _ in part)) for part in parts]
    west, east = min(spans)[0], max(spans)[1]
    if len(spans) > 1:
        west, east = max(spans)[0], min(spans)[1]
    return [west, min(latitudes), east, max(latitudes)]


def _link(relation: str, href: str, media_type: str) -> dict[str, str]:
    return {"rel": relation, "href": href, "type": media_type}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with whole_file(path) as place:
        place.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
