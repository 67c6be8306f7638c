"""Tiles of a store into one probability raster."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import roadex
from roadex.config import NODATA, THRESHOLDS_TAG
from roadex.errors import RunError
from roadex.imagery.tiling import Tile
from roadex.pipeline.ahead import ahead
from roadex.pipeline.plan import RunPlan
from roadex.pipeline.predict_tiles import Failures
from roadex.probability.raster import ProbabilityProfile, probability_writer
from roadex.probability.store_source import LeftOut
from roadex.probability.tile_store import TileStore
from roadex.progress import Stopwatch


def stitch(
    plan: RunPlan, store: TileStore, failures: Failures, path: Path, watch: Stopwatch
) -> None:
    """Put the tiles of the store together into one probability raster; failed ones are nodata.

    Raises
    ------
    RunError
        If a tile was lost from the store meanwhile.
    OutputError
        If the raster cannot be written.
    """
    profile = ProbabilityProfile(
        plan.grid.shape,
        plan.grid.crs,
        plan.grid.transform,
        tags={
            "ROADEX_VERSION": roadex.__version__,
            "ROADEX_MODEL_SHA256": plan.model_sha256,
            THRESHOLDS_TAG: f"{plan.model.threshold_low:g} {plan.model.threshold_high:g}",
        },
    )

    left_out = without_tiles(plan, failures)

    def stored(tile: Tile) -> NDArray[np.uint8]:
        if left_out(tile):
            return np.full((int(tile.core.height), int(tile.core.width)), NODATA, dtype=np.uint8)
        found = store.read(tile)
        if found is None:
            msg = f"tile {tile.key} disappeared from {store.url}; run the same command again"
            raise RunError(msg)
        return found

    with watch.stage("stitch", len(plan.tiles)), probability_writer(path, profile) as raster:
        for tile, values in zip(plan.tiles, ahead(stored, plan.tiles), strict=True):
            raster.write(values, 1, window=tile.core)
            watch.advance("stitch")


def without_tiles(plan: RunPlan, failures: Failures) -> LeftOut:
    """Return what says which tiles are nodata: those that failed or were not asked for."""
    wanted = None if plan.area is None else frozenset(tile.key for tile in plan.wanted)
    return LeftOut(frozenset(failures.reasons), wanted)
