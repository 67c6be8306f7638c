"""Stands for :mod:`tests.fuzz.worker` in tests of the watch: it does what it is asked for wrong."""

from __future__ import annotations

import json
import os
import sys
import time

DONE = {
    "verdict": "accepted", "text": "", "place": "", "note": "", "seconds": 0.1, "bytes": 10_000_000,
}  # fmt: skip


def main() -> None:
    """Answer ``KIND:...``: the kind says in which way to fail."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        match line.split(":")[0]:
            case "crash":
                os.abort()
            case "busy":
                while True:
                    pass
            case "asleep":
                time.sleep(1000)
            case "large":
                kept = bytearray(400_000_000)
                time.sleep(1000)
                del kept
            case "peak":
                print(json.dumps(DONE | {"bytes": 3_000_000_000}), flush=True)
            case _:
                print(json.dumps(DONE), flush=True)


if __name__ == "__main__":
    main()
