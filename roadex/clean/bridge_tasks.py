"""Dead ends gathered into tasks: each part of the scene with the lines in reach of its ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadex.chains import COL_STEP, ROW_STEP
from roadex.clean.borders import border_nodes
from roadex.clean.bridge_search import BridgeSettings, BridgeTask
from roadex.graph import RoadGraph
from roadex.kernel import kernel
from roadex.measure import end_directions

AT_NODE_PX: Final = 3
"""A bridge that comes this close to the end of an edge goes to its node."""

_TASK_SIDE: Final = 1024
_HEADING_PX: Final = 15


def plan_tasks(graph: RoadGraph, settings: BridgeSettings) -> list[BridgeTask]:
    """Gather dead ends by parts of the scene, each with the lines in reach of them."""
    chains, reach = graph.chains, int(np.ceil(settings.max_gap)) + 1
    node = np.stack([graph.u, graph.v], axis=1).reshape(-1)
    is_end = (graph.degree == 1) & ~border_nodes(graph)
    ends = np.flatnonzero(is_end[node])
    if len(ends) == 0:
        return []
    at = np.stack([chains.start, chains.end], axis=1).reshape(-1)[ends]
    pixel = np.stack([at // chains.width, at % chains.width], axis=1)
    heading = end_directions(chains, _HEADING_PX)[ends % 2, ends // 2]
    position = np.where(ends % 2, chains.n_steps[ends // 2], 0)
    lines = _pixels_near(graph, pixel, reach)
    line_heading = _dead_end_headings(graph, lines)
    side = max(_TASK_SIDE, reach)
    line_cells = _Cells.of(lines[:, :2], side)
    tasks = []
    for cell, members in _Cells.of(pixel, side).groups():
        nearby = line_cells.around(cell)
        rows, cols = pixel[members].T
        top, left = max(0, rows.min() - reach), max(0, cols.min() - reach)
        bottom = min(graph.height, rows.max() + reach + 1)
        right = min(chains.width, cols.max() + reach + 1)
        tasks.append(
            BridgeTask(
                window=(int(top), int(left), int(bottom - top), int(right - left)),
                end=ends[members],
                pixel=pixel[members],
                heading=heading[members],
                end_position=position[members],
                line_pixels=lines[nearby],
                line_heading=line_heading[nearby],
            )
        )
    return tasks


@dataclass(frozen=True, slots=True)
class _Cells:
    """Things sorted into the square cells of a coarse grid."""

    cells: NDArray[np.int64]
    """Shape ``(k, 2)``: the cells that hold something."""

    order: NDArray[np.int64]
    bounds: NDArray[np.int64]

    @classmethod
    def of(cls, pixel: NDArray[np.int64], side: int) -> _Cells:
        n_cols = int(pixel[:, 1].max(initial=0)) // side + 1
        number = pixel[:, 0] // side * n_cols + pixel[:, 1] // side
        order = np.argsort(number, kind="stable")
        cells, bounds = np.unique(number[order], return_index=True)
        return cls(np.stack(np.divmod(cells, n_cols), axis=1), order, np.r_[bounds, len(order)])

    def groups(self) -> Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Return each cell and what is in it."""
        for k, cell in enumerate(self.cells):
            yield cell, self.order[self.bounds[k] : self.bounds[k + 1]]

    def around(self, cell: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what is in a cell and the eight around it, in its first order."""
        near = np.flatnonzero((np.abs(self.cells - cell) <= 1).all(axis=1))
        parts = [self.order[self.bounds[k] : self.bounds[k + 1]] for k in near]
        return np.sort(np.concatenate(parts))


def _dead_end_headings(graph: RoadGraph, lines: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return, for each pixel, the heading of the dead end it is next to, or zeros."""
    edge, before = lines[:, 2], lines[:, 3]
    after = graph.chains.n_steps[edge] - before
    headings = end_directions(graph.chains, _HEADING_PX)
    found = np.zeros((len(lines), 2))
    for side, node, distance in ((0, graph.u, before), (1, graph.v, after)):
        next_to = (distance <= AT_NODE_PX) & (graph.degree[node[edge]] == 1)
        found[next_to] = headings[side, edge[next_to]]
    return found


def _pixels_near(graph: RoadGraph, pixel: NDArray[np.int64], reach: int) -> NDArray[np.int64]:
    """Return row, column, edge and position of the lines' pixels in cells near the given ones."""
    chains = graph.chains
    near = np.zeros((graph.height // reach + 3, chains.width // reach + 3), dtype=np.bool_)
    for row in (0, 1, 2):
        for col in (0, 1, 2):
            near[pixel[:, 0] // reach + row, pixel[:, 1] // reach + col] = True
    pixels: NDArray[np.int64] = _collect_near(
        chains.start, chains.offsets, chains.codes, chains.width, near, reach
    )
    return pixels


@kernel
def _collect_near(start, offsets, codes, width, near, reach):  # type: ignore[no-untyped-def]
    """Walk all lines twice: count the pixels in marked cells, then list them."""
    found = np.empty((0, 4), dtype=np.int64)
    for fill in range(2):
        n = 0
        for edge in range(len(start)):
            row, col = start[edge] // width, start[edge] % width
            n_steps = offsets[edge + 1] - offsets[edge]
            for k in range(n_steps + 1):
                if near[row // reach + 1, col // reach + 1]:
                    if fill:
                        found[n, 0], found[n, 1], found[n, 2], found[n, 3] = row, col, edge, k
                    n += 1
                if k < n_steps:
                    row += ROW_STEP[codes[offsets[edge] + k]]
                    col += COL_STEP[codes[offsets[edge] + k]]
        if not fill:
            found = np.empty((n, 4), dtype=np.int64)
    return found
