"""Run by Dask in every worker process that roadex starts, before anything else."""

from __future__ import annotations

import signal
import threading

from distributed import Worker


def dask_setup(_worker: Worker) -> None:
    """Leave Ctrl-C to the client: it stops the workers itself, without a traceback from each."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
