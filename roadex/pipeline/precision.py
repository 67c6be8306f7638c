"""Which numbers a run computes with: decided once, before anything is computed."""

from __future__ import annotations

import platform
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from roadex.config import FLOAT16, FLOAT32, INT8, ClusterConfig, PredictConfig
from roadex.errors import ConfigError, ModelError
from roadex.models import require_torch
from roadex.models.int8 import int8_sha256
from roadex.models.modelfile import model_path
from roadex.pipeline.gpus import choose_gpus

_INSTRUCTIONS = {"avx512_vnni", "avx_vnni", "amx_int8"}
"""Of processors that multiply 8-bit integers without loss; others round within sums."""

_CPU_INFO = Path("/proc/cpuinfo")


def int8_form_to_use(wanted: str, model: Path, cluster: ClusterConfig) -> str | None:
    """Return the sha256 of the 8-bit form that a run computes with; None is floating point.

    Parameters
    ----------
    wanted
        ``float32``, ``float16``, ``int8`` or ``auto``.
    model
        The model file.
    cluster
        Where the work is done: what workers of other machines have installed is not known, so
        ``auto`` is float32 there.

    Raises
    ------
    ConfigError
        If int8 is wanted together with GPUs, or float16 without.
    ModelError
        If int8 is wanted and the model has no such form, or OpenVINO is missing here.
    """
    if wanted == FLOAT16 and not cluster.is_remote and not choose_gpus(cluster.gpus):
        msg = "--precision float16 computes on GPUs, and none is used here: leave it out"
        raise ConfigError(msg)
    if wanted in (FLOAT32, FLOAT16):
        return None
    form = int8_sha256(model)
    if wanted != INT8:
        return form if _pays(cluster) else None
    if form is None:
        msg = (
            f"{model.stem} has no 8-bit form. Make one with `roadex models quantize`, or leave out "
            "--precision int8"
        )
        raise ModelError(msg)
    if cluster.is_remote:
        return form
    if find_spec("openvino") is None:
        msg = "--precision int8 needs OpenVINO: pip install 'roadex[int8]'"
        raise ModelError(msg)
    if choose_gpus(cluster.gpus):
        msg = "--precision int8 computes on CPUs, and there are GPUs here: add --gpus none"
        raise ConfigError(msg)
    return form


def require_what_computes(predict: PredictConfig, cluster: ClusterConfig) -> None:
    """Raise :class:`ModelError` where the work is done here and torch, which it needs, is not."""
    if not cluster.is_remote:
        form = int8_form_to_use(predict.precision, model_path(predict.model), cluster)
        if form is None:
            require_torch()


def precision_to_use(wanted: str, int8_form: str | None) -> str:
    """Return ``float32``, ``float16`` or ``int8``, after :func:`int8_form_to_use` has chosen."""
    if int8_form is not None:
        return INT8
    return FLOAT16 if wanted == FLOAT16 else FLOAT32


def values_key(sha256: str, int8_form: str | None, precision: str) -> str:
    """Return what tells values of a model apart from those of another, or in other numbers."""
    return f"{sha256}-{precision}" if precision == FLOAT16 else int8_form or sha256


def _pays(cluster: ClusterConfig) -> bool:
    return (
        not cluster.is_remote
        and find_spec("openvino") is not None
        and multiplies_int8()
        and not choose_gpus(cluster.gpus)
    )


@cache
def multiplies_int8() -> bool:
    """Return whether the processor is known to be made for 8-bit networks; Linux tells."""
    if platform.system() != "Linux" or not _CPU_INFO.exists():
        return False
    lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not _INSTRUCTIONS.isdisjoint(flags.split())
