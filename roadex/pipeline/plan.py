"""What a run will do, settled before anything is computed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from roadex.config import RunConfig
from roadex.imagery.locations import gdal_location, is_virtual
from roadex.imagery.scene import Scene, open_scene
from roadex.imagery.tiling import Tile, check_alignment, plan_tiles
from roadex.imagery.work_grid import WorkGrid, plan_grid
from roadex.models.modelfile import ModelMetadata, model_path, read_metadata, read_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Scene, grid, model and tiles of one run."""

    scene: Scene
    grid: WorkGrid
    model: ModelMetadata
    model_file: Path
    model_sha256: str
    tiles: list[Tile]
    key: str
    """Identity of the probability: the same key means the same tiles with the same values."""

    request: str
    """Identity of what was asked for, see :func:`request_key`."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything doubtful about the input."""
        return self.scene.warnings + self.grid.warnings


def plan_run(scenes: Sequence[str | Path], config: RunConfig) -> RunPlan:
    """Check scenes and model and plan the run; nothing is computed or written.

    Raises
    ------
    SceneError, ModelError, ConfigError
        If the run cannot work.
    """
    check_alignment(config.tiling)
    path = model_path(config.predict.model)
    model = read_metadata(path)
    scene = open_scene(
        scenes,
        wanted=model.bands,
        bands=config.predict.bands,
        nodata=config.predict.nodata_values,
        trusted_only=config.predict.trusted_inputs_only,
    )
    grid = plan_grid(
        scene,
        gsd_m=model.gsd_m,
        gsd_range_m=model.gsd_range_m,
        native_gsd=config.predict.native_gsd,
    )
    sha256 = read_sha256(path)
    tiles = plan_tiles(grid.shape, config.tiling)
    return RunPlan(
        scene=scene,
        grid=grid,
        model=model,
        model_file=path,
        model_sha256=sha256,
        tiles=tiles,
        key=_key(scene, grid, sha256, config),
        request=request_key(scenes, config),
    )


def request_key(scenes: Sequence[str | Path], config: RunConfig) -> str:
    """Return the identity of a run, found without opening its scenes: files, model and settings.

    Files on this machine count with their size and time, so one that was replaced is another.
    """
    settings = config.to_dict()
    parts = {
        "scenes": [_file_state(gdal_location(str(scene))) for scene in scenes],
        "model": read_sha256(model_path(config.predict.model)),
        "settings": {group: settings[group] for group in ("tiling", "predict", "vector", "output")},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _file_state(location: str) -> list[str | int]:
    file = Path(location)
    if is_virtual(location) or not file.exists():
        return [location]
    state = file.stat()
    return [location, state.st_size, state.st_mtime_ns]


def _key(scene: Scene, grid: WorkGrid, sha256: str, config: RunConfig) -> str:
    parts = {
        "scene": scene.identity,
        "radiometry": asdict(scene.radiometry),
        "grid": [grid.shape, grid.crs.to_wkt(), list(grid.transform)],
        "model": sha256,
        "tta": config.predict.tta,
        "tiling": config.tiling.to_dict(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
