"""What a run leaves behind: its files, and a report of how they came about."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import roadex
from roadex.config import ClusterConfig, RunConfig
from roadex.errors import OutputError, public
from roadex.extensions import Family, extension_records
from roadex.files import whole_file
from roadex.network.road_network import RoadNetwork
from roadex.network.surface import PAVED, UNPAVED
from roadex.outputs.report_page import write_report_page
from roadex.pipeline.imagery_of_run import footprint
from roadex.pipeline.plan import RunPlan
from roadex.pipeline.predict_tiles import Failures
from roadex.pipeline.result import ResultPaths
from roadex.pipeline.resume import Claim, claim, is_unfinished
from roadex.probability.completeness import FAMILIAR

_REPORTED_PACKAGES = ("torch", "rasterio", "shapely", "geopandas", "numpy", "distributed")


class Kept(Enum):
    """How much of earlier results is what is asked for now."""

    NOTHING = "nothing"
    PROBABILITY = "probability"
    """The network is not: other thresholds or cleaning."""

    ALL = "all"


def sha256_of(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_as_reported(path: Path, report: dict[str, Any], what: str) -> bool:
    """Return whether a file is the one the report was written for."""
    return path.exists() and sha256_of(path) == report.get("sha256", {}).get(what)


@dataclass(frozen=True, slots=True)
class RunFolder(ResultPaths):
    """The output folder of a run: what is there already, and what may be written."""

    def read_report(self) -> dict[str, Any]:
        """Return what the report says; nothing where there is none, a damaged or a foreign one."""
        try:
            content: Any = json.loads(self.report.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        result = content.get("result") if isinstance(content, dict) else None
        is_own = isinstance(result, dict) and "failed_tiles" in result
        return dict(content) if is_own else {}

    def finished_report(self) -> dict[str, Any]:
        """Return what the report of a finished run says.

        Raises
        ------
        OutputError
            If there is none.
        """
        report = self.read_report()
        if not report:
            msg = (
                f"{self.folder} holds no results of a finished `roadex run`: it has no report.json"
            )
            raise OutputError(msg)
        return report

    def kept(self, plan: RunPlan) -> Kept:
        """Return what of the results in the folder is what the plan asks for."""
        report = self.read_report()
        result = report.get("result")
        if not result or result["failed_tiles"] or report.get("run_key") != plan.key:
            return Kept.NOTHING
        # Another run may have replaced results without coming to its report.
        if is_unfinished(self.probability) or not is_as_reported(
            self.probability, report, "probability"
        ):
            return Kept.NOTHING
        is_same = report.get("request") == plan.request
        return Kept.ALL if is_same and self.network.exists() else Kept.PROBABILITY

    def claim(
        self, plan: RunPlan, config: ClusterConfig, *, overwrite: bool
    ) -> AbstractContextManager[Claim]:
        """Take the folder for this process, see :func:`roadex.pipeline.resume.claim`.

        Results with holes may always be replaced, and a network that is as a run with the same
        probability wrote it.
        """
        report = self.read_report()
        has_holes = bool(report.get("result", {}).get("failed_tiles"))
        is_untouched = not self.network.exists() or is_as_reported(self.network, report, "network")
        is_replaced = self.kept(plan) is Kept.PROBABILITY and is_untouched
        allowed = overwrite or has_holes or is_replaced
        return claim(self.probability, plan, config, others=self.all, overwrite=allowed)


def summarise(
    network: RoadNetwork,
    plan: RunPlan,
    *,
    seconds: dict[str, float],
    peak_memory_bytes: int,
    failures: Failures,
    completeness: float | None,
    issues: dict[str, int],
) -> dict[str, Any]:
    """Return the figures of a run, see :attr:`roadex.RunResult.summary`."""
    megapixels = float(np.prod(plan.grid.shape)) / 1e6
    return {
        **network_figures(network),
        "expected_completeness": None if completeness is None else round(completeness, 2),
        "cleaning": _changes(network.summary["steps"]),
        "issues": issues,
        "surface": _surface(network),
        "megapixels": round(megapixels, 3),
        "megapixels_per_second": round(megapixels / max(1e-9, sum(seconds.values())), 3),
        "seconds": {stage: round(value, 2) for stage, value in seconds.items()},
        "peak_memory_bytes": peak_memory_bytes,
        "failed_tiles": failures.reasons,
        "warnings": [*plan.warnings, *failures.warnings, *_strangeness(completeness)],
    }


def network_figures(network: RoadNetwork) -> dict[str, Any]:
    """Return the figures of a network alone, see :attr:`roadex.RunResult.summary`."""
    edges = network.edges
    return {
        "road_km": round(float(edges["length_m"].sum()) / 1000, 3),
        "edges": len(edges),
        "nodes": len(network.nodes),
        "components": int(edges["component_id"].nunique()),
        "routable_share": _routable_share(network),
        "confidence": _mean_confidence(network),
    }


def _surface(network: RoadNetwork) -> dict[str, Any]:
    """Return kilometres by surface, and why none has one; empty where all can."""
    edges = network.edges
    km = {
        f"{name}_km": round(float(edges.loc[is_it, "length_m"].sum()) / 1000, 3)
        for name, is_it in (
            (PAVED, edges["surface"] == PAVED),
            (UNPAVED, edges["surface"] == UNPAVED),
            ("unknown", edges["surface"].isna()),
        )
    }
    return km | {"reason": network.summary["no_surface"]}


def _changes(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what each cleaning step left, and by how much it changed the length."""
    return [
        {
            "step": step["step"],
            "km": round(step["length_km"], 3),
            "edges": step["n_edges"],
            "change_km": round(step["length_km"] - before["length_km"], 3),
            "change_edges": step["n_edges"] - before["n_edges"],
        }
        for before, step in pairwise(steps)
    ]


def _strangeness(completeness: float | None) -> list[str]:
    """Say where the roads of a place are unlike those the model knows."""
    if completeness is None or completeness >= FAMILIAR:
        return []
    return [
        f"the roads of this place look unlike those the model knows: expect about "
        f"{completeness:.0%} of them in the network. `roadex correct` teaches the "
        "model with about twenty corrections"
    ]


def _routable_share(network: RoadNetwork) -> float:
    """Return the share of the length that is in the largest component; 0 without roads."""
    lengths = network.edges.groupby("component_id")["length_m"].sum()
    return round(float(lengths.max() / lengths.sum()), 4) if len(lengths) else 0.0


def _mean_confidence(network: RoadNetwork) -> float | None:
    """Return the mean confidence of the edges by their length; None without roads."""
    edges = network.edges[["confidence", "length_m"]].dropna()
    total = float(edges["length_m"].sum())
    share = float((edges["confidence"] * edges["length_m"]).sum()) / total if total else None
    return None if share is None else round(share, 3)


def provenance(plan: RunPlan, config: RunConfig) -> dict[str, Any]:
    """Return how a network came about, as it goes into the network file and the report.

    Nothing in it depends on when or where a run takes place, so equal runs give equal files;
    ``created`` is the time of the imagery, the time of the run is in the report.
    """
    added = extension_records(Family.CLEANING_STEPS, config.vector.add or ())
    extensions = [*plan.extensions, *added]
    return {
        "roadex": roadex.__version__,
        **({"extensions": extensions} if extensions else {}),
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
        "model": {
            "name": plan.model.name,
            "sha256": plan.model_sha256,
            "precision": plan.precision,
            "int8_sha256": plan.int8_sha256,
        },
        "config": _settings(config),
    }


def _settings(config: RunConfig) -> dict[str, Any]:
    """Return what decides the network, without folders of this machine."""
    values = config.to_dict()
    kept = {name: values[name] for name in ("tiling", "predict", "vector")}
    for name in ("model", "aoi"):
        if kept["predict"][name] is not None:
            kept["predict"][name] = Path(kept["predict"][name]).name
    return kept


def write_report(
    paths: ResultPaths,
    plan: RunPlan,
    config: RunConfig,
    network: RoadNetwork,
    *,
    summary: dict[str, Any],
    began: float,
) -> None:
    """Write ``report.json``, and ``report.html`` for people."""
    content = provenance(plan, config) | {
        "sha256": {
            "network": sha256_of(paths.network),
            "probability": sha256_of(paths.probability),
        },
        "scene_identity": plan.scene.identity,
        "scene_paths": list(plan.scene.paths),
        "run_key": plan.key,
        "request": plan.request,
        "footprint": footprint(plan.scene),
        "tiles": len(plan.wanted),
        "versions": {"roadex": roadex.__version__}
        | {name: version(name) for name in _REPORTED_PACKAGES}
        | {"python": platform.python_version()},
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "started": datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"),
        "cluster": config.cluster.to_dict(),
        "result": summary,
    }
    report = json.loads(json.dumps(public(content)))
    write_report_page(paths.page, report, network.edges, paths.preview, plan.grid)
    with whole_file(paths.report) as place:
        place.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
