"""What a batch would take: the sum over its scenes, with one trial of the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadex.config import RunConfig
from roadex.errors import RoadexError, SceneError
from roadex.imagery.scene_list import ListedScene
from roadex.inference.speed_trial import Calibration
from roadex.pipeline.crew import TRACE_MPX_S
from roadex.pipeline.estimate import (
    NETWORK_MPX_S,
    START_S,
    Estimate,
    estimate_plan,
    find_workers,
    try_model,
)
from roadex.pipeline.plan import RunPlan, plan_run

_AT_A_TIME = 8
"""Scenes opened at a time: most of the work is waiting for files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEstimate:
    """The plans of all scenes and what they would take together."""

    estimates: Sequence[Estimate]
    """Of the scenes that can be done; at least one."""

    errors: Mapping[str, str]
    """Why the others cannot be, by name."""

    @property
    def seconds(self) -> dict[str, float] | None:
        """Time of each stage of all scenes if every tile has imagery, in seconds."""
        calibration = self.estimates[0].calibration
        tta = self.estimates[0].config.predict.tta
        return None if calibration is None else self._seconds_with(tta, calibration)

    def _seconds_with(self, tta: str, calibration: Calibration) -> dict[str, float]:
        stages = [estimate.seconds_with(tta, calibration) for estimate in self.estimates]
        total = {stage: sum(seconds[stage] for seconds in stages) for stage in stages[0]}
        workers = self.estimates[0].workers
        if not workers.is_here:
            total["predict"] -= START_S * (len(self.estimates) - 1)
        megapixels = sum(estimate.megapixels for estimate in self.estimates)
        per_mpx = 1 / TRACE_MPX_S / workers.n_vector + 1 / NETWORK_MPX_S
        return total | {"join": megapixels * per_mpx}

    @property
    def disk_bytes(self) -> int:
        """Most space taken at any time: results of all, and what the largest scenes need besides.

        As many as are in flight.
        """
        in_flight = self.estimates[0].config.cluster.scenes_in_flight
        besides = sorted((e.disk_bytes - e.output_bytes for e in self.estimates), reverse=True)
        return self.output_bytes + sum(besides[:in_flight])

    @property
    def output_bytes(self) -> int:
        """Size of the results."""
        return sum(estimate.output_bytes for estimate in self.estimates)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Scenes that cannot be done, and everything doubtful about the others, each once."""
        notes = [f"{name}: {error}" for name, error in self.errors.items()]
        counts = Counter(note for e in self.estimates for note in e.plan.warnings)
        notes += [f"{note} ({n} scenes)" if n > 1 else note for note, n in counts.items()]
        free = self.estimates[0].free_disk_bytes
        if self.disk_bytes > free:
            notes.append(
                f"the batch needs {self.disk_bytes / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are "
                "free"
            )
        return tuple(notes)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values: what is the same for all scenes, and sums."""
        first = self.estimates[0].to_dict()
        same = ("model", "tta", "precision", "tile_size", "workers", "device", "free_disk_bytes")
        seconds, calibration = self.seconds, self.estimates[0].calibration
        return {
            "scenes": len(self.estimates),
            "errors": dict(self.errors),
            "megapixels": round(sum(e.megapixels for e in self.estimates), 3),
            "tiles": sum(len(e.plan.wanted) for e in self.estimates),
            **{name: first[name] for name in same},
            "seconds": seconds and {stage: round(value, 1) for stage, value in seconds.items()},
            "seconds_without_tta": calibration
            and round(sum(self._seconds_with("none", calibration).values()), 1),
            "worker_bytes": max(e.worker_bytes for e in self.estimates),
            "disk_bytes": self.disk_bytes,
            "output_bytes": self.output_bytes,
            "warnings": list(self.warnings),
        }


def estimate_batch(
    scenes: Sequence[ListedScene],
    output: Path,
    *,
    config: RunConfig,
    with_calibration: bool = True,
) -> BatchEstimate:
    """Plan a batch and say what it would take; nothing is written.

    Parameters
    ----------
    scenes
        See :func:`roadex.imagery.scene_list.read_scene_list`.
    output, config, with_calibration
        As in :func:`roadex.pipeline.estimate.estimate_run`.

    Raises
    ------
    SceneError
        If none of the scenes can be done.
    ModelError, ConfigError, RunError
        As the batch would.
    """
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        found = list(pool.map(lambda scene: _plan(scene, config), scenes))
    plans = [plan for plan in found if isinstance(plan, RunPlan)]
    errors = {
        scene.name: str(plan)
        for scene, plan in zip(scenes, found, strict=True)
        if not isinstance(plan, RunPlan)
    }
    if not plans:
        name, error = next(iter(errors.items()))
        msg = f"none of {len(scenes)} scenes can be done; {name}: {error}"
        raise SceneError(msg)
    workers = find_workers(config, None)
    calibration = try_model(plans[0], workers) if with_calibration else None
    return BatchEstimate(
        estimates=[estimate_plan(plan, output, config, workers, calibration) for plan in plans],
        errors=errors,
    )


def _plan(scene: ListedScene, config: RunConfig) -> RunPlan | RoadexError:
    try:
        return plan_run(scene.path, config)
    except SceneError as error:
        return error
