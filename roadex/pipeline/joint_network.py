"""One network of all scenes of a batch, traced in their probability as if it were one raster."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pyproj import CRS

import roadex
from roadex.config import RunConfig
from roadex.errors import OutputError, SceneError
from roadex.extensions import Family, extension_records
from roadex.files import whole_file
from roadex.network.road_network import RoadNetwork
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network
from roadex.outputs.own_files import check_replaceable
from roadex.pipeline.crew import Crew, open_crew
from roadex.pipeline.joining import with_model_thresholds, with_scenes
from roadex.pipeline.report import RunFolder, is_as_reported, network_figures, sha256_of
from roadex.pipeline.tasks import mapper
from roadex.pipeline.vectorize import TILE_SIZE, trace_load
from roadex.probability.joined import JoinedSource, join_sources
from roadex.probability.source import RasterSource

NETWORK, RECORD = "roads.gpkg", "roads.json"

Reports = Mapping[str, Mapping[str, Any]]
"""``report.json`` of each scene that has results, by the name of its folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointNetwork:
    """What became of the network of all scenes; the content of ``roads.json``."""

    request: str
    """Identity of what was asked for."""

    scenes: Sequence[str]
    """Scenes in it; where several see a place equally well the first one counts."""

    left_out: Sequence[str] = ()
    """Scenes of the batch that have no results."""

    result: Mapping[str, Any] = field(default_factory=dict)
    """``road_km, edges, nodes, components, routable_share, confidence``; empty where there is no
    network."""

    reason: str = ""
    """Why there is no network."""

    sha256: Mapping[str, str] = field(default_factory=dict)
    """Of the file ``network`` as it was written, perhaps earlier, of other scenes."""

    roadex: str = field(default_factory=lambda: roadex.__version__)


def join_scenes(
    reports: Reports,
    folder: Path,
    *,
    config: RunConfig,
    left_out: Sequence[str] = (),
    crew: Crew | None = None,
    is_wanted: bool = False,
    overwrite: bool = False,
) -> JointNetwork:
    """Make one network of the results of a batch, ``roads.gpkg`` and ``roads.json`` in its folder.

    A network of the same results and settings is left as it is.

    Parameters
    ----------
    reports
        Of the scenes, in their order.
    folder
        The output of the batch.
    config
        Settings of the run.
    left_out
        Scenes without results.
    crew
        Who is there to work; None is whoever the settings say.
    is_wanted
        Make it also of scenes that do not touch. Otherwise those have none, nor have scenes too far
        apart for one CRS.
    overwrite
        Make it anew, also where it was edited.

    Raises
    ------
    OutputError
        If the network that is there was edited, or cannot be replaced.
    SceneError
        If ``is_wanted`` and the scenes cannot be joined.
    """
    request = _request(reports, config, left_out, is_wanted)
    before = read_joint_network(folder)
    is_same = before is not None and before.request == request and not overwrite
    if before is not None and is_same and ((folder / NETWORK).exists() or not before.result):
        return before
    source, reason = _join(list(reports), folder, is_wanted)
    joint = JointNetwork(
        request=request,
        scenes=list(reports),
        left_out=list(left_out),
        reason=reason,
        sha256={} if before is None else before.sha256,
    )
    if source is not None:
        _check_replaceable(folder, overwrite=overwrite)
        network = _trace(source, reports, config, crew)
        joint = _write(network, joint, reports, folder, config)
    with whole_file(folder / RECORD) as place:
        place.write_text(json.dumps(asdict(joint), indent=1) + "\n", encoding="utf-8")
    return joint


def read_joint_network(folder: Path) -> JointNetwork | None:
    """Return what ``roads.json`` says; None where there is none of roadex."""
    try:
        return JointNetwork(**json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _request(reports: Reports, config: RunConfig, left_out: Sequence[str], is_wanted: bool) -> str:
    """Return the identity of a joint network: what it is made from, and how."""
    settings = config.to_dict()
    parts = {
        "scenes": {name: report["sha256"]["probability"] for name, report in reports.items()},
        "order": list(reports),
        "left_out": list(left_out),
        "settings": {group: settings[group] for group in ("vector", "output")},
        "extensions": extension_records(Family.CLEANING_STEPS, config.vector.add or ()),
        "is_wanted": is_wanted,
        "roadex": roadex.__version__,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _join(names: Sequence[str], folder: Path, is_wanted: bool) -> tuple[JoinedSource | None, str]:
    """Open the probability of all scenes as one, or say why there is to be no joint network."""
    if not names:
        return None, "no scene has results"
    paths = [str(RunFolder(folder / name).probability) for name in names]
    try:
        sources = [RasterSource.open(path, reading="roadex") for path in paths]
        source = join_sources(sources, names)
    except SceneError as error:
        if is_wanted:
            raise
        return None, str(error)
    if source.touch or is_wanted:
        return source, ""
    return None, "no two scenes touch"


def _check_replaceable(folder: Path, *, overwrite: bool) -> None:
    path, before = folder / NETWORK, read_joint_network(folder)
    is_untouched = before is not None and is_as_reported(path, asdict(before), "network")
    if path.exists() and not (is_untouched or overwrite):
        msg = (
            f"{path} is not as a batch wrote it, and would be replaced by the network of all "
            "scenes. Move it, add --overwrite, or leave that network out with --no-join"
        )
        raise OutputError(msg)
    check_replaceable(path, overwrite=True)


def _trace(
    source: JoinedSource, reports: Reports, config: RunConfig, crew: Crew | None
) -> RoadNetwork:
    """Return the network, in the CRS of the scenes where that is one, else that of the grid."""
    stated = {report["scene"]["crs"] for report in reports.values()}
    load = trace_load(source, TILE_SIZE)
    with open_crew(config.cluster, load) if crew is None else nullcontext(crew) as workers:
        network = vectorize(
            source,
            config=with_model_thresholds(config.vector, source),
            tile_size=TILE_SIZE,
            map_tiles=mapper(workers, config.cluster),
            output_crs=CRS.from_user_input(stated.pop()) if len(stated) == 1 else None,
        )
    return with_scenes(network, source, list(reports))


def _write(
    network: RoadNetwork, joint: JointNetwork, reports: Reports, folder: Path, config: RunConfig
) -> JointNetwork:
    path, any_report = folder / NETWORK, next(iter(reports.values()))
    made_by = {
        "roadex": joint.roadex,
        "created": max(report["created"] for report in reports.values()),
        "joined_from": list(joint.scenes),
        "left_out": list(joint.left_out),
        "model": any_report["model"],
        "config": any_report["config"],
    }
    write_network(network, path, provenance=made_by, overwrite=True, config=config.output)
    return replace(joint, result=network_figures(network), sha256={"network": sha256_of(path)})
