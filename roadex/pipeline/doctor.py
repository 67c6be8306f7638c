"""Checks of the installation: versions, GPU, GDAL, memory, disk, Dask, store."""

from __future__ import annotations

import os
import platform
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import get_args

import psutil
import rasterio
from rasterio.drivers import raster_driver_extensions

import roadex
from roadex.config import DEFAULT_MODEL, ClusterConfig
from roadex.config.vector import CleaningStep
from roadex.errors import ExtensionError, RoadexError
from roadex.extensions import Extension, Family, find_extension, installed_extensions
from roadex.models import REGISTRY, has_network
from roadex.models.modelfile import model_path, read_metadata
from roadex.outputs import WRITERS
from roadex.pipeline.capacity import WORKER_BYTES, default_workers
from roadex.pipeline.cluster import connect
from roadex.pipeline.gpus import torch_has_cuda, usable_gpu, visible_gpus
from roadex.pipeline.precision import int8_form_to_use, multiplies_int8
from roadex.probability.object_store import ObjectStore
from roadex.scoring.metrics import LINE_METRICS, PIXEL_METRICS
from roadex.training.datasets.description import LAYOUTS
from roadex.training.losses import LOSSES

PASSED, DOUBTFUL, FAILED = "ok", "warning", "failed"

PACKAGES = ("roadex", "torch", "rasterio", "geopandas", "shapely", "numba", "dask", "distributed")
OPTIONAL = ("openvino", "dask-cuda", "dask-jobqueue", "s3fs")
DRIVERS = ("GTiff", "COG", "VRT", "PNG", "JP2OpenJPEG")

_DISK_BYTES = 5 * 10**9

_OWN: Mapping[Family, Collection[str]] = {
    Family.NETWORKS: REGISTRY,
    Family.LOSSES: LOSSES,
    Family.METRICS: {*PIXEL_METRICS, *LINE_METRICS},
    Family.OUTPUTS: WRITERS,
    Family.DATASETS: LAYOUTS,
    Family.CLEANING_STEPS: get_args(CleaningStep),
    Family.AUGMENTATIONS: (),
}
"""Names that extensions cannot have."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked."""

    name: str
    state: str
    """:data:`PASSED`, :data:`DOUBTFUL` or :data:`FAILED`."""

    detail: str


def check_installation(config: ClusterConfig, folder: Path) -> Iterator[Check]:
    """Check one thing after the other.

    Parameters
    ----------
    config
        Its scheduler, if any, is connected to and its store, if any, is written to.
    folder
        Where results would go.
    """
    yield Check("python", PASSED, f"{platform.python_version()} on {platform.platform()}")
    for package in PACKAGES:
        yield _package(package, needed=True)
    for package in OPTIONAL:
        yield _package(package, needed=False)
    yield from _gdal()
    yield _guarded("model", _model)
    yield _guarded("precision", _precision)
    yield _gpu()
    yield _memory()
    yield _disk(folder)
    yield from _extensions()
    yield _guarded("dask", lambda: _dask(config))
    if config.store is not None:
        yield _guarded("store", lambda: _store(str(config.store)))


def _guarded(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, PASSED, check())
    except RoadexError as error:
        return Check(name, FAILED, str(error))


def _package(name: str, *, needed: bool) -> Check:
    try:
        return Check(name, PASSED, version(name))
    except PackageNotFoundError:
        return Check(
            name, FAILED if needed else PASSED, "not installed" + " (optional)" * (not needed)
        )


def _gdal() -> Iterator[Check]:
    with rasterio.Env() as environment:
        drivers = environment.drivers()
    missing = [name for name in DRIVERS if name not in drivers]
    detail = f"{rasterio.__gdal_version__}, {len(drivers)} drivers"
    if missing:
        yield Check("gdal", DOUBTFUL, f"{detail}, without {', '.join(missing)}")
    else:
        yield Check("gdal", PASSED, f"{detail}, {len(raster_driver_extensions())} kinds of raster")


def _model() -> str:
    metadata = read_metadata(model_path(DEFAULT_MODEL))
    return f"{metadata.name}, {metadata.gsd_m:g} m"


def _precision() -> str:
    form = int8_form_to_use("auto", model_path(DEFAULT_MODEL), ClusterConfig())
    if form is not None:
        return "int8; --precision float32 for the reference"
    if visible_gpus():
        return "float32, on the GPU"
    if not multiplies_int8():
        return "float32; this processor is not known to be made for 8-bit integers"
    return "float32; pip install 'roadex[int8]' makes the network three times as fast"


def _extensions() -> Iterator[Check]:
    """Import what installed packages add, and refuse names that are taken."""
    found = [extension for family in Family for extension in installed_extensions(family)]
    if not found:
        yield Check("extensions", PASSED, "none installed")
    for extension in found:
        yield _guarded("extension", partial(_usable, extension))


def _usable(extension: Extension) -> str:
    family, name = extension.family, extension.name
    if _is_taken(family, name):
        msg = (
            f"{extension} has a name that roadex has itself, and is not used: rename it, or "
            f"uninstall {extension.package}"
        )
        raise ExtensionError(msg)
    if family is Family.OUTPUTS and not name.startswith("."):
        msg = f"{extension}: an output format is named by the ending of its files, such as .wkt"
        raise ExtensionError(msg)
    find_extension(family, name)
    extension.load()
    return str(extension)


def _is_taken(family: Family, name: str) -> bool:
    if family is Family.OUTPUTS:
        return any(name.lower().endswith(ending) for ending in WRITERS)
    return name in _OWN[family] or (family is Family.NETWORKS and has_network(name))


def _gpu() -> Check:
    gpus = visible_gpus()
    if not gpus:
        return Check("gpu", PASSED, "none; inference runs on the CPU")
    if not torch_has_cuda():
        return Check("gpu", DOUBTFUL, f"{len(gpus)}, but torch is a build without CUDA")
    name = usable_gpu()
    if name is None:
        return Check(
            "gpu", FAILED, f"{len(gpus)}, but torch cannot use them: is the driver too old?"
        )
    return Check("gpu", PASSED, f"{len(gpus)} x {name}")


def _memory() -> Check:
    free = psutil.virtual_memory().available
    detail = (
        f"{free / 1e9:.1f} GB free, {os.cpu_count()} cores: {default_workers()} workers by default"
    )
    return Check("memory", PASSED if free > WORKER_BYTES else DOUBTFUL, detail)


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    return Check(
        "disk", PASSED if free > _DISK_BYTES else DOUBTFUL, f"{free / 1e9:.1f} GB free at {folder}"
    )


def _dask(config: ClusterConfig) -> str:
    if config.scheduler is None and config.scheduler_file is None:
        return "no --scheduler given; runs start their own workers"
    with connect(config) as client:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        versions = sorted(set(client.run(_roadex_version).values()))
        n_gpu = sum(worker["resources"].get("GPU", 0) > 0 for worker in workers)
    detail = f"{len(workers)} workers, {n_gpu} with a GPU, roadex {', '.join(versions)}"
    if not workers or versions != [_roadex_version()]:
        msg = f"{detail}; there must be workers with roadex {_roadex_version()}, as here"
        raise RoadexError(msg)
    return detail


def _roadex_version() -> str:
    return roadex.__version__


def _store(url: str) -> str:
    store = ObjectStore(f"{url.rstrip('/')}/roadex-doctor-{uuid.uuid4().hex[:8]}")
    store.put("probe", b"roadex")
    found = store.get("probe")
    store.remove()
    if found != b"roadex":
        msg = f"{url} does not return what was written to it"
        raise RoadexError(msg)
    return f"{url} can be written, read and emptied"
