"""Images of two sides in pairs, each opened on one grid when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.network.line_reader import RoadLines, read_lines
from roadex.probability.values import MEANING, Encoding, decide_encoding
from roadex.scoring.aligned_rasters import LineReader, RasterPair, grid_of, open_reader
from roadex.scoring.inputs import Side, pair_tiles

OpenPair = Callable[[], AbstractContextManager[RasterPair]]
"""Opens one image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePairs:
    """Images to compare, each opened when its turn comes."""

    names: list[str]
    openers: Sequence[OpenPair]
    has_probability: bool
    decisions: list[str]


def find_pairs(prediction: Side, truth: Side, config: ScoreConfig) -> ImagePairs:
    """Pair the images of two sides, at least one of which is a raster or a folder of them."""
    if "lines" in (prediction.kind, truth.kind):
        return _raster_and_lines(prediction, truth, config)
    pairs, notes = pair_tiles(prediction, truth)
    predicted, note = side_encoding(prediction, [p for _, p, _ in pairs], config, is_truth=False)
    true, truth_note = side_encoding(truth, [t for _, _, t in pairs], config, is_truth=True)
    return ImagePairs(
        names=[name for name, _, _ in pairs],
        openers=[partial(_open_rasters, *pair, predicted, true, config) for pair in pairs],
        has_probability=predicted.is_probability,
        decisions=[note, truth_note, *notes],
    )


def side_encoding(
    side: Side, paths: list[str], config: ScoreConfig, *, is_truth: bool
) -> tuple[Encoding, str]:
    """Decide what the values of a side mean, and say it in a sentence."""
    wanted = config.truth_values if is_truth else config.prediction_values
    encoding, reason = decide_encoding(paths, wanted=wanted, is_truth=is_truth)
    role = "truth" if is_truth else "prediction"
    cut = f", cut at {config.cut:g}" if encoding.is_probability else ""
    return encoding, f"{role} {side.path} is a {MEANING[encoding.name]}{cut} ({reason})"


@contextmanager
def _open_rasters(
    name: str,
    prediction: str,
    truth: str,
    predicted_encoding: Encoding,
    true_encoding: Encoding,
    config: ScoreConfig,
) -> Iterator[RasterPair]:
    grid = grid_of(truth)
    with ExitStack() as stack:
        predicted, note = stack.enter_context(
            open_reader(prediction, predicted_encoding, grid, config.cut)
        )
        true, _ = stack.enter_context(open_reader(truth, true_encoding, grid, config.cut))
        notes = (note,) if note else ()
        yield RasterPair(name=name, grid=grid, prediction=predicted, truth=true, notes=notes)


def _raster_and_lines(prediction: Side, truth: Side, config: ScoreConfig) -> ImagePairs:
    raster, vector = (truth, prediction) if prediction.kind == "lines" else (prediction, truth)
    is_truth = raster is truth
    paths = list(raster.tiles.values())
    encoding, note = side_encoding(raster, paths, config, is_truth=is_truth)
    lines = read_lines(vector.path)
    drawn = (
        f"lines of {vector.path} drawn {config.line_width_m:g} m wide on the grid of {raster.path}"
    )
    openers = [
        partial(_open_with_lines, name, path, encoding, lines, config, is_truth=is_truth)
        for name, path in raster.tiles.items()
    ]
    return ImagePairs(
        names=list(raster.tiles),
        openers=openers,
        has_probability=encoding.is_probability and not is_truth,
        decisions=[note, drawn, *lines.notes],
    )


@contextmanager
def _open_with_lines(
    name: str,
    path: str,
    encoding: Encoding,
    lines: RoadLines,
    config: ScoreConfig,
    *,
    is_truth: bool,
) -> Iterator[RasterPair]:
    grid = grid_of(path)
    if grid.crs is None or lines.crs is None:
        which = path if grid.crs is None else lines.path
        msg = f"{which} has no CRS, so it cannot be compared with lines"
        raise ScoreError(msg)
    drawn = LineReader.of(lines.to(grid.crs), grid, config.line_width_m)
    with open_reader(path, encoding, grid, config.cut) as (reader, _):
        predicted, true = (drawn, reader) if is_truth else (reader, drawn)
        yield RasterPair(name=name, grid=grid, prediction=predicted, truth=true)
