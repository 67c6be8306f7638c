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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.mutations import Mutant

CPU_S = 90
"""Processor time of one trial; a mutant that needs more has lost its way."""

CLOCK_S = 900
"""And on the clock, whatever else the machine does."""

_FIRST = 20
"""So many tests are run alone before the rest: most mutants end there, and few files are read."""

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
    """Where mutants are tried.

    Parameters
    ----------
    checkout
        The copy.
    compiled_with
        Names the modules whose machine code can hold what a module computes.
    """

    def __init__(self, checkout: Path, compiled_with: Callable[[str], set[str]]) -> None:
        self._checkout = checkout
        self._compiled_with = compiled_with
        self._sound: set[str] = set()

    def verdict(self, mutant: Mutant, tests: Sequence[str]) -> tuple[str, str]:
        """Return ``killed``, ``timeout`` or ``survived``, and the test that failed or why.

        A test that fails without the mutant too is no witness: it is left out.
        """
        if not tests:
            return "survived", "no test runs this line"
        for batch in (tests[:_FIRST], tests[_FIRST:]):
            ending = self._of_batch(mutant, list(batch))
            if ending[0] != "survived":
                return ending
        return "survived", ""

    def _of_batch(self, mutant: Mutant, left: list[str]) -> tuple[str, str]:
        while left:
            with _changed(self._checkout, mutant, self._compiled_with(mutant.path)):
                ending, failed = run_tests(self._checkout, left)
            if ending != "killed" or (failed and failed in self._sound):
                return ending, failed
            witness = failed or left[0]  # without one the code cannot even be imported
            if run_tests(self._checkout, [witness])[0] == "survived":
                self._sound.add(witness)
                return ending, failed
            if not failed:
                msg = f"{witness} cannot be run without any mutant either"
                raise RuntimeError(msg)
            left.remove(failed)
        return "survived", ""


@contextmanager
def _changed(checkout: Path, mutant: Mutant, compiled: set[str]) -> Iterator[None]:
    """Have a mutant in the copy, for as long as the block lasts.

    Machine code is kept by the age of its own module, but holds that of others, too: all of it
    that may hold the mutant is made anew, and put back afterwards.
    """
    path = checkout / mutant.path
    content = path.read_bytes()
    modules = {path, *(checkout / name for name in compiled)}
    ages = {module: module.stat().st_mtime_ns for module in modules}
    kept = {file: file.read_bytes() for file in _machine_code(modules)}
    try:
        for module in modules:
            os.utime(module)
        path.write_bytes(mutant.apply(content))
        yield
    finally:
        path.write_bytes(content)
        for file in _machine_code(modules):
            file.unlink()
        for file, code in kept.items():
            file.write_bytes(code)
        for module, age in ages.items():
            os.utime(module, ns=(age, age))


def _machine_code(modules: set[Path]) -> list[Path]:
    """Return the files in which numba keeps what it has compiled of modules."""
    return [f for m in modules for f in (m.parent / "__pycache__").glob(f"{m.stem}.*.nb[ic]")]


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
    return "killed", max(failed, key=len, default="")


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
