"""Mutants in a copy of the checkout, each in a fork of a process that has imported much."""

from __future__ import annotations

import importlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.mutations import Mutant

CPU_S = 90
"""Processor time of one trial; a mutant that needs more has lost its way."""

CLOCK_S = 900
"""And on the clock, whatever else the machine does."""

HEAVY = (
    "torch", "numba", "rasterio", "geopandas", "pyogrio", "pyarrow", "pandas", "shapely",
    "scipy.ndimage", "scipy.spatial", "skimage.morphology", "networkx", "distributed", "fsspec",
    "hypothesis.extra.numpy", "rich.progress", "click", "timm", "segmentation_models_pytorch",
    "matplotlib.pyplot", "pytest",
)  # fmt: skip
"""What the package and its tests import."""


def copy_checkout(root: Path, to: Path) -> None:
    """Copy what git knows or would add; files that have not changed stay as they are."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        source, target = root / name, to / name
        if not source.is_file():
            continue
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def warm_up() -> None:
    """Import everything but the package."""
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in HEAVY:
        importlib.import_module(name)


class Laboratory:
    """Where mutants are tried; ``kernels`` are the modules with compiled functions."""

    def __init__(self, checkout: Path, kernels: set[str]) -> None:
        self._checkout = checkout
        self._kernels = kernels
        self._sound: set[str] = set()

    def verdict(self, mutant: Mutant, tests: Sequence[str]) -> tuple[str, str]:
        """Return ``killed``, ``timeout`` or ``survived``, and the test that failed or why.

        A test that fails without the mutant too is no witness: it is left out.
        """
        left = list(tests)
        while left:
            with _Changed(self._checkout, mutant, self._kernels):
                ending, failed = run_tests(self._checkout, left)
            if ending != "killed" or failed in self._sound:
                return ending, failed
            if run_tests(self._checkout, [failed])[0] == "survived":
                self._sound.add(failed)
                return ending, failed
            left.remove(failed)
        return "survived", "no test runs this line"


class _Changed:
    """A mutant in the copy, for as long as the block lasts."""

    def __init__(self, checkout: Path, mutant: Mutant, kernels: set[str]) -> None:
        self._path = checkout / mutant.path
        self._mutant = mutant
        # Machine code is kept by the age of its own module, and holds that of others it calls.
        self._aged = [checkout / name for name in kernels] if mutant.path in kernels else []

    def __enter__(self) -> None:
        self._kept = self._path.read_bytes(), self._path.stat().st_mtime_ns
        for path in self._aged:
            os.utime(path)
        self._path.write_bytes(self._mutant.apply(self._kept[0]))

    def __exit__(self, *_: object) -> None:
        content, age = self._kept
        self._path.write_bytes(content)
        os.utime(self._path, ns=(age, age))
        for path in self._aged:
            os.utime(path)


def run_tests(checkout: Path, tests: Sequence[str]) -> tuple[str, str]:
    """Run tests in a fork until one fails; return how it ended and which one that was."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        child = os.fork()
        if child == 0:
            _become_pytest(checkout, tests, log, folder)
        status = _wait(child)
        said = log.read_text(errors="replace") if log.exists() else ""
    if status is None or status == -signal.SIGXCPU:
        return "timeout", ""
    if status == 0:
        return "survived", ""
    if status in (4, 5) and "not found:" in said:
        msg = f"tests of the record are not there any more, record anew:\n{said[-2000:]}"
        raise RuntimeError(msg)
    failed = [test for test in tests if f"FAILED {test}" in said or f"ERROR {test}" in said]
    return "killed", max(failed, key=len, default=tests[0])


def _become_pytest(checkout: Path, tests: Sequence[str], log: Path, scratch: str) -> None:
    code = 70
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 5))
        to = os.open(log, os.O_WRONLY | os.O_CREAT)
        for number in (1, 2):
            os.dup2(to, number)
        os.chdir(checkout)
        sys.path[:] = [str(checkout), *(p for p in sys.path if p not in ("", os.fspath(checkout)))]
        for name in [n for n in sys.modules if n.split(".")[0] in ("tests", "roadex")]:
            del sys.modules[name]
        os.environ |= {
            "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": scratch,
        }  # fmt: skip
        sys.dont_write_bytecode = True
        tempfile.tempdir = None
        code = _pytest(tests)
    finally:
        os._exit(code)


def _pytest(tests: Sequence[str]) -> int:
    import hypothesis
    import pytest

    # A failure is enough; its simplest form is not looked for.
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutants", phases=phases, database=None, deadline=None)
    hypothesis.settings.load_profile("mutants")
    options = ["-x", "-q", "-p", "no:cacheprovider", "--tb=line", "--hypothesis-seed=0"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what is imported already
    return int(pytest.main([*options, *tests]))


def _wait(child: int) -> int | None:
    """Return the exit code, or minus the signal, of a child; None if it had to be stopped."""
    end = time.monotonic() + CLOCK_S
    try:
        while time.monotonic() < end:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        return None
    finally:
        # With the programs that tests have started and left.
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            pass
        else:
            if time.monotonic() >= end:
                os.waitpid(child, 0)
