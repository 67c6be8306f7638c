"""Formats with one layer per file, written by GDAL: edges as asked for, nodes beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio


def write_layers(
    frames: Mapping[str, gpd.GeoDataFrame],
    path: Path,
    driver: str,
    *,
    layer_options: Mapping[str, str],
) -> None:
    """Write each frame to a file of its own; the key is appended to the file name.

    Parameters
    ----------
    frames
        ``""`` for the edges (lines), ``"_nodes"`` for the nodes (points).
    path
        File of the edges.
    driver
        Name of the GDAL driver.
    layer_options
        Creation options of every layer.
    """
    for suffix, frame in frames.items():
        pyogrio.write_dataframe(
            frame,
            path.with_name(f"{path.stem}{suffix}{path.suffix}"),
            driver=driver,
            geometry_type="Point" if suffix else "LineString",
            layer_options=dict(layer_options),
        )


def provenance_text(provenance: Mapping[str, Any], *, indent: int | None = None) -> str:
    """Return a provenance record as JSON, the same for equal records."""
    return json.dumps(dict(provenance), sort_keys=True, default=str, indent=indent)


def write_provenance(provenance: Mapping[str, Any], path: Path) -> None:
    """Write provenance beside a file whose format has no place for it."""
    text = provenance_text(provenance, indent=1)
    path.with_name(f"{path.stem}.provenance.json").write_text(text + "\n", encoding="utf-8")
