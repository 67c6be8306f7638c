"""What must hold for every input, whatever was done to it.

* A command ends with 0, or with 2 or 3 and one printable line; never with a traceback.
* Nothing but that line reaches standard error, and nothing that steers a terminal any stream.
* What it wrote can be read, and every number in it is finite.
* The input is as it was, with nothing beside it, and no unfinished file is left.

Time and memory are watched from outside, by :mod:`tests.fuzz.watch`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.fuzz.corpus import files_below

LONGEST_LINE = 1500
"""Characters of an error; paths of the temporary folder are in it."""

EXIT_CODES = {0: "accepted", 2: "refused", 3: "refused"}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended."""

    verdict: str
    """``accepted``, ``refused``, or the law that was broken."""

    text: str = ""
    """What it said, or what is wrong."""

    place: str = ""
    """Kind of fault and where in the code, the same for inputs that meet the same fault."""

    output: str = ""
    """What went to standard output."""


def run_command(words: Sequence[str]) -> Ending:
    """Run ``roadex WORDS`` in this process, as the program itself does."""
    from roadex.cli import main

    said, printed, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["roadex", *words]
    code: object = None
    try:
        with (
            _native_output() as native,
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(printed),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("always", RuntimeWarning)
            warnings.simplefilter("always", UserWarning)
            main()
    except SystemExit as end:
        code = end.code
    except MemoryError as error:
        return Ending("memory", traceback.format_exc(), _place(error))
    except Exception as error:  # whatever it is, it is a finding
        text = traceback.format_exc()
        is_memory = "allocate" in str(error) or "bad_alloc" in str(error)
        return Ending("memory" if is_memory else "traceback", text, _place(error))
    finally:
        sys.argv = before
    return _judged(code, said.getvalue(), native(), printed.getvalue())


def check_outputs(folder: Path) -> Ending | None:
    """Return what is wrong with the results in a folder, None if nothing is."""
    for path in files_below(folder):
        if path.name.endswith(".partial") or ".partial." in path.name:
            return Ending("left behind", path.name, f"left behind {path.suffix}")
        check = _CHECKS.get(path.suffix)
        try:
            problem = None if check is None else check(path)
        except Exception:  # a result that cannot be read is a finding
            return Ending("unreadable", traceback.format_exc(), f"unreadable {path.suffix}")
        if problem:
            return Ending("non-finite", f"{path.name}: {problem}", f"{problem} in {path.suffix}")
    return None


def state_of(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder, to see that they stay as they are."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in files_below(folder)}


def _judged(code: object, said: str, native: str, printed: str) -> Ending:
    lines = [line for line in said.splitlines() if line.strip()]
    if code not in EXIT_CODES:
        return Ending("traceback", f"exit code {code}: {said}", f"exit code {code}")
    if native:
        return Ending("noise", native, f"native output: {native[:40]}")
    odd = next((c for c in printed if not c.isprintable() and c not in "\n\t"), None)
    if odd is not None:
        return Ending("noise", printed, f"{odd!r} on standard output")
    if code == 0:
        wrong = lines
    else:
        is_one = len(lines) == 1 and lines[0].startswith("Error: ")
        is_plain = is_one and lines[0].isprintable() and len(lines[0]) <= LONGEST_LINE
        wrong = [] if is_plain else lines or ["nothing was said"]
    if wrong:
        first = next((line for line in wrong if "Warning" in line), wrong[0])
        return Ending("noise", said, f"{len(wrong)} lines: {first[-120:]!r}")
    return Ending(EXIT_CODES[code], said.strip(), output=printed)


@contextlib.contextmanager
def _native_output() -> Iterator[Callable[[], str]]:
    """Catch what libraries write to the file descriptors themselves."""
    with tempfile.TemporaryFile() as file:
        kept = {fd: os.dup(fd) for fd in (1, 2)}
        for fd in kept:
            os.dup2(file.fileno(), fd)
        caught = ""

        def text() -> str:
            return caught

        try:
            yield text
        finally:
            for fd, copy in kept.items():
                os.dup2(copy, fd)
                os.close(copy)
            file.seek(0)
            caught = file.read().decode(errors="replace")


def _place(error: BaseException) -> str:
    """Return the kind of an error and the innermost line of roadex it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}roadex{os.sep}" in frame.filename]
    last = ours[-1] if ours else frames[-1]
    name = last.filename.partition(f"{os.sep}roadex{os.sep}")[2] or last.filename
    return f"{type(error).__name__} at {name}:{last.lineno} {last.name}"


_REQUIRED = {
    "road_edges": ("edge_id", "u", "v", "key", "length_m"), "road_nodes": ("node_id", "degree"),
}  # fmt: skip
"""Columns by layer that hold a number in each row; in other layers the length alone."""


def _check_vectors(path: Path) -> str | None:
    import pyogrio
    import shapely

    for layer, kind in pyogrio.list_layers(path):
        if kind is None:
            continue
        frame = pyogrio.read_dataframe(path, layer=layer)
        geometry = frame.geometry.to_numpy()
        if not np.isfinite(shapely.get_coordinates(geometry)).all():
            return f"coordinates of {layer}"
        for name in frame.select_dtypes("number"):
            values = frame[name].to_numpy(dtype=float, na_value=np.nan)
            if np.isinf(values).any():
                return f"column {name} of {layer}"
            is_known = name in _REQUIRED.get(layer, ("length_m",))
            if is_known and not np.isfinite(values).all():
                return f"NULL in column {name} of {layer}"
    return None


def _check_json(path: Path) -> str | None:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except ValueError as error:
        return f"no JSON ({str(error)[:40]})"
    return None


def _check_geojson(path: Path) -> str | None:
    return _check_json(path) or _check_vectors(path)


def _check_raster(path: Path) -> str | None:
    import rasterio

    with rasterio.open(path) as raster:
        if not np.isfinite(list(raster.transform)).all():
            return "transform"
        values = raster.read(1)
        if values.dtype != np.uint8 or raster.scales[0] != 1 / 254:
            return f"probability as {values.dtype}, scale {raster.scales[0]}"
    return None


def _check_model(path: Path) -> str | None:
    import torch

    from roadex.models.modelfile import load_model

    model = load_model(path)
    json.dumps(dict(model.metadata.validation), allow_nan=False)
    weights = model.network.state_dict().values()
    return None if all(torch.isfinite(w).all() for w in weights) else "weights"


_CHECKS: dict[str, Callable[[Path], str | None]] = {
    ".gpkg": _check_vectors, ".fgb": _check_vectors, ".geojson": _check_geojson,
    ".json": _check_json, ".tif": _check_raster, ".safetensors": _check_model,
}  # fmt: skip
"""How results are read back, by suffix."""
