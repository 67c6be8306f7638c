"""GeoTIFFs and virtual rasters as scenes, rasters as road probability."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.fuzz import corpus
from tests.fuzz.cases import Bench, Case, Kind, Words, here, plan_words, predict_words, put
from tests.fuzz.mutations import mutate_often, mutate_tiff, mutate_xml

_PREDICTED = 0.2
"""Share of the scenes that go through a network: it costs ten times what planning does."""

_MOST_PIXELS = 2**18
"""Larger work grids are only planned."""


def _scene(rng: Random, bench: Bench, healthy: Path) -> Case:
    source = rng.choice([*corpus.files_below(healthy)])
    content, note = mutate_often(rng, source.read_bytes(), mutate_tiff)
    path = put(bench, source.name, content)
    return Case(f"{source.name}: {note}", _scene_commands(rng, bench, path))


def _virtual(rng: Random, bench: Bench, healthy: Path) -> Case:
    files = [*corpus.files_below(healthy)]
    source = rng.choice([path for path in files if path.suffix == ".vrt"])
    content, note = mutate_often(rng, source.read_bytes(), mutate_xml)
    for other in files:
        if other.suffix == ".tif":
            put(bench, other.name, other.read_bytes())
    path = put(bench, source.name, content)
    return Case(f"{source.name}: {note}", _scene_commands(rng, bench, path))


def _scene_commands(rng: Random, bench: Bench, path: Path) -> Iterator[Words]:
    yield plan_words(bench, str(path))
    height, width = json.loads(bench.said.read_text(encoding="utf-8"))["work_grid"]["shape"]
    if height * width <= _MOST_PIXELS and rng.random() < _PREDICTED:
        yield predict_words(bench, str(path))


def _probability(rng: Random, bench: Bench, healthy: Path) -> Case:
    source = rng.choice([*corpus.files_below(healthy)])
    content, note = mutate_often(rng, source.read_bytes(), mutate_tiff)
    path = put(bench, source.name, content)
    output = bench.outputs / f"roads{rng.choice(('.geojson', '.geojson', '.fgb', '.gpkg'))}"
    options = ["--class-value", "8"] if source.stem == "classes" else []
    words = ["vectorize", str(path), "-o", str(output), "-q", *options, *here(has_gpus=False)]
    return Case(f"{source.name}: {note}", iter([words]))


RASTER_KINDS = (
    Kind("geotiff", "GeoTIFF: plan, predict", corpus.write_scenes, _scene, 6),
    Kind("vrt", "virtual raster: plan, predict", corpus.write_virtual, _virtual, 4),
    Kind(
        "probability", "probability, mask: vectorize", corpus.write_probabilities, _probability, 3
    ),
)
