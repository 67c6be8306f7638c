"""Dead ends gathered into tasks: each part of the scene with the lines in reach of its ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadex.network.chains import COL_STEP, ROW_STEP, Chains
from roadex.network.cleaning.borders import border_nodes
from roadex.network.cleaning.bridge_search import BridgeSettings, BridgeTask
from roadex.network.cleaning.cheapest_way import DeadEnds
from roadex.network.compiled import kernel
from roadex.network.graph import RoadGraph
from roadex.network.measures import end_directions

_TASK_SIDE: Final = 1024
_HEADING_PX: Final = 15


def plan_tasks(graph: RoadGraph, settings: BridgeSettings) -> Iterator[BridgeTask]:
    """Gather dead ends by parts of the scene, each with the lines in reach of them."""
    chains, reach = graph.chains, int(np.ceil(settings.max_gap)) + 1
    ends = _dead_ends(graph)
    side = max(_TASK_SIDE, reach)
    line_cells = _lines_by_cell(chains, side)
    end_cells = _Cells.of(ends.pixel // side, np.arange(len(ends.end)))
    for cell, members in end_cells.groups():
        own = ends.take(members)
        rows, cols = own.pixel.T
        top, left = max(0, rows.min() - reach), max(0, cols.min() - reach)
        bottom = min(graph.height, rows.max() + reach + 1)
        right = min(chains.width, cols.max() + reach + 1)
        yield BridgeTask(
            window=(int(top), int(left), int(bottom - top), int(right - left)),
            ends=own,
            ends_around=ends.take(end_cells.around(cell)),
            line_pixels=_collect_lines(
                np.unique(line_cells.around(cell)), chains.start, chains.offsets, chains.codes,
                chains.width, top, left, bottom, right,
            ),
        )  # fmt: skip


def _dead_ends(graph: RoadGraph) -> DeadEnds:
    """Return the dead ends inside the scene."""
    chains, is_end = graph.chains, (graph.degree == 1) & ~border_nodes(graph)
    ends = np.flatnonzero(is_end[graph.end_nodes])
    return DeadEnds(
        end=ends,
        position=np.where(ends % 2, chains.n_steps[ends // 2], 0),
        pixel=np.stack(np.divmod(chains.end_pixels[ends], chains.width), axis=1),
        heading=end_directions(chains, _HEADING_PX)[ends % 2, ends // 2],
    )


@dataclass(frozen=True, slots=True)
class _Cells:
    """Things sorted into the square cells of a coarse grid."""

    cells: NDArray[np.int64]
    """Shape ``(k, 2)``: the cells that hold something."""

    things: NDArray[np.int64]
    bounds: NDArray[np.int64]

    @classmethod
    def of(cls, cell: NDArray[np.int64], things: NDArray[np.int64]) -> _Cells:
        """Sort things by their cells, shape ``(n, 2)``."""
        n_cols = int(cell[:, 1].max(initial=0)) + 1
        number = cell[:, 0] * n_cols + cell[:, 1]
        order = np.argsort(number, kind="stable")
        cells, bounds = np.unique(number[order], return_index=True)
        cells = np.stack(np.divmod(cells, n_cols), axis=1)
        return cls(cells, things[order], np.r_[bounds, len(order)])

    def groups(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Return each cell and what is in it."""
        for k, cell in enumerate(self.cells):
            yield cell, self.things[self.bounds[k] : self.bounds[k + 1]]

    def around(self, cell: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what is in a cell and the eight around it."""
        near = np.flatnonzero((np.abs(self.cells - cell) <= 1).all(axis=1))
        none = np.zeros(0, dtype=np.int64)
        return np.concatenate([none, *(self.things[slice(*self.bounds[k : k + 2])] for k in near)])


def _lines_by_cell(chains: Chains, side: int) -> _Cells:
    """Return the lines that pass through each cell."""
    visits = _cell_visits(chains.start, chains.offsets, chains.codes, chains.width, side)
    return _Cells.of(visits[:, :2], visits[:, 2])


@kernel
def _cell_visits(start, offsets, codes, width, side):  # type: ignore[no-untyped-def]
    """Return cell row, cell column and line, whenever a line enters another cell."""
    visits = np.empty((0, 3), dtype=np.int64)
    for fill in range(2):  # count first
        n = 0
        for line in range(len(start)):
            row, col = start[line] // width, start[line] % width
            last_row, last_col = -1, -1
            for k in range(offsets[line], offsets[line + 1] + 1):
                if row // side != last_row or col // side != last_col:
                    last_row, last_col = row // side, col // side
                    if fill:
                        visits[n, 0], visits[n, 1], visits[n, 2] = last_row, last_col, line
                    n += 1
                if k < offsets[line + 1]:
                    row += ROW_STEP[codes[k]]
                    col += COL_STEP[codes[k]]
        if not fill:
            visits = np.empty((n, 3), dtype=np.int64)
    return visits


@kernel
def _collect_lines(lines, start, offsets, codes, width, top, left, bottom, right):  # type: ignore[no-untyped-def]
    """Return row, column, line and position of the lines' pixels in a window."""
    found = np.empty((0, 4), dtype=np.int32)
    for fill in range(2):  # count first
        n = 0
        for line in lines:
            row, col = start[line] // width, start[line] % width
            for k in range(offsets[line], offsets[line + 1] + 1):
                if top <= row < bottom and left <= col < right:
                    if fill:
                        found[n, 0], found[n, 1] = row, col
                        found[n, 2], found[n, 3] = line, k - offsets[line]
                    n += 1
                if k < offsets[line + 1]:
                    row += ROW_STEP[codes[k]]
                    col += COL_STEP[codes[k]]
        if not fill:
            found = np.empty((n, 4), dtype=np.int32)
    return found
