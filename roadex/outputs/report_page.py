"""``report.html``: a run on one page that opens from disk, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from roadex.imagery.work_grid import WorkGrid
from roadex.network.issues import KINDS
from roadex.outputs.html_page import write_page
from roadex.outputs.report_map import map_head, map_section


def write_report_page(
    path: Path,
    report: Mapping[str, Any],
    edges: gpd.GeoDataFrame,
    preview: Path,
    grid: WorkGrid,
) -> None:
    """Write the page.

    Parameters
    ----------
    path
        ``report.html``.
    report
        Content of ``report.json``.
    edges
        Edges of the network: they and their lengths by confidence and width are drawn.
    preview
        The picture; imagery and probability of the map are parts of it.
    grid
        Work grid of the run.

    Raises
    ------
    OSError
        If the picture cannot be read or the page not written.
    """
    name = ", ".join(report["scene"]["files"][:3])
    result = report["result"]
    parts = [
        f"<h1>{escape(name)}</h1>",
        f"<p>{_headline(result)}</p>",
        *(f'<p class="warning">{escape(text)}</p>' for text in result["warnings"]),
        *map_section(edges, preview, grid),
        "<h2>Where to look first</h2>",
        _issues(result),
        "<h2>Roads by length</h2>",
        '<div class="plots">',
        _histogram(edges, "confidence", np.linspace(0, 1, 11), "confidence"),
        _histogram(
            edges, "width_m", np.arange(0.0, 32.0, 2.0), "width in metres, above 30 left out"
        ),
        "</div>",
        "<h2>Surface</h2>",
        _surface(result),
        "<h2>Cleaning</h2>",
        _cleaning(result),
        "<h2>The run</h2>",
        _table(_rows(report)),
        f"<details><summary>report.json</summary><pre>{escape(json.dumps(report, indent=1))}</pre>"
        "</details>",
    ]
    write_page(path, f"Roads of {name}", parts, head=map_head())


def _headline(result: Mapping[str, Any]) -> str:
    failed = len(result["failed_tiles"])
    missing = f" <strong>{failed:,} tiles failed and are missing.</strong>" if failed else ""
    return (
        f"<strong>{result['road_km']:,.1f} km of road</strong> in {result['edges']:,} edges, "
        f"{result['routable_share']:.0%} of it in one connected network.{_expectation(result)}"
        f"{missing}"
    )


def _expectation(result: Mapping[str, Any]) -> str:
    share = result["expected_completeness"]
    return "" if share is None else f" About {share:.0%} of the roads are expected to be in it."


def _issues(result: Mapping[str, Any]) -> str:
    counts: Mapping[str, int] = result["issues"]
    if not counts:
        return "<p>Nothing was found that is likely to be wrong.</p>"
    rows = [(KINDS[kind], f"{counts[kind]:,}") for kind in KINDS if kind in counts]
    return _table(rows) + "<p>Points in the layer <code>road_issues</code> of roads.gpkg.</p>"


def _surface(result: Mapping[str, Any]) -> str:
    surface = result["surface"]
    if surface["reason"]:
        return f"<p>Not told: {escape(surface['reason'])}.</p>"
    km = {name: surface[f"{name}_km"] for name in ("paved", "unpaved", "unknown")}
    total = max(sum(km.values()), 1e-9)
    return _table(
        (name, f"{value:,.1f} km, {value / total:.0%} of the length") for name, value in km.items()
    )


def _cleaning(result: Mapping[str, Any]) -> str:
    rows = [
        (step["step"], f"{step['change_km']:+,.2f} km, {step['change_edges']:+,} edges")
        for step in result["cleaning"]
    ]
    return _table(rows) + (
        "<p>Each step of roadex is left out with <code>--set vector.skip=NAME</code>.</p>"
    )


def _histogram(
    edges: gpd.GeoDataFrame, column: str, bins: NDArray[np.float64], caption: str
) -> str:
    """Draw kilometres of road by a column."""
    known = edges[column].notna()
    km, _ = np.histogram(
        edges.loc[known, column], bins=bins, weights=edges.loc[known, "length_m"] / 1000
    )
    highest = max(float(km.max()), 1e-9)
    width = 320 / len(km)
    bars = "".join(
        f'<rect x="{8 + i * width:.1f}" y="{140 - 120 * value / highest:.1f}" '
        f'width="{width - 2:.1f}" height="{120 * value / highest:.1f}">'
        f"<title>{bins[i]:g} to {bins[i + 1]:g}: {value:.2f} km</title></rect>"
        for i, value in enumerate(km.tolist())
    )
    marks = "".join(
        f'<text x="{8 + i * width:.1f}" y="155" text-anchor="middle">{bins[i]:g}</text>'
        for i in range(0, len(bins), 2)
    )
    return (
        f'<figure><svg viewBox="0 0 340 160" role="img" aria-label="Kilometres by {caption}">'
        f'<text x="8" y="14">{highest:.1f} km</text>{bars}{marks}</svg>'
        f"<figcaption>Kilometres by {caption}</figcaption></figure>"
    )


def _rows(report: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    result, scene, grid = report["result"], report["scene"], report["work_grid"]
    seconds = ", ".join(f"{stage} {value:.1f} s" for stage, value in result["seconds"].items())
    return [
        ("imagery", f"{scene['shape'][1]:,} x {scene['shape'][0]:,} px of {scene['gsd_m']:.2f} m, "
         f"{scene['dtype']}, {scene['crs']}"),
        ("predicted at", f"{grid['gsd_m']:.2f} m per pixel, {result['megapixels']:,.1f} Mpx"),
        ("model", f"{report['model']['name']} ({report['model']['sha256'][:12]})"),
        ("time", f"{seconds}; started {report['started']}"),
        ("memory", f"{result['peak_memory_bytes'] / 1e9:.2f} GB at most"),
        ("roadex", str(report["roadex"])),
        *((one["family"], f"{one['name']}, of {one['package']} {one['version']}")
          for one in report.get("extensions", ())),
    ]  # fmt: skip


def _table(rows: Iterable[tuple[str, str]]) -> str:
    body = "".join(f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)
    return f"<table>{body}</table>"
