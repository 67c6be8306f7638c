"""What Dask brings to every worker, also to those that join or restart later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distributed import Client, Worker, WorkerPlugin

from roadex.config import ClusterConfig
from roadex.pipeline.model_transfer import SharedModel, is_packaged, keep_received
from roadex.pipeline.worker import PredictJob, add_job, remove_job


class JobPlugin(WorkerPlugin):
    """Brings a job."""

    def __init__(self, job: PredictJob) -> None:
        self.name = f"roadex-{job.key}"
        self._job = job

    def setup(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's interface
        """Keep the job where tasks find it."""
        add_job(self._job)

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's interface
        """Forget the job."""
        remove_job(self._job)


class ModelPlugin(WorkerPlugin):
    """Brings a model file."""

    def __init__(self, model: SharedModel) -> None:
        self.name = f"roadex-model-{model.sha256[:16]}"
        self._sha256 = model.sha256
        self._content = Path(model.path).read_bytes()

    def setup(self, worker: Worker) -> None:
        """Write the file into the worker's own folder."""
        keep_received(self._sha256, self._content, Path(worker.local_directory))


def send_model(client: Client, model: SharedModel, config: ClusterConfig) -> None:
    """Send a model to the workers of a running cluster, unless it comes with roadex."""
    if config.is_remote and not is_packaged(model):
        client.register_plugin(ModelPlugin(model))


@contextmanager
def job_on_cluster(client: Client, job: PredictJob, config: ClusterConfig) -> Iterator[None]:
    """Tell the workers what the job is, and at the end that it is over."""
    send_model(client, job.model, config)
    plugin = JobPlugin(job)
    client.register_plugin(plugin)
    try:
        yield
    finally:
        if client.status == "running":
            client.unregister_worker_plugin(plugin.name)
