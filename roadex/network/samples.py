"""Places along lines, with their direction, and the nearest place on other lines."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

NEIGHBOURS = 12
"""Nearest places that are looked at for one with the right direction."""

_MOST_LOPSIDED = 1e3
"""Condition number beyond which roads run so much one way that a shift cannot be told."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Evenly spaced places along lines; arrays of length n, ordered by line and along it."""

    line: NDArray[np.int64]
    """Number of the line."""

    along: NDArray[np.float64]
    """Distance from the start of the line, in units of the coordinates."""

    xy: NDArray[np.float64]
    """Coordinates, shape ``(n, 2)``."""

    direction: NDArray[np.float64]
    """Unit vector along the line, shape ``(n, 2)``."""


def sample_lines(lines: NDArray[np.object_], spacing: float) -> Samples:
    """Return places along lines, in the middle of equal pieces of at most ``spacing``."""
    length = shapely.length(lines)
    n = np.maximum(1, np.ceil(length / spacing)).astype(np.int64)
    line = np.repeat(np.arange(len(lines)), n)
    first = np.repeat(np.cumsum(n) - n, n)
    along = (np.arange(len(line)) - first + 0.5) * (length / n)[line]
    owners = np.asarray(lines, dtype=object)[line]
    xy = shapely.get_coordinates(shapely.line_interpolate_point(owners, along))
    reach = np.minimum(spacing / 2, length[line] / 2)
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(owners, along + reach))
    behind = shapely.get_coordinates(
        shapely.line_interpolate_point(owners, np.maximum(0, along - reach))
    )
    step = ahead - behind
    size = np.hypot(*step.T)
    direction = np.divide(step, size[:, None], out=np.zeros_like(step), where=size[:, None] > 0)
    return Samples(line, along, xy, direction)


def moved_samples(samples: Samples, shift: NDArray[np.float64]) -> Samples:
    """Return the places, moved by ``shift`` of shape ``(2,)``."""
    return replace(samples, xy=samples.xy + shift)


@dataclass(frozen=True, slots=True)
class Counterparts:
    """For each place of one side the nearest place of the other that runs the same way."""

    index: NDArray[np.int64]
    """Number of the sample of the other side; -1 where there is none."""

    normal: NDArray[np.float64]
    """Unit vector across the counterpart's line, shape ``(n, 2)``; NaN where there is none."""

    across: NDArray[np.float64]
    """Distance from the place to the counterpart's line along ``normal``, signed; NaN likewise."""

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether there is a counterpart."""
        return self.index >= 0

    @property
    def offset(self) -> NDArray[np.float64]:
        """From the place to the counterpart's line, shape ``(n, 2)``."""
        return self.normal * self.across[:, None]


def find_counterparts(
    places: Samples, others: Samples, *, search: float, angle_deg: float
) -> Counterparts:
    """Return the nearest place of ``others`` within ``search`` whose direction fits.

    Directions are compared without sense: nothing in an image says which way a road goes.
    """
    n = len(places.line)
    if not n or not len(others.line):
        nothing = np.full((n, 2), np.nan)
        return Counterparts(np.full(n, -1, dtype=np.int64), nothing, nothing[:, 0])
    k = min(NEIGHBOURS, len(others.line))
    _, near = cKDTree(others.xy).query(places.xy, k=k, distance_upper_bound=_reach(search, others))
    near = near.reshape(n, k)
    inside = near < len(others.line)
    candidate = np.where(inside, near, 0)
    apart = others.xy[candidate] - places.xy[:, None]
    facing = others.direction[candidate]
    alike = np.abs((facing * places.direction[:, None]).sum(axis=-1))
    across = np.abs(facing[..., 0] * apart[..., 1] - facing[..., 1] * apart[..., 0])
    fits = inside & (alike >= np.cos(np.radians(angle_deg))) & (across <= search)
    cost = np.where(fits, np.hypot(apart[..., 0], apart[..., 1]), np.inf)
    best = cost.argmin(axis=1)
    rows = np.arange(n)
    index = np.where(fits[rows, best], candidate[rows, best], -1)
    normal = np.stack([-facing[rows, best, 1], facing[rows, best, 0]], axis=1)
    normal[index < 0] = np.nan
    return Counterparts(index, normal, (normal * apart[rows, best]).sum(axis=1))


def _reach(search: float, others: Samples) -> float:
    """Return how far to look: a counterpart right across may lie half a spacing farther along."""
    same = others.line[1:] == others.line[:-1]
    spacing = np.diff(others.along)[same]
    return float(np.hypot(search, (spacing.max() if len(spacing) else 0) / 2 + 1e-9))


def estimate_shift(
    normal: NDArray[np.float64],
    across: NDArray[np.float64],
    *,
    tolerance: float,
    n_rounds: int = 20,
) -> NDArray[np.float64]:
    """Return the one shift that explains most distances across roads.

    A distance across a road tells the shift in that direction only, so the shift is the solution
    of ``normal . shift = across`` over all places, with weights that fall with the residual
    (Cauchy's, by iterated reweighting).

    Parameters
    ----------
    normal, across
        Shapes ``(n, 2)`` and ``(n,)``, see :class:`Counterparts`; places with NaN do not count.
    tolerance
        Residual at which the weight of a place is a half.

    Returns
    -------
    shift
        Shape ``(2,)``; 0 where the roads are too few or all run one way.
    """
    known = np.isfinite(across)
    normal, across = normal[known], across[known]
    shift = np.zeros(2)
    for _ in range(n_rounds):
        weight = 1 / (1 + ((across - normal @ shift) / tolerance) ** 2)
        matrix = (normal * weight[:, None]).T @ normal
        if len(across) < 2 or np.linalg.cond(matrix) > _MOST_LOPSIDED:
            return np.zeros(2)
        shift = np.linalg.solve(matrix, (normal * (weight * across)[:, None]).sum(axis=0))
    return np.asarray(shift)
