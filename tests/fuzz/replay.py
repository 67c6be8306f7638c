"""One input again, in this process: its files stay, and what was wrong is shown."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.fuzz.cases import Bench, run_case
from tests.fuzz.kinds import KINDS
from tests.fuzz.worker import prepare


def replay(name: str, keep: Path) -> int:
    """Run ``KIND:SEED:NUMBER``, keep its input and outputs, and print what it came to.

    Returns
    -------
    status
        1 if a law is broken, else 0.
    """
    kind, seed, number = name.split(":")
    with tempfile.TemporaryDirectory(prefix="roadex-fuzz-") as folder:
        bench = Bench(Path(folder))
        prepare(bench, [kind])
        ending, note = run_case(KINDS[kind], int(seed), int(number), bench)
        kept = keep / f"replay-{name.replace(':', '-')}"
        shutil.rmtree(kept, ignore_errors=True)
        for part in (bench.inputs, bench.work, bench.outputs):
            shutil.copytree(part, kept / part.name)
    print(f"{ending.verdict} {ending.place}\n{note}\n{ending.text}\ninput and results: {kept}")
    return int(ending.verdict not in ("accepted", "refused"))
