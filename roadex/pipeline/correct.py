"""Learn from a network that a person corrected: the results of a run, edited, give a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from rasterio.windows import Window

from roadex.config import CorrectConfig, RunConfig
from roadex.errors import NetworkError, OutputError, SceneError, ScoreError
from roadex.files import refuse_existing
from roadex.inference.allocator import tune_allocator
from roadex.models.modelfile import Model, load_model
from roadex.network.line_reader import line_layer
from roadex.network.road_network import RoadNetwork
from roadex.network.sound_lines import single_lines
from roadex.network.vectorize import vectorize
from roadex.pipeline.plan import RunPlan, plan_run
from roadex.pipeline.report import RunFolder, is_as_reported
from roadex.probability.source import RasterSource
from roadex.progress import Display, default_display
from roadex.training.correction.corrected_scene import CorrectedScene
from roadex.training.correction.edits import find_edits
from roadex.training.correction.job import Correction, train_on_corrections


def correct(
    folder: str | Path,
    edited: str | Path,
    output: str | Path,
    *,
    scene: list[str] | None = None,
    model: str | Path | None = None,
    config: CorrectConfig | None = None,
    run_folder: str | Path | None = None,
    overwrite: bool = False,
    progress: Display | None = None,
) -> Correction:
    """Train the model of a run on with the corrections of its network.

    What was added is road, what was deleted is none; the rest is taken from the model itself, as
    far as it was sure. The same call resumes an interrupted training.

    Parameters
    ----------
    folder
        Output of ``roadex run``.
    edited
        The edited network: a vector file with the layer ``road_edges``, or one of lines. It may be
        ``roads.gpkg`` in ``folder`` itself. Edges whose ``review`` is ``wrong`` count as deleted.
    output
        Model file to write, ``.safetensors``.
    scene
        The imagery; None is where it was at the time of the run.
    model
        The model of the run, by name or file; None is the packaged one with the name the report
        gives.
    config
        Settings of the training; None is the defaults.
    run_folder
        Of checkpoints and logs; None is ``runs/correct-`` and the name of ``output``.
    overwrite
        Replace ``output``.
    progress
        Shows the training; None is a display in a notebook, else nothing.

    Raises
    ------
    OutputError
        If there is no finished run in ``folder``, or ``output`` exists.
    SceneError, ModelError
        If imagery or model is not that of the run.
    NetworkError
        If the edited network cannot be read, or nothing was changed in it.
    TrainingError
        If the training fails.
    """
    output = Path(output)
    refuse_existing(output, overwrite=overwrite)
    tune_allocator()
    results = RunFolder(Path(folder))
    report = results.read_report()
    if not report.get("result"):
        msg = f"{folder} holds no results of a finished `roadex run`: its report.json is missing"
        raise OutputError(msg)
    loaded = _model(report, model)
    settings, plan = _plan(report, loaded, scene)
    probability = RasterSource.open(results.probability, reading="roadex")
    crs = CRS.from_wkt(plan.grid.crs.to_wkt())
    before = _network(results, report, probability, settings).edges.to_crs(crs)
    corrected = CorrectedScene(
        scene=plan.scene,
        grid=plan.grid,
        probability=probability,
        threshold=settings.vector.thresholds[0],
        edits=find_edits(before, _edited(Path(edited)).to_crs(crs)),
        part=Window(0, 0, plan.grid.shape[1], plan.grid.shape[0]),
        sources=(Path(edited), results.probability),
    )
    return train_on_corrections(
        corrected,
        loaded,
        output,
        config=config or CorrectConfig(),
        folder=Path(run_folder) if run_folder else Path("runs") / f"correct-{output.stem}",
        display=progress or default_display(),
    )


def _model(report: dict[str, Any], model: str | Path | None) -> Model:
    stated = report["model"]
    loaded = load_model(model or stated["name"])
    if loaded.sha256 != stated["sha256"]:
        msg = (
            f"the network was found by another model ({stated['name']}, {stated['sha256'][:12]}) "
            f"than {loaded.path.name}: name its file with --model"
        )
        raise OutputError(msg)
    return loaded


def _plan(
    report: dict[str, Any], model: Model, scene: list[str] | None
) -> tuple[RunConfig, RunPlan]:
    """Return settings and plan of the run that the report is of."""
    groups = {name: dict(report["config"][name]) for name in ("tiling", "predict", "vector")}
    groups["predict"] |= {"model": str(model.path), "aoi": None}
    config = RunConfig.from_dict(groups)
    plan = plan_run(scene or report["scene_paths"], config)
    if plan.scene.identity != report["scene_identity"]:
        msg = f"{plan.scene.paths[0]} is not the imagery of this run, or was changed since"
        raise SceneError(msg)
    return config, plan


def _network(
    results: RunFolder, report: dict[str, Any], probability: RasterSource, config: RunConfig
) -> RoadNetwork:
    """Return the network as the run wrote it, made anew where it was edited in its place."""
    if is_as_reported(results.network, report, "network"):
        return RoadNetwork.read(results.network)
    return vectorize(probability, config=config.vector)


def _edited(path: Path) -> gpd.GeoDataFrame:
    try:
        frame = pyogrio.read_dataframe(path, layer=line_layer(str(path)))
    except (ScoreError, DataSourceError, DataLayerError) as error:
        msg = f"cannot read an edited network from {path}: {error}"
        raise NetworkError(msg) from error
    if frame.crs is None:
        msg = f"{path} has no CRS"
        raise NetworkError(msg)
    return single_lines(frame, str(path))[0]
