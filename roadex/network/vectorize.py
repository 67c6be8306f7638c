"""From road probability to a road network, tile by tile; the same whatever the tiles are.

probability --> fragments of each tile --> graph --> cleaned --> lines with attributes
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
from pyproj import CRS
from rasterio.windows import Window

from roadex.config import NODATA, VectorConfig
from roadex.imagery.geodesy import PixelSize, pixel_size
from roadex.imagery.tiling import Tile, Tiles
from roadex.network.chains import MAX_HALF_WIDTH, Chains
from roadex.network.cleaning.steps import clean_graph, plan_steps, road_threshold
from roadex.network.graph import build_graph, in_fixed_order
from roadex.network.imagery_edge import imagery_edge_nodes
from roadex.network.road_network import RoadNetwork, build_network
from roadex.network.scene_lines import merge_fragments
from roadex.network.tile_frame import MAX_HOLE, SkeletonSettings, TileFrame
from roadex.network.tracing import trace_tile
from roadex.probability.joined import has_something, within
from roadex.probability.source import ProbabilitySource

MapTiles = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""Like the builtin ``map``, but results may come in any order and from other processes."""


def vectorize(
    source: ProbabilitySource,
    *,
    config: VectorConfig,
    tile_size: int = 2048,
    map_tiles: MapTiles = map,
    output_crs: CRS | None = None,
) -> RoadNetwork:
    """Turn road probability into a road network.

    Parameters
    ----------
    source
        Road probability; it is read in windows of about ``tile_size`` pixels.
    config
        Thresholds, cleaning and smoothing.
    tile_size
        Side of the tiles in pixels. It decides about memory and speed, never about the result.
    map_tiles
        Applies a picklable function to items, here or elsewhere.
    output_crs
        CRS of the network; that of the source if left out.
    """
    pixel = pixel_size(source.transform, source.crs, source.shape)
    lines = trace_scene(source, pixel, config, tile_size=tile_size, map_tiles=map_tiles)
    graph = build_graph(lines, source.shape[0])
    graph, reports = clean_graph(graph, pixel, plan_steps(pixel, config, source, map_tiles))
    graph = in_fixed_order(graph)
    network = build_network(
        graph, imagery_edge_nodes(graph, source, map_tiles), source.transform, source.crs, pixel,
        config, output_crs=output_crs,
    )  # fmt: skip
    network.summary["steps"] = [asdict(report) for report in reports]
    return network


def skeleton_settings(pixel: PixelSize, config: VectorConfig) -> SkeletonSettings:
    """Return what the settings in metres and probabilities mean on a grid."""
    half_width = int(np.ceil(config.max_road_width_m / 2 / pixel.gsd_m))
    return SkeletonSettings(
        threshold=road_threshold(config),
        max_half_width=min(max(half_width, 2), MAX_HALF_WIDTH),
        aspect=pixel.aspect,
        max_hole=int(min(config.max_hole_m2 / (pixel.row_m * pixel.col_m), MAX_HOLE)),
    )


def trace_scene(
    source: ProbabilitySource,
    pixel: PixelSize,
    config: VectorConfig,
    *,
    tile_size: int = 2048,
    map_tiles: MapTiles = map,
) -> Chains:
    """Return the centre lines of the whole scene, thinned and traced tile by tile."""
    settings = skeleton_settings(pixel, config)
    tiles = Tiles(source.shape, tile_size, settings.halo, is_clipped=True)
    at_edge = replace(tiles, halo=settings.halo_at_edge)
    seen = _with_sources(((tile, at_edge.at(tile.row, tile.col)) for tile in tiles), source)
    parts = map_tiles(partial(_trace, settings=settings), seen)
    return merge_fragments([part for part in parts if len(part)], source.shape[1])


def _with_sources(
    tiles: Iterable[tuple[Tile, Tile]], source: ProbabilitySource
) -> Iterator[tuple[Tile, Tile, ProbabilitySource]]:
    """Yield the tiles that can have data, each with what it may need of the source."""
    for tile, at_edge in tiles:
        if has_something(within(source, *_numbers(tile.read))):
            yield tile, at_edge, within(source, *_numbers(at_edge.read))


def _trace(work: tuple[Tile, Tile, ProbabilitySource], *, settings: SkeletonSettings) -> Chains:
    """Read a tile with its halo, more of it where imagery ends, and trace it."""
    tile, at_edge, source = work
    tile = _along_edges(tile, at_edge, source.shape, settings)
    window = source.read(*_numbers(tile.read))
    if tile.read != at_edge.read and (window == NODATA).any():
        tile, window = at_edge, source.read(*_numbers(at_edge.read))
    row, col, _, _ = _numbers(tile.read)
    (top, bottom), (left, right) = ((part.start, part.stop) for part in tile.inner)
    inner = (top, left, bottom, right)
    return trace_tile(window, TileFrame(row, col, inner, *source.shape), settings)


def _along_edges(
    tile: Tile, at_edge: Tile, shape: tuple[int, int], settings: SkeletonSettings
) -> Tile:
    """Return a tile that sees more along the edges of the grid it touches, up to ``at_edge``."""
    seen, most = tile.read.toranges(), at_edge.read.toranges()
    touches = [seen[k][0] == 0 or seen[k][1] == shape[k] for k in (0, 1)]
    inward = settings.halo_at_edge - settings.halo + settings.hole_span
    (top, bottom), (left, right) = (
        most[k] if touches[1 - k] else _at_least(seen[k], inward, shape[k]) for k in (0, 1)
    )
    return replace(tile, read=Window(left, top, right - left, bottom - top))


def _at_least(seen: tuple[int, int], inward: int, length: int) -> tuple[int, int]:
    """Return a range that reaches ``inward`` from the end of the grid it touches, if any."""
    first, stop = seen
    if stop == length:
        first = max(min(first, length - inward), 0)
    return first, max(stop, min(inward, length)) if seen[0] == 0 else stop


def _numbers(window: Window) -> tuple[int, int, int, int]:
    """Return first row and column, height and width."""
    return int(window.row_off), int(window.col_off), int(window.height), int(window.width)
