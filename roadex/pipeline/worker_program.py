"""A worker of this machine as a program of its own: ``python -m roadex.pipeline.worker_program``.

It reads what it is to be from its standard input, one line of JSON, says :data:`READY` when it has
joined the scheduler, and ends when its input is closed: so also when the client is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from typing import Any

READY = "ready"

_CLOSING_SECONDS = 2.0


def main() -> None:
    """Work until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the client ends its workers itself
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads what a library may print
    task = json.loads(sys.stdin.readline())
    try:
        asyncio.run(_work(task, answer))
    except Exception as error:
        answer.write(f"{type(error).__name__}: {error}".replace("\n", " ") + "\n")
        answer.flush()
    os._exit(0)  # without waiting for a tile that is being computed: nobody wants it any more


async def _work(task: dict[str, Any], answer: Any) -> None:
    from distributed import Security, Worker

    class QuietWorker(Worker):
        def start_http_server(self, *_: Any, **__: Any) -> None:
            """Start none: what it tells, any user of the machine could read."""

    if task["cores"]:
        os.sched_setaffinity(0, task["cores"])
    security = Security(require_encryption=True, **task["security"])
    loop = asyncio.get_running_loop()
    async with QuietWorker(
        task["scheduler"], security=security, memory_limit=0, **task["options"]
    ) as worker:
        answer.write(READY + "\n")
        answer.flush()
        threading.Thread(target=_end_with_input, args=(worker, loop), daemon=True).start()
        await worker.finished()


def _end_with_input(worker: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Close the worker when standard input ends, by force if it takes too long."""
    sys.stdin.read()
    threading.Timer(_CLOSING_SECONDS, os._exit, (0,)).start()
    asyncio.run_coroutine_threadsafe(worker.close(nanny=False, executor_wait=False), loop)


if __name__ == "__main__":
    main()
