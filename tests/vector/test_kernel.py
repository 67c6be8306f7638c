import json
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from roadex.network.compiled import kernel
from roadex.network.priority_queue import heap_pop, heap_push
from tests.vector.interpreted import networks

ROOT = Path(__file__).parents[2]


def test_functions_compile_where_nothing_can_be_cached(monkeypatch):
    original = numba.njit

    def without_place(*args, cache=False, **options):
        if cache:
            msg = "cannot cache function: no locator available"
            raise RuntimeError(msg)
        return original(*args, **options)

    monkeypatch.setattr(numba, "njit", without_place)

    @kernel
    def double(x):
        return 2 * x

    assert double(21) == 42


def test_heap_gives_items_by_key_then_by_number():
    rng = np.random.default_rng(0)
    pairs = list(zip(rng.integers(0, 20, 200) / 4, range(200), strict=True))
    keys, items, n = np.empty(200), np.empty(200, dtype=np.int64), 0
    for k in rng.permutation(200):
        n = heap_push(keys, items, n, *pairs[k])
    out = []
    while n:
        key, item, n = heap_pop(keys, items, n)
        out.append((key, item))
    assert out == sorted(pairs)


@pytest.mark.slow
def test_networks_are_the_same_without_compilation():
    # Sums of bytes that wrap around, which machine code does not do, are warnings and thus errors.
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "tests.vector.interpreted"]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    interpreted = json.loads(done.stdout)
    assert sum(len(network["edges"].splitlines()) for network in interpreted.values()) > 50
    assert interpreted == networks()
