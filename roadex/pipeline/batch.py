"""Many scenes in one go: results of their own, one cluster, one summary."""

from __future__ import annotations

import csv
import json
import time
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadex.config import RunConfig
from roadex.errors import IncompleteError, RoadexError, RunError, public_text
from roadex.imagery.locations import public_name
from roadex.imagery.scene_list import ListedScene
from roadex.outputs.index_page import IndexEntry, check_index, thumbnail, write_index
from roadex.pipeline.crew import Crew, open_crew
from roadex.pipeline.joint_network import join_scenes
from roadex.pipeline.plan import request_key
from roadex.pipeline.report import RunFolder
from roadex.pipeline.resume import make_folder
from roadex.pipeline.run import carry_out, prepare
from roadex.progress import Display, Labelled, Stopwatch, default_display

DONE, DONE_BEFORE, INCOMPLETE, FAILED = "done", "done before", "incomplete", "failed"
"""What became of a scene. ``incomplete``: its results have holes."""

COLUMNS = (
    "name", "state", "scene", "road_km", "edges", "megapixels", "seconds", "failed_tiles", "error",
)  # fmt: skip
"""Columns of the summary."""

_STAGE = "scenes"
_WRITE_SECONDS = 10


@dataclass(slots=True, kw_only=True)
class SceneOutcome:
    """What became of one scene of a batch."""

    scene: ListedScene
    state: str
    """One of :data:`DONE`, :data:`DONE_BEFORE`, :data:`INCOMPLETE`, :data:`FAILED`."""

    error: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    """What its ``report.json`` says; empty where it failed before there was one."""

    @property
    def is_good(self) -> bool:
        """Whether all of the scene's results are there."""
        return self.state in (DONE, DONE_BEFORE)

    def row(self) -> dict[str, Any]:
        """Return its row of the summary, see :data:`COLUMNS`."""
        result = self.report.get("result", {})
        values = {
            "name": self.scene.name,
            "state": self.state,
            "scene": public_name(self.scene.path),
            "failed_tiles": len(result.get("failed_tiles", ())),
            "seconds": round(sum(result.get("seconds", {}).values()), 1) or None,
            "error": self.error,
        }
        return {column: values.get(column, result.get(column)) for column in COLUMNS}


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
        (with footprints), ``index.html`` and the network of all, ``roads.gpkg``, beside those.
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
        If ``output`` cannot be written to, or has an ``index.html`` of another program; or the
        network of all scenes cannot be replaced, when all else is done.
    SceneError
        If ``join`` and the scenes cannot be joined, when all else is done.
    RunError
        If the scheduler does not answer.
    """
    config, folder, display = config or RunConfig(), Path(output), progress or default_display()
    make_folder(folder)
    check_index(folder)
    summary = _Summary(folder, scenes)
    display.start(_STAGE, len(scenes))
    todo = []
    for scene in scenes:
        report = None if overwrite else _finished(scene, folder, config)
        if report is None:
            todo.append(scene)
        else:
            summary.add(SceneOutcome(scene=scene, state=DONE_BEFORE, report=report))
            display.advance(_STAGE)
    with open_crew(config.cluster) if todo else nullcontext() as crew:
        if crew is not None:
            _do_all(todo, folder, config, crew, overwrite, display, summary)
        summary.write()
        display.finish(_STAGE)
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


def _do_all(
    todo: Sequence[ListedScene],
    folder: Path,
    config: RunConfig,
    crew: Crew,
    overwrite: bool,
    display: Display,
    summary: _Summary,
) -> None:
    """Do scenes, a few at a time: the next is predicted while one is being finished."""
    pool = ThreadPoolExecutor(config.cluster.scenes_in_flight, thread_name_prefix="scene")
    try:
        futures = [
            pool.submit(_do_one, scene, folder, config, crew, overwrite, display) for scene in todo
        ]
        for future in as_completed(futures):
            summary.add(future.result())
            display.advance(_STAGE)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _do_one(
    scene: ListedScene,
    folder: Path,
    config: RunConfig,
    crew: Crew,
    overwrite: bool,
    display: Display,
) -> SceneOutcome:
    """Do one scene; whatever goes wrong with it is part of the outcome."""
    result = RunFolder(folder / scene.name)
    state, error = DONE, ""
    try:
        with prepare(
            scene.path, result.folder, config,
            overwrite=overwrite, progress=Labelled(display, scene.name),
        ) as work:  # fmt: skip
            carry_out(work, crew)
    except RoadexError as problem:
        state, error = FAILED, str(problem)
        holes = result.read_report().get("result", {}).get("failed_tiles")
        if isinstance(problem, RunError) and holes:
            state = INCOMPLETE
    except Exception as bug:
        state, error = FAILED, public_text(f"{type(bug).__name__}: {bug}")
        result.folder.mkdir(parents=True, exist_ok=True)
        note = result.folder / "error.txt"
        note.write_text(public_text(traceback.format_exc()), encoding="utf-8")
    report = {} if state == FAILED else result.read_report()
    return SceneOutcome(scene=scene, state=state, error=error, report=report)


def _finished(scene: ListedScene, folder: Path, config: RunConfig) -> dict[str, Any] | None:
    """Return the report of a scene whose results are complete and still what is asked for."""
    result = RunFolder(folder / scene.name)
    report = result.read_report()
    if not report or report["result"]["failed_tiles"]:
        return None
    if not (result.network.exists() and result.probability.exists()):
        return None
    return report if report.get("request") == request_key([scene.path], config) else None


class _Summary:
    """Outcomes so far, written every few seconds: a batch can take days."""

    def __init__(self, folder: Path, scenes: Sequence[ListedScene]) -> None:
        self._folder, self._scenes = folder, scenes
        self._outcomes: dict[str, SceneOutcome] = {}
        self._entries: dict[str, IndexEntry] = {}
        self._joint: Mapping[str, Any] = {}
        self._written = time.monotonic()

    def add(self, outcome: SceneOutcome) -> None:
        self._outcomes[outcome.scene.name] = outcome
        self._entries[outcome.scene.name] = self._entry(outcome)
        if time.monotonic() - self._written > _WRITE_SECONDS:
            self.write()

    def in_order(self) -> list[SceneOutcome]:
        names = [scene.name for scene in self._scenes]
        return [self._outcomes[name] for name in names if name in self._outcomes]

    def join(
        self,
        config: RunConfig,
        crew: Crew | None,
        *,
        is_wanted: bool,
        overwrite: bool,
        display: Display,
    ) -> None:
        """Make the network of all scenes that have results, and write again what shows it."""
        outcomes = self.in_order()
        with Stopwatch(display).stage("join"):
            joint = join_scenes(
                {outcome.scene.name: outcome.report for outcome in outcomes if outcome.report},
                self._folder,
                config=config,
                left_out=[outcome.scene.name for outcome in outcomes if not outcome.report],
                crew=crew,
                is_wanted=is_wanted,
                overwrite=overwrite,
            )
        self._joint = joint.result
        self.write()

    def _entry(self, outcome: SceneOutcome) -> IndexEntry:
        name, has_results = outcome.scene.name, bool(outcome.report)
        paths = RunFolder(self._folder / name)
        has_page = has_results and paths.page.exists()
        return IndexEntry(
            name=name,
            state=outcome.state,
            is_good=outcome.is_good,
            error=outcome.error,
            result=outcome.report.get("result", {}),
            page=f"{name}/{paths.page.name}" if has_page else "",
            picture=thumbnail(paths.preview, len(self._scenes)) if has_results else "",
        )

    def write(self) -> None:
        outcomes = self.in_order()
        entries = [self._entries[outcome.scene.name] for outcome in outcomes]
        write_index(self._folder, entries, len(self._scenes), joint=self._joint)
        partial = self._folder / ".summary.partial"
        with partial.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(outcome.row() for outcome in outcomes)
        partial.replace(self._folder / "summary.csv")
        features = [
            {
                "type": "Feature",
                "geometry": outcome.report.get("footprint"),
                "properties": outcome.row(),
            }
            for outcome in outcomes
        ]
        content = {"type": "FeatureCollection", "features": features}
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        partial.replace(self._folder / "summary.geojson")
        self._written = time.monotonic()
