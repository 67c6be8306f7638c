"""What a run leaves behind: its files, and a report of how they came about."""

from __future__ import annotations

import json
import os
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import CRS

from roadex.config import ClusterConfig, RunConfig
from roadex.errors import public
from roadex.imagery.geodesy import outline_in_degrees
from roadex.network.road_network import RoadNetwork
from roadex.pipeline.plan import RunPlan
from roadex.pipeline.predict import Failures
from roadex.pipeline.result import ResultPaths
from roadex.pipeline.resume import Claim, claim

_REPORTED_PACKAGES = ("roadex", "torch", "rasterio", "shapely", "geopandas", "numpy", "distributed")


@dataclass(frozen=True, slots=True)
class RunFolder(ResultPaths):
    """The output folder of a run: what is there already, and what may be written."""

    def read_report(self) -> dict[str, Any]:
        """Return what the report says; nothing where there is none yet, or a damaged one."""
        try:
            content: dict[str, Any] = json.loads(self.report.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return {}
        return content

    def claim(
        self, plan: RunPlan, config: ClusterConfig, *, overwrite: bool
    ) -> AbstractContextManager[Claim]:
        """Take the folder for this process, see :func:`roadex.pipeline.resume.claim`.

        Results with holes may always be replaced.
        """
        has_holes = bool(self.read_report().get("result", {}).get("failed_tiles"))
        allowed = overwrite or has_holes
        return claim(self.probability, plan, config, others=self.all, overwrite=allowed)


def summarise(
    network: RoadNetwork,
    plan: RunPlan,
    *,
    seconds: dict[str, float],
    peak_memory_bytes: int,
    failures: Failures,
) -> dict[str, Any]:
    """Return the figures of a run, see :attr:`roadex.RunResult.summary`."""
    megapixels = float(np.prod(plan.grid.shape)) / 1e6
    edges = network.edges
    return {
        "road_km": round(float(edges["length_m"].sum()) / 1000, 3),
        "edges": len(edges),
        "nodes": len(network.nodes),
        "components": int(edges["component_id"].nunique()),
        "megapixels": round(megapixels, 3),
        "megapixels_per_second": round(megapixels / max(1e-9, sum(seconds.values())), 3),
        "seconds": {stage: round(value, 2) for stage, value in seconds.items()},
        "peak_memory_bytes": peak_memory_bytes,
        "failed_tiles": failures.reasons,
        "warnings": [*plan.warnings, *failures.warnings],
    }


def provenance(plan: RunPlan, config: RunConfig) -> dict[str, Any]:
    """Return how a network came about, as it goes into the network file and the report.

    Nothing in it depends on when or where a run takes place, so equal runs give equal files;
    ``created`` is the time of the imagery, the time of the run is in the report.
    """
    return {
        "roadex": version("roadex"),
        "created": plan.scene.modified,
        "scene": {
            "files": [Path(path).name for path in plan.scene.paths],
            "shape": plan.scene.shape,
            "crs": plan.scene.crs.to_string(),
            "gsd_m": round(plan.scene.gsd_m, 4),
            "bands": plan.scene.bands,
            "dtype": plan.scene.dtype,
        },
        "work_grid": {
            "shape": plan.grid.shape,
            "crs": plan.grid.crs.to_string(),
            "gsd_m": round(plan.grid.gsd_m, 4),
            "is_native": plan.grid.is_native,
        },
        "model": {"name": plan.model.name, "sha256": plan.model_sha256},
        "config": {name: config.to_dict()[name] for name in ("tiling", "predict", "vector")},
    }


def write_report(
    path: Path, plan: RunPlan, config: RunConfig, *, summary: dict[str, Any], began: float
) -> None:
    """Write ``report.json``."""
    content = provenance(plan, config) | {
        "scene_identity": plan.scene.identity,
        "scene_paths": list(plan.scene.paths),
        "run_key": plan.key,
        "request": plan.request,
        "footprint": outline_in_degrees(
            CRS.from_wkt(plan.scene.crs.to_wkt()), plan.scene.transform, plan.scene.shape
        ),
        "tiles": len(plan.tiles),
        "versions": {name: version(name) for name in _REPORTED_PACKAGES}
        | {"python": platform.python_version()},
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "started": datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"),
        "cluster": config.cluster.to_dict(),
        "result": summary,
    }
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(public(content), indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
