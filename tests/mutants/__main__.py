"""``python -m tests.mutants``: try a sample of mutants and say which of them no test notices."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from tests.mutants.mutations import Mutant, mutants_of
from tests.mutants.reach import Reach
from tests.mutants.trial import Laboratory, copy_checkout, warm_up

ROOT = Path(__file__).parents[2]
ROOMS = ("imagery", "probability", "network", "pipeline")
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
"""Mutants that no test can notice, each with the reason."""

LEAST_KILLED = 0.85

MEASURED = f"""\
[run]
source_pkgs = {", ".join(f"roadex.{room}" for room in ROOMS)}
parallel = true
context = ${{PYTEST_CURRENT_TEST-}}
"""
"""Settings of coverage.py for the record: lines, in the rooms that mutants are drawn from."""


def sample(root: Path, *, count: int, seed: int) -> list[Mutant]:
    """Return mutants of the rooms, drawn by their names: those that have not changed stay drawn."""
    found = [
        mutant
        for room in ROOMS
        for path in sorted((root / "roadex" / room).rglob("*.py"))
        for mutant in mutants_of(path.relative_to(root).as_posix(), path.read_bytes())
    ]
    return sorted(found, key=lambda m: sha256(f"{seed}:{m.name}".encode()).digest())[:count]


def record(checkout: Path, folder: Path, tests: Sequence[str]) -> None:
    """Run tests once in the copy and keep which lines each of them runs, and its time.

    All default tests replace the record; some that are named are added to it.
    """
    kept = folder / "times.json", folder / "coverage"
    for path in () if tests else kept:
        path.unlink(missing_ok=True)
    settings = folder / "coveragerc"
    settings.write_text(MEASURED)
    environment = os.environ | {
        "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1",
        "MUTANTS_TIMES": str(kept[0]), "COVERAGE_FILE": str(kept[1]),
        "COVERAGE_PROCESS_START": str(settings),
    }  # fmt: skip
    options = ["-q", "-p", "tests.mutants.times", "--cov", f"--cov-config={settings}"]
    options += ["--cov-append", "--cov-context=test", "--cov-report="]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, *tests]
    status = subprocess.run(command, cwd=checkout, env=environment, check=False).returncode
    if status not in (0, 1):
        msg = f"the tests could not be run, pytest ended with {status}"
        raise RuntimeError(msg)


def try_all(
    mutants: Sequence[Mutant], checkout: Path, folder: Path, *, again: bool
) -> Iterator[dict[str, str]]:
    """Yield the results, those of earlier calls first; each is kept as soon as it is known.

    With ``again``, mutants that survived are tried once more.
    """
    kept = folder / "results.jsonl"
    known = {
        r["name"]: r
        for r in map(json.loads, kept.read_text().splitlines() if kept.exists() else ())
    }
    current = {
        m.name: known[m.name]
        for m in mutants
        if m.name in known
        and (known[m.name]["old"], known[m.name]["new"]) == (m.old, m.new)
        and not (again and known[m.name]["verdict"] == "survived")
    }
    yield from current.values()
    reach = Reach(checkout, folder / "coverage", folder / "times.json")
    laboratory = Laboratory(checkout, reach.kernels.compiled_with)
    for mutant in mutants:
        if mutant.name in current:
            continue
        verdict, why = laboratory.verdict(mutant, reach.tests_of(mutant))
        result = {
            "name": mutant.name, "verdict": verdict, "why": why, "old": mutant.old,
            "new": mutant.new, "line": str(mutant.lines[0]),
        }  # fmt: skip
        with kept.open("a") as file:
            file.write(json.dumps(result) + "\n")
        print(f"{verdict:9} {mutant.name}  {why}", flush=True)
        yield result


def report(results: Sequence[dict[str, str]], equivalent: dict[str, str]) -> tuple[str, float]:
    """Return a table by room with the survivors below, and the share of mutants killed.

    Those that are equivalent to the code count neither as killed nor as survived.
    """
    judged = [r for r in results if r["name"] not in equivalent or r["verdict"] != "survived"]
    rows = [f"{'room':14}{'mutants':>8}{'killed':>8}{'timeout':>8}{'survived':>9}"]
    for room in (*ROOMS, "all"):
        own = [r for r in judged if room in (r["name"].split("/")[1], "all")]
        ended = Counter(r["verdict"] for r in own)
        counts = f"{ended['killed']:8}{ended['timeout']:8}{ended['survived']:9}"
        rows.append(f"{room:14}{len(own):8}{counts}")
    rows.append(f"equivalent, not counted: {len(results) - len(judged)}")
    survived = [r for r in judged if r["verdict"] == "survived"]
    for r in survived:
        rows += [
            f"\n{r['name']}, line {r['line']}  {r['why']}",
            f"  - {r['old']}",
            f"  + {r['new']}",
        ]
    share = 1 - len(survived) / max(len(judged), 1)
    rows.append(f"\nkilled: {share:.1%} of {len(judged)}")
    return "\n".join(rows), share


def main() -> None:
    """Read the command line, try the sample and print the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="mutants in the sample (200)")
    parser.add_argument("--seed", type=int, default=0, help="another one draws another sample")
    parser.add_argument(
        "--folder", type=Path, default=Path("mutants"), help="what is kept (mutants)"
    )
    parser.add_argument("--record", action="store_true", help="run the tests anew for the record")
    parser.add_argument("--again", action="store_true", help="try survivors once more")
    parser.add_argument("tests", nargs="*", help="tests to record; the default ones if left out")
    options = parser.parse_args()
    folder = options.folder.resolve()
    checkout = folder / "checkout"
    copy_checkout(ROOT, checkout)
    has_record = (folder / "times.json").exists() and (folder / "coverage").exists()
    if options.record or not has_record:
        record(checkout, folder, options.tests)
    mutants = sample(checkout, count=options.count, seed=options.seed)
    warm_up()
    results = list(try_all(mutants, checkout, folder, again=options.again))
    text, share = report(results, tomllib.loads(EQUIVALENT.read_text()))
    print(text)
    sys.exit(share < LEAST_KILLED)


if __name__ == "__main__":
    main()
