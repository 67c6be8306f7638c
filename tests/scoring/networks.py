"""Line networks whose scores are known, and settings that suit them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import shapely
from shapely import LineString, MultiLineString

from roadex.config import ScoreConfig
from roadex.scoring.metrics.lines import LineNetwork

DATA = Path(__file__).parents[1] / "data" / "metrics"
CONFIG = ScoreConfig(topo_radius_m=150)


def grid(n=4, spacing=100.0):
    """Return the streets of a square town, cut at their crossings."""
    at = np.arange(n) * spacing
    lines = [LineString([(x, at[0]), (x, at[-1])]) for x in at]
    lines += [LineString([(at[0], y), (at[-1], y)]) for y in at]
    return shapely.get_parts(shapely.node(MultiLineString(lines)))


def network(*lines):
    """Return a network of lines of points."""
    return LineNetwork.from_lines([LineString(line) for line in lines])


def vegas(side):
    """Return the lines of a published pair of networks, ``gt`` or ``prop``."""
    graph = json.loads((DATA / f"vegas_img0_{side}.json").read_text())
    return np.array([LineString(edge[3]) for edge in graph["edges"]], dtype=object)


def moved(lines, dx, dy):
    """Return lines shifted by metres."""
    return shapely.transform(lines, lambda xy: xy + np.array([dx, dy]))
