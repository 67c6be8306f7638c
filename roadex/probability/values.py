"""What the stored values of a raster mean: a mask, or road probability, and on which scale.

The one place that decides it, for ``vectorize`` and for ``score``. The decision is taken once for
all files of a side, and said in the report. A file that contradicts it later is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError
from rasterio.windows import Window

from roadex.config import PROBABILITY_MAX
from roadex.errors import ScoreError
from roadex.imagery.containers import only_text, open_location

Stored = NDArray[Any]
"""Values as a raster stores them, of any type of number."""

PROBABILITY_ENDING = "_probability"
"""Ending of the stem of probability that roadex writes beside masks, in steps of 1/254."""

SAMPLED_FILES = 64
"""Of a folder, this many files are looked at before the decision (more while they are empty)."""

_STRIP_PIXELS, _MOST_STRIPS = 4_000_000, 16
"""Pixels of a strip that is looked at, and how many of them, evenly spread, in a raster."""

_CLASSES, _HIGHEST_CLASS = 32, 64
"""Fewer different whole numbers than this, all below that, are taken for classes."""

_SCALE_TOLERANCE = 1e-3

MASK_MARGIN = 16
"""JPEG and resampling blur a 0/255 mask by less than this many steps in flat areas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How stored values become road or probability."""

    name: str
    """``0-1``, ``0-255``, ``probability``, ``percent``, ``probability-254`` or
    ``probability-255``."""

    is_probability: bool
    certain: float
    """The stored value that is certainly road."""

    def probability(self, stored: Stored) -> NDArray[np.float32]:
        """Return probability in [0, 1] of stored values, for a probability encoding."""
        scaled: NDArray[np.float32] = stored.astype(np.float32) / np.float32(self.certain)
        return scaled

    def road(self, stored: Stored, threshold: float) -> NDArray[np.bool_]:
        """Return True where road: a mask from half its range, a probability from ``threshold``."""
        if not self.is_probability:
            return np.asarray(stored >= self.certain / 2, dtype=np.bool_)
        # In float64, so that level 127 of 254 is road at threshold 0.5 exactly.
        return np.asarray(stored >= threshold * self.certain - 1e-7, dtype=np.bool_)


ENCODINGS = {
    "0-1": Encoding(name="0-1", is_probability=False, certain=1),
    "0-255": Encoding(name="0-255", is_probability=False, certain=255),
    "probability": Encoding(name="probability", is_probability=True, certain=1),
    "percent": Encoding(name="percent", is_probability=True, certain=100),
    "probability-254": Encoding(
        name="probability-254", is_probability=True, certain=PROBABILITY_MAX
    ),
    "probability-255": Encoding(name="probability-255", is_probability=True, certain=255),
}

MEANING = {
    "0-1": "mask, road where the value is 1",
    "0-255": "mask, road from 128",
    "probability": "probability 0 to 1",
    "percent": "probability 0 to 100",
    "probability-254": "probability in steps of 1/254",
    "probability-255": "probability in steps of 1/255",
}


def decide_encoding(
    paths: Sequence[str], *, wanted: str, is_truth: bool
) -> tuple[Encoding, str]:  # fmt: skip
    """Decide what the values of one side mean.

    Parameters
    ----------
    paths
        Rasters of the side; their first band counts.
    wanted
        A name of :data:`ENCODINGS`, or ``auto``.
    is_truth
        A truth with grey values is a mask (binarised at 128); a prediction is a probability.

    Returns
    -------
    encoding, reason
        The decision, and one clause that says why.

    Raises
    ------
    ScoreError
        If the values fit nothing, or ``wanted`` is no encoding.
    """
    if wanted != "auto":
        if wanted not in ENCODINGS:
            msg = f"unknown values {wanted!r}; known: auto, {', '.join(ENCODINGS)}"
            raise ScoreError(msg)
        return ENCODINGS[wanted], "as asked for"
    with open_raster(paths[0]) as first:
        if is_roadex_probability(first):
            return ENCODINGS["probability-254"], "the band's scale is 1/254"
    values = seen_values(paths)
    if values.is_integer and values.highest <= PROBABILITY_MAX and _is_named_probability(paths):
        return ENCODINGS["probability-254"], f"files are named {{id}}{PROBABILITY_ENDING}"
    encoding, reason = recognise(values, is_truth=is_truth)
    if encoding is None:
        option = "--truth-values" if is_truth else "--prediction-values"
        msg = f"{paths[0]}: {reason}. Say what the values mean with {option}."
        raise ScoreError(msg)
    return encoding, reason


def is_valid(dataset: rasterio.DatasetReader, stored: Stored, band: int = 1) -> NDArray[np.bool_]:
    """Return True where a stored value of a band is data, by the nodata value alone.

    A nodata value of 0 is not believed: masks are often written so, and then 0 is background.
    NaN is never data.
    """
    nodata = dataset.nodatavals[band - 1]
    if nodata is None or nodata == 0:
        valid = np.ones(stored.shape, dtype=bool)
    else:
        valid = np.asarray(stored != nodata, dtype=bool)
    if np.issubdtype(stored.dtype, np.floating):
        valid &= ~np.isnan(stored.astype(np.float32))
    return valid


def has_mask_band(dataset: rasterio.DatasetReader) -> bool:
    """Return whether the raster says by a mask or alpha band where it has data."""
    return MaskFlags.per_dataset in dataset.mask_flag_enums[0]


def is_roadex_probability(dataset: rasterio.DatasetReader, band: int = 1) -> bool:
    """Return whether a band is probability as roadex writes it: uint8 with the scale 1/254."""
    scale = dataset.scales[band - 1]
    return bool(
        dataset.dtypes[band - 1] == "uint8" and abs(scale * PROBABILITY_MAX - 1) < _SCALE_TOLERANCE
    )


def _is_named_probability(paths: Sequence[str]) -> bool:
    return all(Path(path).stem.endswith(PROBABILITY_ENDING) for path in paths)


@dataclass(frozen=True, slots=True)
class SeenValues:
    """The values seen: at most a few hundred distinct ones, or just the range."""

    distinct: frozenset[float]
    """Empty where there are too many."""

    lowest: float
    highest: float
    is_integer: bool
    is_mixed: bool
    """Whether some files go up to 1 and others beyond."""


def recognise(values: SeenValues, *, is_truth: bool) -> tuple[Encoding | None, str]:
    """Say what values mean.

    1. Negative values mean nothing, nor do many of which some are above 255.
    2. Whole numbers of which one is not 0 are a mask. So are values close to 0 and 255.
    3. Up to 1 it is a probability; fractions up to 100 are per cent.
    4. A few small whole numbers are classes: one has to be named.
    5. Other grey values are a probability in steps of 1/255, of a truth a mask cut at half.

    Returns
    -------
    encoding, reason
        None where nothing fits; the reason is one clause.
    """
    seen, highest = values.distinct, values.highest
    shown = f"values {values.lowest:g} to {highest:g}"
    if values.lowest < 0:
        return None, f"{shown} are neither a mask nor a probability (logits need a sigmoid first)"
    if seen and seen <= {0.0, 1.0}:
        return ENCODINGS["0-1"], "values are 0 and 1"
    if highest <= 1:
        return ENCODINGS["probability"], f"{shown} with fractions"
    if values.is_integer and len(seen) == 2 and highest not in (254, 255):
        return Encoding(name="0-255", is_probability=False, certain=highest), (
            f"values are 0 and {highest:g}"
        )
    if highest > 255:
        return None, f"{shown} are neither a mask nor a probability"
    if seen and all(v < MASK_MARGIN or v > 255 - MASK_MARGIN for v in seen) and highest > 128:
        if values.is_mixed:
            return None, "some files hold 0 and 1, others 0 and 255: its files do not agree"
        return ENCODINGS["0-255"], "values are near 0 and 255"
    if not values.is_integer:
        if highest <= 100:
            return ENCODINGS["percent"], f"{shown} with fractions"
        return None, f"{shown} with fractions are ambiguous"
    if 0 < len(seen) < _CLASSES and highest < _HIGHEST_CLASS:
        return None, f"{shown} ({len(seen)} distinct) look like classes"
    if is_truth:
        return ENCODINGS["0-255"], f"grey {shown}, cut at 128"
    return ENCODINGS["probability-255"], f"grey {shown}"


def seen_values(paths: Sequence[str], band: int = 1) -> SeenValues:
    """Look at the values of a band of rasters: all of them, of large rasters evenly spread ones."""
    step = max(1, len(paths) // SAMPLED_FILES)
    sampled = list(paths[::step])
    rest = [path for path in paths if path not in set(sampled)]
    distinct: set[float] = set()
    highest_by_file: set[float] = set()
    lowest, highest, is_integer = np.inf, 0.0, True
    for n_seen, path in enumerate(sampled + rest):
        if n_seen >= len(sampled) and highest > 0:
            break
        with open_raster(path) as dataset:
            is_integer &= np.issubdtype(np.dtype(dataset.dtypes[band - 1]), np.integer)
            in_file: set[float] = {0.0}
            for found in _distinct_values(dataset, band):
                in_file.update(found.tolist())
                lowest = min(lowest, float(found.min()))
            highest_by_file.add(max(in_file))
            highest = max(highest, *in_file)
            distinct |= in_file if len(distinct) <= 256 else set()
    return SeenValues(
        distinct=frozenset(distinct if len(distinct) <= 256 else ()),
        lowest=min(lowest, highest),
        highest=highest,
        is_integer=is_integer,
        is_mixed=1.0 in highest_by_file and highest > 1,
    )


def _distinct_values(dataset: rasterio.DatasetReader, band: int) -> Iterator[Stored]:
    """Yield the distinct values (or 257 of them and the extremes) of strips of a band."""
    rows = max(1, _STRIP_PIXELS // dataset.width)
    strips = range(0, dataset.height, rows)
    for row in strips[:: -(-len(strips) // _MOST_STRIPS)]:
        window = Window(0, row, dataset.width, min(rows, dataset.height - row))
        stored = dataset.read(band, window=window)
        if stored.dtype == np.uint8:
            levels = np.flatnonzero(np.bincount(stored.ravel(), minlength=256)).astype(np.uint8)
            found: Stored = levels[is_valid(dataset, levels, band)]
        else:
            found = _some_values(stored[is_valid(dataset, stored, band)])
        if found.size:
            yield found


def _some_values(stored: Stored) -> Stored:
    """Return up to 256 distinct values, among them the extremes and one that is not 0 or 1."""
    if not stored.size:
        return stored
    some = np.unique(stored[:: max(1, stored.size // 65536)])[:253]
    between = stored[(stored != 0) & (stored != 1)][:1]
    extremes = np.array([stored.min(), stored.max()])
    return np.concatenate([some, between, extremes])


@contextmanager
def open_raster(path: str) -> Iterator[rasterio.DatasetReader]:
    """Open a raster, with or without a place on the Earth."""
    try:
        dataset = open_location(path)
    except RasterioError as error:
        msg = f"cannot open {path} as a raster: {error}"
        raise ScoreError(msg) from error
    with dataset, only_text(path):
        yield dataset
