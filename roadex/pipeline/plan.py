"""What a run will do, settled before anything is computed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from roadex.config import FLOAT16, FLOAT32, INT8, TTA_VIEWS, RunConfig
from roadex.errors import ConfigError, SceneError
from roadex.extensions import Family, extension_records
from roadex.imagery.area import Area
from roadex.imagery.containers import listed
from roadex.imagery.locations import gdal_location
from roadex.imagery.scene import Scene, open_scene
from roadex.imagery.source_files import file_states, files_behind
from roadex.imagery.tiling import Tile, Tiles, plan_chips, plan_tiles
from roadex.imagery.work_grid import WorkGrid, plan_grid
from roadex.models import has_network
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import model_path, read_metadata, read_sha256
from roadex.network.cleaning.added import added_steps
from roadex.pipeline.crew import Load
from roadex.pipeline.precision import int8_form_to_use, precision_to_use, values_key
from roadex.progress import time_text

SECONDS_PER_MPX = {FLOAT32: 0.5, FLOAT16: 0.5, INT8: 0.14}
"""Of one core for a forward pass of ``roadex-light`` over a million pixels, see docs/cluster.md;
float16, for GPUs alone, counts as float32 does on them."""

_WORTH_SAYING_S = 120.0

Scenes: TypeAlias = str | Path | Scene | Sequence[str | Path]
"""What is to be extracted: a raster, a mosaic of several, or a scene that was opened before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Scene, grid, model and tiles of one run."""

    scene: Scene
    grid: WorkGrid
    model: ModelMetadata
    model_file: Path
    model_sha256: str
    int8_sha256: str | None
    """The 8-bit form the network computes in; None is floating point."""

    precision: str
    """Numbers the network computes with: ``float32``, ``float16`` or ``int8``."""

    tiles: Tiles
    chips: Tiles
    """What the network sees at a time; a tile is made of whole chips."""

    area: Area | None
    """What is asked for of the grid; None is all."""

    wanted: Sequence[Tile]
    """The tiles that are done: those that touch the area."""

    key: str
    """Identity of the probability: the same key means the same tiles with the same values."""

    request: str
    """Identity of what was asked for, see :func:`request_key`."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything doubtful about the input."""
        return self.scene.warnings + self.grid.warnings

    @property
    def extensions(self) -> list[dict[str, str]]:
        """Package and version of the network, where an extension has it."""
        return _network_extension(self.model)

    @property
    def read_megapixels(self) -> float:
        """Pixels given to the network in one view, halos included, in millions."""
        if self.area is None:
            return self.chips.read_pixels / 1e6
        chips = (chip for tile in self.wanted for chip in self.chips.under(tile.core))
        touched = (chip.read for chip in chips if self.area.touches(chip.core))
        return sum(int(read.width * read.height) for read in touched) / 1e6

    def load(self, config: RunConfig) -> Load:
        """Return what predicting takes, if the model is about as large as ``roadex-light``."""
        per_mpx = TTA_VIEWS[config.predict.tta] * SECONDS_PER_MPX[self.precision]
        seconds = self.read_megapixels * per_mpx
        return Load(n_tasks=len(self.wanted), core_seconds=seconds)

    def cost_of_views(self, config: RunConfig, n_cores: int) -> str | None:
        """Say how long predicting takes with several views and with one, where that is long.

        Parameters
        ----------
        config
            Settings of the run.
        n_cores
            Cores that predict, of CPUs.
        """
        views = TTA_VIEWS[config.predict.tta]
        seconds = self.load(config).core_seconds / n_cores
        if views == 1 or seconds < _WORTH_SAYING_S:
            return None
        return (
            f"{views} views of each chip ({config.predict.tta}): about {time_text(seconds)} on "
            f"{n_cores} cores; with --tta none about {time_text(seconds / views)}"
        )


def plan_run(scenes: Scenes, config: RunConfig) -> RunPlan:
    """Check scenes and model and plan the run; nothing is computed or written.

    Raises
    ------
    SceneError, ModelError, ConfigError
        If the run cannot work.
    """
    path = model_path(config.predict.model)
    model = read_metadata(path)
    added_steps(config.vector)
    scene = _open(scenes, model, config)
    grid = plan_grid(
        scene,
        gsd_m=model.gsd_m,
        gsd_range_m=model.gsd_range_m,
        native_gsd=config.predict.native_gsd,
    )
    sha256 = read_sha256(path)
    int8_form = int8_form_to_use(config.predict.precision, path, config.cluster)
    precision = precision_to_use(config.predict.precision, int8_form)
    tiles = plan_tiles(grid.shape, config.tiling)
    area = None if config.predict.aoi is None else _area_of(config.predict.aoi, grid)
    return RunPlan(
        scene=scene,
        grid=grid,
        model=model,
        model_file=path,
        model_sha256=sha256,
        int8_sha256=int8_form,
        precision=precision,
        tiles=tiles,
        chips=plan_chips(grid.shape, config.tiling),
        area=area,
        wanted=tiles if area is None else _touched(tiles, area),
        key=tiles_key(
            scene,
            grid,
            _weights_key(model, values_key(sha256, int8_form, precision)),
            config,
            area,
        ),
        request=request_key(scenes, config),
    )


def plan(scenes: Scenes, *, config: RunConfig | None = None) -> RunPlan:
    """Check scenes and model and say what a run would do; nothing is computed or written.

    Parameters
    ----------
    scenes, config
        As in :func:`roadex.run`.

    Returns
    -------
    plan
        Scene, work grid, model and tiles; ``plan.warnings`` is what is doubtful.

    Raises
    ------
    SceneError, ModelError, ConfigError
        If the run cannot work.

    Examples
    --------
    >>> plan = roadex.plan("scene.tif")
    >>> plan.model.name, len(plan.tiles)
    ('roadex-light', 1)
    """
    return plan_run(scenes, config or RunConfig())


def _network_extension(model: ModelMetadata) -> list[dict[str, str]]:
    name = model.network
    return [] if has_network(name) else extension_records(Family.NETWORKS, [name])


def _weights_key(model: ModelMetadata, sha256: str) -> str:
    """Return the identity of what computes: the weights, and the version of a foreign network."""
    versions = [f"{one['package']} {one['version']}" for one in _network_extension(model)]
    return " ".join([sha256, *versions])


def _open(scenes: Scenes, model: ModelMetadata, config: RunConfig) -> Scene:
    if not isinstance(scenes, Scene):
        return open_scene(
            _paths(scenes),
            wanted=model.bands,
            bands=config.predict.bands,
            nodata=config.predict.nodata_values,
            stretch=model.stretch,
            trusted_only=config.predict.trusted_inputs_only,
        )
    if config.predict.bands not in (None, scenes.bands):
        msg = f"the Scene was opened with bands {scenes.bands}; leave out predict.bands"
        raise ConfigError(msg)
    if scenes.wanted != model.bands:
        msg = (
            f"the Scene was opened for bands {listed(scenes.wanted)}, model {model.name} takes "
            f"{listed(model.bands)}. Open it with wanted=model.metadata.bands"
        )
        raise SceneError(msg)
    return scenes


def _paths(scenes: str | Path | Sequence[str | Path]) -> Sequence[str | Path]:
    paths: list[Any] = [scenes] if isinstance(scenes, str | Path) else list(scenes)
    for path in paths:
        if not isinstance(path, str | Path):
            msg = f"scenes are paths, URLs or one roadex.Scene, got {type(path).__name__}"
            raise TypeError(msg)
    return paths


def request_key(scenes: Scenes, config: RunConfig) -> str:
    """Return the identity of a run, found without looking at pixels: files, model and settings.

    Files on this machine, those behind a virtual raster too, count with their size and time, so one
    that was replaced is another.
    """
    settings = config.to_dict()
    parts: dict[str, Any] = {
        "scenes": [scenes.identity]
        if isinstance(scenes, Scene)
        else [file_states(files_behind(gdal_location(str(path)))) for path in _paths(scenes)],
        "model": read_sha256(model_path(config.predict.model)),
        "aoi": file_states([config.predict.aoi] if config.predict.aoi else []),
        "settings": {group: settings[group] for group in ("tiling", "predict", "vector", "output")},
    }
    added = extension_records(Family.CLEANING_STEPS, config.vector.add or ())
    if added:
        parts["extensions"] = added
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _area_of(text: str, grid: WorkGrid) -> Area:
    from roadex.pipeline.area_file import read_area  # geopandas takes half a second to import

    return read_area(text, grid)


def _touched(tiles: Tiles, area: Area) -> list[Tile]:
    around = area.window(tiles.shape)
    return [] if around is None else [t for t in tiles.under(around) if area.touches(t.core)]


def tiles_key(
    scene: Scene, grid: WorkGrid, sha256: str, config: RunConfig, area: Area | None = None
) -> str:
    """Return the identity of tiles: a hash over everything that decides their values.

    ``sha256`` stands for the weights and their precision, see
    :func:`roadex.pipeline.precision.values_key`.
    """
    parts = {
        "scene": scene.identity,
        "radiometry": asdict(scene.radiometry),
        "validity": asdict(scene.validity),
        "grid": [grid.shape, grid.crs.to_wkt(), list(grid.transform)],
        "model": sha256,
        "tta": config.predict.tta,
        "tiling": config.tiling.to_dict(),
        "area": "" if area is None else area.wkb.hex(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
