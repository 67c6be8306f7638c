"""``python -m tests.fuzz``: break inputs for a while and say what happened."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path

from tests.fuzz.kinds import KINDS
from tests.fuzz.replay import replay
from tests.fuzz.watch import Result, Worker

COLUMNS = (
    "refused", "accepted", "traceback", "noise", "crash", "hang", "memory", "non-finite",
    "unreadable", "changed", "left behind", "ms",
)  # fmt: skip
"""Endings, as the table lists them, all but the first two faults; and milliseconds for an input."""

_KEPT_OF_A_FAULT = 3


def fuzz(
    kinds: Sequence[str],
    *,
    seed: int,
    seconds: float | None = None,
    inputs: int | None = None,
    first: int = 0,
    keep: Path | None = None,
) -> list[Result]:
    """Run inputs of all kinds in turn, until time or number is reached, or it is interrupted.

    Parameters
    ----------
    kinds
        Their names.
    seed, first
        Number of the first input of each kind; the same seed and number is the same input.
    seconds, inputs
        Time, without that of the start, and inputs of all kinds together; None has no end.
    keep
        Folder for inputs that break a law; three of each fault are kept.
    """
    results: list[Result] = []
    seen: Counter[tuple[str, str]] = Counter()
    worker = Worker(kinds)
    try:
        worker.start()
        end = None if seconds is None else time.monotonic() + seconds
        for kind, number in islice(_in_turn(kinds, first), inputs):
            if end is not None and time.monotonic() > end:
                break
            result = worker.run(kind, seed, number)
            results.append(result)
            seen[result.verdict, result.place] += 1
            is_new = seen[result.verdict, result.place] <= _KEPT_OF_A_FAULT
            if keep is not None and result.is_fault and is_new:
                _keep(result, worker.inputs, keep)
                print(f"{result.verdict:12}{result.name:28}{result.place}", flush=True)
    except KeyboardInterrupt:  # what was found so far is worth seeing
        pass
    finally:
        worker.close()
    return results


def _in_turn(kinds: Sequence[str], first: int) -> Iterator[tuple[str, int]]:
    """Yield kinds and numbers of inputs, round by round, each kind as often as its share says."""
    for turn in count():
        for kind in kinds:
            share = KINDS[kind].share
            yield from ((kind, first + turn * share + i) for i in range(share))


def _keep(result: Result, inputs: Path, keep: Path) -> None:
    folder = keep / result.name.replace(":", "-")
    shutil.rmtree(folder, ignore_errors=True)
    if inputs.exists():
        shutil.copytree(inputs, folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "why.txt").write_text(
        f"{result.verdict}: {result.place}\n{result.note}\n\nAgain: python -m tests.fuzz --replay "
        f"{result.name}\n\n{result.text}\n"
    )


def table(results: Sequence[Result]) -> str:
    """Return how inputs ended, a row for each kind."""
    rows = [("kind", "inputs", *COLUMNS)]
    for name in [*dict.fromkeys(result.kind for result in results), "all"]:
        own = [r for r in results if name in (r.kind, "all")]
        ended = Counter(result.verdict for result in own)
        mean_ms = 1000 * sum(r.seconds for r in own) / max(len(own), 1)
        counts = [str(ended[column]) for column in COLUMNS[:-1]]
        rows.append((name, str(len(own)), *counts, f"{mean_ms:.0f}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(n) for cell, n in zip(row, widths, strict=True)) for row in rows]
    most = max((r.n_bytes for r in results), default=0)
    slowest = max(results, key=lambda r: r.seconds, default=None)
    if slowest is not None:
        lines.append(
            f"slowest: {slowest.name} {slowest.seconds:.1f} s; most memory: {most / 1e9:.2f} GB"
        )
    return "\n".join(lines)


def faults(results: Sequence[Result]) -> str:
    """Return the faults, each with how often it was met and one input that meets it."""
    met: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        if result.is_fault:
            met.setdefault((result.verdict, result.place), []).append(result)
    ordered = sorted(met.items(), key=lambda item: -len(item[1]))
    return "\n".join(f"{len(r):5}  {v}  {place}  ({r[0].name})" for (v, place), r in ordered)


def main() -> None:
    """Read the command line and fuzz."""
    kinds = "\n".join(f"  {kind.name:12} {kind.what}" for kind in KINDS.values())
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, epilog=f"kinds:\n{kinds}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, help="how long; no end without it")
    parser.add_argument("--inputs", type=int, help="how many inputs, of all kinds together")
    parser.add_argument("--seed", type=int, default=0, help="other inputs with another one")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument(
        "--kind", action="append", choices=list(KINDS), metavar="KIND", help="repeatable; all"
    )
    parser.add_argument(
        "--keep", type=Path, default=Path("fuzz-failures"), help="folder for faults"
    )
    parser.add_argument("--replay", metavar="KIND:SEED:NUMBER", help="run one input again")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.replay:
        sys.exit(replay(options.replay, options.keep))
    results = fuzz(
        options.kind or list(KINDS), seed=options.seed, seconds=options.seconds,
        inputs=options.inputs, first=options.first, keep=options.keep,
    )  # fmt: skip
    print(table(results))
    print(faults(results))
    sys.exit(any(result.is_fault for result in results))


if __name__ == "__main__":
    main()
