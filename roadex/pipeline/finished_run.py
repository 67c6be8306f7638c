"""The results of a finished run, opened again to go on from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
from pyproj import CRS

from roadex.config import RunConfig
from roadex.errors import OutputError, SceneError
from roadex.models.modelfile import Model, load_model
from roadex.network.road_network import RoadNetwork
from roadex.network.vectorize import vectorize
from roadex.pipeline.imagery_of_run import require_imagery_of_run
from roadex.pipeline.plan import RunPlan, plan_run
from roadex.pipeline.report import RunFolder, is_as_reported
from roadex.probability.source import RasterSource


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """Imagery, model, probability and network of a run."""

    plan: RunPlan
    config: RunConfig
    """The settings that decide its results."""

    model: Model
    probability: RasterSource
    probability_path: Path
    edges: gpd.GeoDataFrame
    """As the run found them, in the CRS of the work grid, also where its network was edited."""

    @property
    def crs(self) -> CRS:
        """CRS of the work grid."""
        return CRS.from_wkt(self.plan.grid.crs.to_wkt())

    @classmethod
    def open(
        cls, folder: str | Path, *, scene: list[str] | None = None, model: str | Path | None = None
    ) -> FinishedRun:
        """Open the output of ``roadex run``.

        Parameters
        ----------
        folder
            The output.
        scene
            The imagery; None is where it was at the time of the run.
        model
            The model of the run, by name or file; None is the packaged one with the name the
            report gives.

        Raises
        ------
        OutputError
            If there is no finished run in ``folder``, or it was done with another model.
        SceneError, ModelError
            If imagery or model cannot be read, or the imagery is not that of the run.
        """
        results = RunFolder(Path(folder))
        report = results.finished_report()
        loaded = _model(report, model)
        config, plan = _plan(report, loaded, scene)
        probability = RasterSource.open(results.probability, reading="roadex")
        edges = _network(results, report, probability, config).edges
        crs = CRS.from_wkt(plan.grid.crs.to_wkt())
        return cls(plan, config, loaded, probability, results.probability, edges.to_crs(crs))


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
    try:
        plan = plan_run(scene or report["scene_paths"], config)
    except SceneError as error:
        msg = f"{error}. Where the imagery of the run has moved, name it with --scene"
        raise SceneError(msg) from error
    require_imagery_of_run(report, plan.scene, is_named=bool(scene))
    return config, plan


def _network(
    results: RunFolder, report: dict[str, Any], probability: RasterSource, config: RunConfig
) -> RoadNetwork:
    """Return the network as the run wrote it, made anew where it was edited in its place."""
    if is_as_reported(results.network, report, "network"):
        return RoadNetwork.read(results.network)
    return vectorize(probability, config=config.vector)
