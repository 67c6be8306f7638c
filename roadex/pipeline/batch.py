"""Many scenes in one go: results of their own, one cluster, one summary."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from roadex.config import RunConfig
from roadex.errors import IncompleteError, RoadexError, RunError, public_text
from roadex.imagery.scene_list import ListedScene
from roadex.outputs import index_page
from roadex.outputs.own_files import check_replaceable
from roadex.outputs.stac import CATALOG, write_catalog
from roadex.pipeline.batch_summary import (
    DONE,
    DONE_BEFORE,
    FAILED,
    INCOMPLETE,
    SceneOutcome,
    Summary,
)
from roadex.pipeline.crew import Crew, open_crew
from roadex.pipeline.joint_network import RECORD
from roadex.pipeline.plan import request_key
from roadex.pipeline.report import RunFolder
from roadex.pipeline.resume import is_unfinished, make_folder
from roadex.pipeline.run import carry_out, prepare
from roadex.progress import Display, Labelled, default_display

_STAGE = "scenes"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What is asked for of every scene."""

    folder: Path
    config: RunConfig
    overwrite: bool
    display: Display
    is_stopped: Event = field(default_factory=Event)
    """Set at the end, also an early one: what then goes wrong with a scene is no bug of it."""


def extract_many(
    scenes: Sequence[ListedScene],
    output: str | Path,
    *,
    config: RunConfig | None = None,
    overwrite: bool = False,
    join: bool | None = None,
    progress: Display | None = None,
) -> list[SceneOutcome]:
    """Extract the road networks of many scenes, each on its own, and one of them all.

    A scene that fails does not stop the others. Scenes whose results are complete, from the same
    files with the same settings and model, are not done again.

    Parameters
    ----------
    scenes
        What to do, see :func:`roadex.imagery.scene_list.read_scene_list`.
    output
        Folder: results go into a folder per scene in it, ``summary.csv``, ``summary.geojson``
        (with footprints), ``index.html``, ``catalog.json`` (STAC) and the network of all,
        ``roads.gpkg``, beside those.
    config, progress
        As in :func:`roadex.run`.
    overwrite
        Do all scenes again, and replace results of other settings.
    join
        Whether to make the network of all scenes, see
        :func:`roadex.pipeline.joint_network.join_scenes`; None makes it where scenes touch.

    Returns
    -------
    outcomes
        One per scene, in their order.

    Raises
    ------
    OutputError
        If ``output`` cannot be written to, or has an ``index.html``, ``catalog.json`` or
        ``roads.json`` of another program; or the network of all scenes cannot be replaced, when
        all else is done.
    SceneError
        If ``join`` and the scenes cannot be joined, when all else is done.
    RunError
        If the scheduler does not answer.
    """
    config, folder, display = config or RunConfig(), Path(output), progress or default_display()
    batch = _Batch(folder=folder, config=config, overwrite=overwrite, display=display)
    make_folder(folder)
    for name in (index_page.NAME, CATALOG, *(() if join is False else (RECORD,))):
        check_replaceable(folder / name, overwrite=True)
    summary = Summary(folder, scenes)
    display.start(_STAGE, len(scenes))
    todo = []
    for scene in scenes:
        report = _finished(scene, batch)
        if report is None:
            todo.append(scene)
        else:
            summary.add(SceneOutcome(scene=scene, state=DONE_BEFORE, report=report))
            display.advance(_STAGE)
    with open_crew(config.cluster) if todo else nullcontext() as crew:
        if crew is not None:
            _do_all(todo, batch, crew, summary)
        summary.write()
        display.finish(_STAGE)
        write_catalog(folder, summary.reports, {scene.name: scene.path for scene in scenes})
        if join is not False:
            summary.join(config, crew, is_wanted=bool(join), overwrite=overwrite, display=display)
    return summary.in_order()


def raise_if_any_failed(outcomes: Sequence[SceneOutcome], output: Path) -> None:
    """Say which scenes have no complete results.

    Raises
    ------
    IncompleteError
        If there are any.
    """
    bad = [outcome for outcome in outcomes if not outcome.is_good]
    if bad:
        msg = (
            f"{len(bad)} of {len(outcomes)} scenes are not complete: "
            f"{', '.join(outcome.scene.name for outcome in bad[:5])} ({bad[0].error}); see "
            f"{output / 'summary.csv'}. Run the same command again to retry them"
        )
        raise IncompleteError(msg)


def _do_all(todo: Sequence[ListedScene], batch: _Batch, crew: Crew, summary: Summary) -> None:
    """Do scenes, a few at a time: the next is predicted while one is being finished."""
    pool = ThreadPoolExecutor(batch.config.cluster.scenes_in_flight, thread_name_prefix="scene")
    try:
        futures = [pool.submit(_do_one, scene, batch, crew) for scene in todo]
        for future in as_completed(futures):
            summary.add(future.result())
            batch.display.advance(_STAGE)
    finally:
        batch.is_stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _do_one(scene: ListedScene, batch: _Batch, crew: Crew) -> SceneOutcome:
    """Do one scene; whatever goes wrong with it is part of the outcome."""
    result = RunFolder(batch.folder / scene.name)
    note = result.folder / "error.txt"
    state, error = DONE, ""
    try:
        with prepare(
            scene.path, result.folder, batch.config,
            overwrite=batch.overwrite, progress=Labelled(batch.display, scene.name),
        ) as work:  # fmt: skip
            carry_out(work, crew)
        note.unlink(missing_ok=True)
    except RoadexError as problem:
        state, error = FAILED, str(problem)
        holes = result.read_report().get("result", {}).get("failed_tiles")
        if isinstance(problem, RunError) and holes:
            state = INCOMPLETE
    except Exception as bug:
        if batch.is_stopped.is_set():
            raise
        state, error = FAILED, public_text(f"{type(bug).__name__}: {bug}")
        result.folder.mkdir(parents=True, exist_ok=True)
        note.write_text(public_text(traceback.format_exc()), encoding="utf-8")
    report = {} if state == FAILED else result.read_report()
    return SceneOutcome(scene=scene, state=state, error=error, report=report)


def _finished(scene: ListedScene, batch: _Batch) -> dict[str, Any] | None:
    """Return the report of a scene whose results are complete and still what is asked for."""
    result = RunFolder(batch.folder / scene.name)
    report = result.read_report()
    if batch.overwrite or not report or report["result"]["failed_tiles"]:
        return None
    if not (result.network.exists() and result.probability.exists()):
        return None
    # Another run may have replaced results without coming to its report.
    if is_unfinished(result.probability):
        return None
    return report if report.get("request") == request_key([scene.path], batch.config) else None
