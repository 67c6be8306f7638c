"""The main job, from scene to road network. This page explains the program.

    plan ──► predict tiles ──► stitch ──► vectorize ──► write
             (workers, into     (one       (workers,     (network, preview,
              the tile store)    COG)       merged)       report)

A tile is computed from its own window and owned by nobody else, so tiles can be done by any worker
in any order, again after a failure, and later after an interruption: what is in the tile store is
not done again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import rasterio
from pyproj import CRS

from roadex.config import RunConfig
from roadex.imagery.locations import READING
from roadex.inference.allocator import release_free_memory
from roadex.models import require_torch
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network
from roadex.outputs.preview import write_preview
from roadex.pipeline.crew import Crew, open_crew
from roadex.pipeline.memory import MemoryMeter
from roadex.pipeline.plan import RunPlan, Scenes, plan_run
from roadex.pipeline.predict import Failures, predict_tiles, stitch
from roadex.pipeline.report import RunFolder, provenance, summarise, write_report
from roadex.pipeline.result import ResultPaths, RunResult, TemporaryFolder
from roadex.pipeline.resume import Claim
from roadex.pipeline.tasks import mapper
from roadex.probability.store_source import StoreSource
from roadex.progress import Display, Stopwatch, default_display


def run(
    scenes: Scenes,
    output: str | Path | None = None,
    *,
    config: RunConfig | None = None,
    overwrite: bool = False,
    progress: Display | None = None,
) -> RunResult:
    """Extract the road network of a scene.

    Little work is done in the calling process, more by worker processes, see
    :mod:`roadex.pipeline.crew`; the result does not depend on it.

    Parameters
    ----------
    scenes
        A raster GDAL opens (path or URL), several that form one mosaic, or a
        :class:`roadex.Scene`.
    output
        Folder for ``roads.gpkg``, ``probability.tif``, ``preview.png`` and ``report.json``. None is
        a temporary one, which goes away with the result.
    config
        All settings; None is the defaults.
    overwrite
        Replace the results of an earlier, complete run in ``output``.
    progress
        Shows the progress; None is a display in a notebook, else nothing.

    Returns
    -------
    result
        The network as tables, the probability as an open raster, paths, totals and warnings.

    Raises
    ------
    SceneError, ModelError, ConfigError, OutputError
        If the run cannot work; nothing is written then.
    IncompleteError
        If tiles failed. All results are there, without data where those tiles are; the same call
        does just the missing ones.
    RunError
        If the workers failed.

    Examples
    --------
    >>> result = roadex.run("scene.tif", "out")
    >>> result.edges.geometry.name
    'geometry'
    >>> result.paths.network.name
    'roads.gpkg'
    """
    config = config or RunConfig()
    temporary = TemporaryFolder() if output is None else None
    folder = temporary.path if temporary else Path(output or "")
    with rasterio.Env(**READING):
        prepared = prepare(scenes, folder, config, overwrite=overwrite, progress=progress)
        with prepared as work, open_crew(config.cluster, work.plan.load(config)) as crew:
            result = carry_out(work, crew)
    return replace(result, _temporary=temporary)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A run that has been found possible and has claimed its folder."""

    plan: RunPlan
    config: RunConfig
    result: RunFolder
    claim: Claim
    watch: Stopwatch
    began: float


@contextmanager
def prepare(
    scenes: Scenes,
    output: str | Path,
    config: RunConfig,
    *,
    overwrite: bool = False,
    progress: Display | None = None,
) -> Iterator[Work]:
    """Check all that can be checked beforehand, and hold the folder; arguments as :func:`run`."""
    result = RunFolder(Path(output))
    watch = Stopwatch(progress or default_display(), release_free_memory)
    began = time.time()
    if not config.cluster.is_remote:
        require_torch()
    with watch.stage("plan"):
        plan = plan_run(scenes, config)
        thresholds = plan.model.threshold_low, plan.model.threshold_high
        config = replace(config, vector=config.vector.with_thresholds(*thresholds))
    place = result.claim(plan, config.cluster, overwrite=overwrite)
    with place as mine:
        yield Work(plan=plan, config=config, result=result, claim=mine, watch=watch, began=began)


def carry_out(work: Work, crew: Crew) -> RunResult:
    """Do a run with those who are there to work; result and errors as :func:`run`."""
    plan, config, result, watch = work.plan, work.config, work.result, work.watch
    with MemoryMeter() as memory, rasterio.Env(**READING):
        failures = predict_tiles(crew, plan, work.claim.store, config, watch)
        stitch(plan, work.claim.store, failures, result.probability, watch)
        with watch.stage("vectorize"):
            network = vectorize(
                _stored_probability(work, failures),
                config=config.vector,
                map_tiles=mapper(crew, config.cluster),
                output_crs=CRS.from_wkt(plan.scene.crs.to_wkt()),
            )
        with watch.stage("write"):
            made_by = provenance(plan, config)
            write_network(
                network,
                result.network,
                provenance=made_by,
                overwrite=True,
                config=config.output,
            )
            write_preview(plan.scene, plan.grid, result.probability, network, result.preview)
    summary = summarise(
        network,
        plan,
        seconds=watch.seconds,
        peak_memory_bytes=memory.peak_bytes,
        failures=failures,
    )
    write_report(result.report, plan, config, summary=summary, began=work.began)
    failures.raise_if_any(len(plan.tiles))
    work.claim.finish()
    return RunResult(paths=ResultPaths(result.folder), summary=summary)


def _stored_probability(work: Work, failures: Failures) -> StoreSource:
    """Return the probability as it lies in the tile store; failed tiles are nodata."""
    grid = work.plan.grid
    return StoreSource(
        store=work.claim.store,
        tiles=work.plan.tiles,
        transform=grid.transform,
        crs=CRS.from_wkt(grid.crs.to_wkt()),
        holes=frozenset(failures.reasons),
    )
