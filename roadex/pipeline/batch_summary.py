"""What became of the scenes of a batch: a table, a map, a page, and the network of all."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadex.config import RunConfig
from roadex.files import whole_file
from roadex.imagery.locations import public_name
from roadex.imagery.scene_list import ListedScene
from roadex.outputs.index_page import IndexEntry, thumbnail, write_index
from roadex.pipeline.crew import Crew
from roadex.pipeline.joint_network import join_scenes
from roadex.pipeline.report import RunFolder
from roadex.progress import Display, Stopwatch

DONE, DONE_BEFORE, INCOMPLETE, FAILED = "done", "done before", "incomplete", "failed"
"""What became of a scene. ``incomplete``: its results have holes."""

COLUMNS = (
    "name", "state", "scene", "road_km", "edges", "megapixels", "seconds", "failed_tiles", "error",
)  # fmt: skip
"""Columns of the summary."""

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


class Summary:
    """Outcomes so far, written every few seconds: a batch can take days."""

    def __init__(self, folder: Path, scenes: Sequence[ListedScene]) -> None:
        self._folder, self._scenes = folder, scenes
        self._outcomes: dict[str, SceneOutcome] = {}
        self._entries: dict[str, IndexEntry] = {}
        self._joint: Mapping[str, Any] = {}
        self._written = time.monotonic()

    def add(self, outcome: SceneOutcome) -> None:
        """Take up what became of a scene."""
        self._outcomes[outcome.scene.name] = outcome
        self._entries[outcome.scene.name] = self._entry(outcome)
        if time.monotonic() - self._written > _WRITE_SECONDS:
            self.write()

    def in_order(self) -> list[SceneOutcome]:
        """Return what is known so far, in the order of the scenes."""
        names = [scene.name for scene in self._scenes]
        return [self._outcomes[name] for name in names if name in self._outcomes]

    @property
    def reports(self) -> dict[str, dict[str, Any]]:
        """Reports of the scenes that have results, by name."""
        return {one.scene.name: one.report for one in self.in_order() if one.report}

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
                self.reports,
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
        """Write table, map and page."""
        outcomes = self.in_order()
        entries = [self._entries[outcome.scene.name] for outcome in outcomes]
        write_index(self._folder, entries, len(self._scenes), joint=self._joint)
        with (
            whole_file(self._folder / "summary.csv") as place,
            place.open("w", encoding="utf-8", newline="") as file,
        ):
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(outcome.row() for outcome in outcomes)
        features = [
            {
                "type": "Feature",
                "geometry": outcome.report.get("footprint"),
                "properties": outcome.row(),
            }
            for outcome in outcomes
        ]
        content = {"type": "FeatureCollection", "features": features}
        with whole_file(self._folder / "summary.geojson") as place:
            place.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        self._written = time.monotonic()
