"""Windows as a person, and the programs in between, give them back."""

from __future__ import annotations

from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.imagery.georeference import require_earth
from roadex.network.sound_lines import are_places
from roadex.scoring.sample_windows import MARGIN_M, metric_crs_for

DONE: Final = "done"
UNCLEAR: Final = "unclear"
"""States of a window: all of its true roads are drawn, or the imagery does not show them."""

COLUMNS: Final = ("stratum", "state", "imaged_m2", "stratum_m2", "stratum_squares")
"""Columns of windows an assessment needs."""

_SIZES: Final = COLUMNS[2:]

_AREAS: Final = (3, 6)  # Polygon, MultiPolygon


def sound_windows(windows: gpd.GeoDataFrame, config: ScoreConfig) -> gpd.GeoDataFrame:
    """Return windows in a CRS in metres, ``state`` being text.

    Parameters
    ----------
    windows
        As :func:`~roadex.scoring.sample_windows.draw_windows` made them, marked by a person.
    config
        ``line_buffer_m`` is the tolerance.

    Raises
    ------
    ScoreError
        If they were changed by another program so that nothing can be told from them, or the
        tolerance is wider than their margin.
    """
    missing = [name for name in COLUMNS if name not in windows]
    if missing:
        msg = f"these are no windows of `roadex assess`: columns {', '.join(missing)} are missing"
        raise ScoreError(msg)
    if config.line_buffer_m > MARGIN_M:
        msg = (
            f"the tolerance is at most {MARGIN_M:g} m, the margin of the windows around the "
            f"squares that count, got {config.line_buffer_m:g}"
        )
        raise ScoreError(msg)
    state = windows["state"].fillna("")
    unknown = sorted({str(value) for value in state} - {DONE, UNCLEAR, ""})
    if unknown:
        msg = f"a window has the state {unknown[0]!r}; it is {DONE}, {UNCLEAR}, or empty"
        raise ScoreError(msg)
    sizes = windows[list(_SIZES)].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    is_sized = np.isfinite(sizes).all(axis=None) and (sizes > 0).all(axis=None)
    if windows.empty or not is_sized or windows["stratum"].isna().any() or not _are_areas(windows):
        msg = (
            "the windows were changed: draw them anew, or take the file as `roadex assess` wrote it"
        )
        raise ScoreError(msg)
    sound = windows.assign(state=state, **{name: sizes[name] for name in _SIZES})
    return sound.to_crs(metric_crs_for(windows.geometry))


def _are_areas(windows: gpd.GeoDataFrame) -> bool:
    """Return whether all are sound polygons on the Earth."""
    geometry = windows.geometry.to_numpy()
    if windows.crs is None or not np.isin(shapely.get_type_id(geometry), _AREAS).all():
        return False
    crs = CRS.from_user_input(windows.crs)
    require_earth(crs, "the layer of windows")
    are_on_earth = are_places(shapely.get_coordinates(geometry), crs).all()
    return bool(
        are_on_earth and not shapely.is_empty(geometry).any() and shapely.is_valid(geometry).all()
    )
