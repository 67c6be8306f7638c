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
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
from pyproj import CRS

from roadex.config import RunConfig
from roadex.imagery.locations import READING
from roadex.inference.allocator import release_free_memory
from roadex.network.road_surface import with_surface
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network
from roadex.outputs.gpkg import count_issues
from roadex.outputs.preview import write_preview
from roadex.pipeline.capacity import count_cpu_workers
from roadex.pipeline.crew import (
    TRACE_MPX_S,
    CallingProcess,
    Crew,
    Load,
    open_crew,
)
from roadex.pipeline.gpus import choose_gpus
from roadex.pipeline.memory import MemoryMeter
from roadex.pipeline.plan import RunPlan, Scenes, plan_run
from roadex.pipeline.precision import require_what_computes
from roadex.pipeline.predict_tiles import Failures, predict_tiles
from roadex.pipeline.report import Kept, RunFolder, provenance, summarise, write_report
from roadex.pipeline.result import ResultPaths, RunResult, TemporaryFolder
from roadex.pipeline.resume import Claim
from roadex.pipeline.stitch import stitch, without_tiles
from roadex.pipeline.tasks import mapper
from roadex.probability.completeness import expected_completeness
from roadex.probability.source import RasterSource
from roadex.probability.store_source import StoreSource
from roadex.probability.tile_store import TileStore
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
        Replace the results of an earlier, complete run in ``output``. Without it the same results
        are given back as they are; where only settings of the network differ, it is made anew from
        the probability that is there, unless it was edited.
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
        with prepared as work, _crew_for(work) as crew:
            result = carry_out(work, crew)
    return replace(result, _temporary=temporary)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A run that has been found possible and has claimed its folder."""

    plan: RunPlan
    config: RunConfig
    result: RunFolder
    kept: Kept
    """What of the results in the folder is not done again."""

    claim: Claim | None
    """None where nothing is to be done."""

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
    require_what_computes(config.predict, config.cluster)
    with watch.stage("plan"):
        plan = plan_run(scenes, config)
        thresholds = plan.model.threshold_low, plan.model.threshold_high
        config = replace(config, vector=config.vector.with_thresholds(*thresholds))
    kept = result.kept(plan)
    if kept is Kept.ALL and overwrite:
        kept = Kept.NOTHING
    work = Work(
        plan=plan, config=config, result=result, kept=kept, claim=None, watch=watch, began=began
    )
    if kept is Kept.ALL:
        yield work
        return
    with result.claim(plan, config.cluster, overwrite=overwrite) as mine:
        yield replace(work, claim=mine)


def carry_out(work: Work, crew: Crew) -> RunResult:
    """Do a run with those who are there to work; result and errors as :func:`run`."""
    plan, config, result, watch = work.plan, work.config, work.result, work.watch
    if work.claim is None:
        summary = result.read_report()["result"]
        return RunResult(paths=ResultPaths(result.folder), summary=summary, is_done_before=True)
    with MemoryMeter() as memory, rasterio.Env(**READING):
        failures, probability = _probability(work, work.claim.store, crew)
        with watch.stage("vectorize"):
            map_tiles = mapper(crew, config.cluster)
            network = vectorize(
                probability,
                config=config.vector,
                map_tiles=map_tiles,
                output_crs=CRS.from_wkt(plan.scene.crs.to_wkt()),
            )
            network = with_surface(network, plan.scene, plan.grid, map_tiles)
            completeness = expected_completeness(probability, config.vector.thresholds[1])
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
        completeness=completeness,
        issues=count_issues(result.network),
    )
    write_report(result, plan, config, network, summary=summary, began=work.began)
    failures.raise_if_any(len(plan.wanted))
    work.claim.finish()
    return RunResult(paths=ResultPaths(result.folder), summary=summary)


def _crew_for(work: Work) -> AbstractContextManager[Crew]:
    """Open a crew that suits what is to be done."""
    if work.claim is None:
        return nullcontext(CallingProcess(1))
    load = work.plan.load(work.config)
    if work.kept is not Kept.NOTHING:
        seconds = np.prod(work.plan.grid.shape) / 1e6 / TRACE_MPX_S
        load = Load(n_tasks=load.n_tasks, core_seconds=float(seconds))
    return open_crew(work.config.cluster, load)


def _say_cost(work: Work, crew: Crew) -> None:
    """Say what several views cost, where CPUs of this machine compute them for long."""
    config = work.config.cluster
    by_workers = count_cpu_workers(config, 0)
    n_cores = crew.n_threads if isinstance(crew, CallingProcess) else by_workers
    cost = work.plan.cost_of_views(work.config, n_cores)
    if cost is not None and not config.is_remote and not choose_gpus(config.gpus):
        work.watch.note(cost)


def _probability(
    work: Work, store: TileStore, crew: Crew
) -> tuple[Failures, StoreSource | RasterSource]:
    """Return the probability, computed if it is not there yet; failed tiles are nodata."""
    plan, path = work.plan, work.result.probability
    if work.kept is Kept.PROBABILITY:
        return Failures(), RasterSource.open(path, reading="roadex")
    _say_cost(work, crew)
    failures = predict_tiles(crew, plan, store, work.config, work.watch)
    stitch(plan, store, failures, path, work.watch)
    grid = plan.grid
    return failures, StoreSource(
        store=store,
        tiles=plan.tiles,
        transform=grid.transform,
        crs=CRS.from_wkt(grid.crs.to_wkt()),
        left_out=without_tiles(plan, failures),
    )
