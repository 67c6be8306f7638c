"""Faces of a drawn graph: what its edges enclose.

Walk along an edge, turn into the next one on the same side at each node, until back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadex.network.chains import COL_STEP, ROW_STEP
from roadex.network.compiled import kernel
from roadex.network.graph import RoadGraph


def find_faces(graph: RoadGraph) -> NDArray[np.int64]:
    """Return the face on the same side of each edge in both directions, shape ``(n_edges, 2)``.

    Column 0 belongs to the direction from ``u`` to ``v``.

    1. Around a node, edges follow each other by the angle at which they leave it.
    2. A face goes on from the end of an edge with the edge that follows the way back.
    3. The cycles of this are the faces.
    """
    angles = np.zeros((graph.n_edges, 2))
    nodes = np.stack([graph.node_row, graph.node_col], axis=1)
    chains = graph.chains
    _leaving_angles(
        graph.u, graph.v, nodes, chains.start, chains.end, chains.offsets, chains.codes,
        chains.width, angles,
    )  # fmt: skip
    origin = graph.end_nodes
    # Rule 1.
    order = np.lexsort((np.arange(len(origin)), angles.reshape(-1), origin))
    sorted_origin = origin[order]
    following = np.empty(len(order), dtype=np.int64)
    is_last = np.r_[sorted_origin[1:] != sorted_origin[:-1], True][: len(order)]
    position = np.arange(1, len(order) + 1)
    position[is_last] = np.searchsorted(sorted_origin, sorted_origin[is_last])
    following[order] = order[position]
    # Rules 2 and 3: arriving along h, the way back is h ^ 1.
    faces: NDArray[np.int64] = _cycles(following[np.arange(len(order)) ^ 1]).reshape(-1, 2)
    return faces


def face_areas(graph: RoadGraph, face: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the area of each face in pixels; of outer faces, minus that of all they surround."""
    swept = np.zeros(graph.n_edges)
    nodes = np.stack([graph.node_row, graph.node_col], axis=1)
    chains = graph.chains
    _swept_areas(
        graph.u, graph.v, nodes, chains.start, chains.offsets, chains.codes, chains.width, swept
    )
    n_faces = int(face.max()) + 1 if len(face) else 0
    there, back = (np.bincount(face[:, side], swept, n_faces) for side in (0, 1))
    areas: NDArray[np.float64] = np.asarray(there - back, dtype=np.float64)
    return areas


@kernel
def _leaving_angles(  # type: ignore[no-untyped-def]
    u, v, nodes, start, end, offsets, codes, width, angles
):
    """Return the direction of the first pixel of each edge outside its nodes.

    Only the first pixel keeps the true order: farther on, edges may have curled around.
    """
    for i in range(len(u)):
        if offsets[i + 1] == offsets[i]:
            continue
        first, last = codes[offsets[i]], codes[offsets[i + 1] - 1]
        row, col = start[i] // width + ROW_STEP[first], start[i] % width + COL_STEP[first]
        angles[i, 0] = np.arctan2(row - nodes[u[i], 0], col - nodes[u[i], 1])
        row, col = end[i] // width - ROW_STEP[last], end[i] % width - COL_STEP[last]
        angles[i, 1] = np.arctan2(row - nodes[v[i], 0], col - nodes[v[i], 1])


@kernel
def _swept_areas(u, v, nodes, start, offsets, codes, width, swept):  # type: ignore[no-untyped-def]
    """Return the signed area between each edge, from node to node, and the first pixel."""
    for i in range(len(u)):
        row0, col0 = nodes[u[i], 0], nodes[u[i], 1]
        row, col = start[i] // width, start[i] % width
        before_row, before_col = row0, col0
        total = 0.0
        for k in range(offsets[i], offsets[i + 1] + 1):
            total += (before_row - row0) * (col - col0) - (row - row0) * (before_col - col0)
            before_row, before_col = float(row), float(col)
            if k < offsets[i + 1]:
                row += ROW_STEP[codes[k]]
                col += COL_STEP[codes[k]]
        row1, col1 = nodes[v[i], 0], nodes[v[i], 1]
        total += (before_row - row0) * (col1 - col0) - (row1 - row0) * (before_col - col0)
        # From the chord to the origin, so that the edges around a face add up.
        swept[i] = 0.5 * (total + row0 * col1 - row1 * col0)


@kernel
def _cycles(following):  # type: ignore[no-untyped-def]
    """Return the number of the cycle of each element of a permutation."""
    label = np.full(len(following), -1, dtype=np.int64)
    n = 0
    for first in range(len(following)):
        if label[first] >= 0:
            continue
        at = first
        while label[at] < 0:
            label[at] = n
            at = following[at]
        n += 1
    return label
