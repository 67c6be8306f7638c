"""The mutation testing itself: what it changes, which tests it runs, and what it calls killed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import coverage
import pytest

from tests.mutants.__main__ import report, sample
from tests.mutants.mutations import mutants_of
from tests.mutants.reach import BUDGET_S, Reach

ROOT = Path(__file__).parents[2]

CODE = b'''"""A page."""
from x import y

def grow(a: int = 2, *, flag: bool = True) -> int:
    """Grow."""
    if a < 0 or not flag:
        raise ValueError(f"{a + 1} is wrong")
    for k in range(a):
        if flag:
            continue
        y(k)
        a += k
    y.last[k] = -a
    return a * 2.5
'''


def test_each_kind_of_change_is_made_and_texts_and_types_are_left():
    made = [(m.kind, m.old.split("\n")[0], m.new) for m in mutants_of("a.py", CODE)]
    assert made == [
        ("constant", "2", "(3)"),
        ("constant", "True", "False"),
        ("and-or", "a < 0 or not flag", "(a < 0 and (not flag))"),
        ("compare", "a < 0", "(a <= 0)"),
        ("constant", "0", "(1)"),
        ("sign", "not flag", "(flag)"),
        ("lost", 'raise ValueError(f"{a + 1} is wrong")', "pass"),
        ("condition", "flag", "(not flag)"),
        ("lost", "continue", "pass"),
        ("lost", "y(k)", "pass"),
        ("lost", "a += k", "pass"),
        ("lost", "y.last[k] = -a", "pass"),
        ("sign", "-a", "(a)"),
        ("return", "return a * 2.5", "return None"),
        ("calculate", "a * 2.5", "(a / 2.5)"),
        ("constant", "2.5", "(5.0)"),
    ]


def test_a_mutant_is_valid_code_that_differs_in_one_place():
    before = ast.dump(ast.parse(CODE))
    for mutant in mutants_of("a.py", CODE):
        after = mutant.apply(CODE)
        assert ast.dump(ast.parse(after)) != before
        start, stop = mutant.span
        assert after == CODE[:start] + mutant.new.encode() + CODE[stop:]


def test_columns_are_counted_in_bytes():
    source = 's = "ä"; n = 1 + 2\n'.encode()
    changed = [m.apply(source).decode() for m in mutants_of("a.py", source)]
    assert 's = "ä"; n = (1 - 2)\n' in changed


def test_the_sample_grows_and_does_not_change_with_code_elsewhere(tmp_path):
    room = tmp_path / "roadex" / "network"
    room.mkdir(parents=True)
    (room / "a.py").write_bytes(CODE)
    names = [m.name for m in sample(tmp_path, count=8, seed=3)]
    assert len(set(names)) == 8
    assert [m.name for m in sample(tmp_path, count=5, seed=3)] == names[:5]
    assert [m.name for m in sample(tmp_path, count=8, seed=4)] != names
    (room / "a.py").write_bytes(b"def first():\n    return 1\n\n" + CODE)
    kept = [m.name for m in sample(tmp_path, count=11, seed=3)]
    assert [name for name in kept if ":first:" not in name][:8] == names


def test_every_module_of_the_rooms_has_a_sound_name_for_each_mutant():
    names = [mutant.name for mutant in sample(ROOT, count=100_000, seed=0)]
    assert len(names) == len(set(names)) > 5000


@pytest.fixture
def checkout(tmp_path):
    """Return a checkout with a module, a kernel and a record of five tests."""
    package = tmp_path / "roadex"
    package.mkdir()
    (package / "a.py").write_text(
        "LIMIT = 5\n\n"
        "def large(x):\n    return x > LIMIT\n\n"
        "@kernel\ndef _inner(x):\n    return x + 1\n\n"
        "@kernel\ndef _outer(x):\n    return _inner(x)\n\n"
        "def call(x):\n    return _outer(x)\n\n"
        "def prepare(x):\n    return x - 1\n"
    )
    data = coverage.CoverageData(str(tmp_path / "record"))
    for name, line in [
        ("t::slow|run", 4), ("t::fast (call)", 4), ("t::calls|run", 15), ("", 1),
        ("u::first|setup", 18),
    ]:  # fmt: skip
        data.set_context(name)
        data.add_lines({str(package / "a.py"): [line]})
    data.write()
    times = {
        "t::slow": [BUDGET_S, "passed"], "t::fast": [0.1, "passed"], "t::calls": [1, "passed"],
        "u::first": [2, "passed"], "u::second": [0.2, "passed"],
    }  # fmt: skip
    (tmp_path / "times").write_text(json.dumps(times))
    return tmp_path


def test_tests_of_a_line_come_fastest_first_within_the_budget(checkout):
    reach = Reach(checkout, checkout / "record", checkout / "times")
    by_code = {m.old: m for m in mutants_of("roadex/a.py", (checkout / "roadex/a.py").read_bytes())}
    assert reach.tests_of(by_code["x > LIMIT"]) == ["t::fast"]
    assert reach.tests_of(by_code["return _outer(x)"]) == ["t::calls"]


def test_compiled_code_has_the_tests_of_its_callers_and_constants_those_of_the_module(checkout):
    reach = Reach(checkout, checkout / "record", checkout / "times")
    by_code = {m.old: m for m in mutants_of("roadex/a.py", (checkout / "roadex/a.py").read_bytes())}
    assert reach.tests_of(by_code["x + 1"]) == ["t::calls"]
    assert reach.tests_of(by_code["5"]) == ["t::fast", "u::second", "t::calls", "u::first"]


def test_what_a_fixture_runs_has_all_tests_of_the_file(checkout):
    reach = Reach(checkout, checkout / "record", checkout / "times")
    by_code = {m.old: m for m in mutants_of("roadex/a.py", (checkout / "roadex/a.py").read_bytes())}
    assert reach.tests_of(by_code["x - 1"]) == ["u::second", "u::first"]


def test_equivalent_mutants_are_not_counted_and_timeouts_are_killed():
    results = [
        {"name": f"roadex/{room}/a.py:f:compare:{i}", "verdict": verdict, "why": "", "old": "a < b",
         "new": "(a <= b)", "line": "3"}
        for i, (room, verdict) in enumerate(
            [("network", "killed"), ("network", "timeout"), ("imagery", "survived"),
             ("pipeline", "survived")]
        )
    ]  # fmt: skip
    text, share = report(results, {"roadex/pipeline/a.py:f:compare:3": "why"})
    assert share == pytest.approx(2 / 3)
    assert "equivalent, not counted: 1" in text
    assert "roadex/imagery/a.py:f:compare:2, line 3" in text
    assert "roadex/pipeline/a.py:f:compare:3" not in text


TRIALS = """
import sys
from pathlib import Path
from tests.mutants import trial
from tests.mutants.mutations import mutants_of

trial.HEAVY, trial.CPU_S = ("hypothesis", "pytest"), 5
checkout, path = Path(sys.argv[1]), "roadex/a.py"
source = (checkout / path).read_bytes()
laboratory = trial.Laboratory(checkout, lambda path: set())
trial.warm_up()
tests = ["tests/test_a.py::test_that_fails_anyway", "tests/test_a.py::test_large"]
for mutant in mutants_of(path, source):
    print(mutant.old, *laboratory.verdict(mutant, tests), sep="|")
assert (checkout / path).read_bytes() == source
"""


@pytest.mark.slow
def test_mutants_are_killed_survive_or_run_out_of_time_in_a_copy(tmp_path):
    (tmp_path / "roadex").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = ["-ra"]\n')
    (tmp_path / "roadex" / "__init__.py").touch()
    (tmp_path / "roadex" / "a.py").write_text(
        "def large(x):\n    while x > 9:\n        x -= 1\n    return x >= 8\n"
    )
    (tmp_path / "tests" / "test_a.py").write_text(
        "from roadex.a import large\n\n"
        "def test_that_fails_anyway():\n    assert False\n\n"
        "def test_large():\n    assert large(8) and large(11) and not large(3)\n"
    )
    command = [sys.executable, "-c", TRIALS, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    verdicts = dict(line.split("|", 1) for line in done.stdout.splitlines() if "|" in line)
    witness = "tests/test_a.py::test_large"
    assert verdicts["return x >= 8"] == f"killed|{witness}"
    assert verdicts["x -= 1"] == "timeout|"
    assert verdicts["x > 9"] == "survived|"
