import json
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from roadex.network import linking
from roadex.network.compiled import kernel
from roadex.network.linking import pair_up, walk_lines
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


def test_kernels_call_each_other_and_run_without_machine_code():
    @kernel
    def double(x):
        return 2 * x

    @kernel
    def quadruple(x):
        return double(double(x))

    assert quadruple(21) == quadruple.interpreted(21) == 84


@pytest.mark.parametrize("seed", range(5))
def test_lines_are_walked_alike_with_and_without_machine_code(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    partner = pair_up(rng.integers(0, 40, 100))
    found = walk_lines(partner)
    monkeypatch.setattr(linking, "_FEW_ENDS", 0)
    for one, other in zip(found, walk_lines(partner), strict=True):
        assert np.array_equal(one, other)
        assert one.dtype == other.dtype


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
