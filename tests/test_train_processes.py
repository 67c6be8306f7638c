"""Training as processes: killed and resumed, several at once, and the whole loop in a minute."""

import io
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from roadex.config import TrainConfig
from roadex.errors import ConfigError, TrainingError
from roadex.models.scaling import Scaling
from roadex.progress import LogDisplay
from roadex.synthetic import generate_scene, write_scene
from roadex.training.datasets import find_labelled_scenes
from roadex.training.datasets.chip_windows import WeightedScenes
from roadex.training.loop import train
from roadex.training.processes import run_in_group
from roadex.training.smoke import run_smoke

SETTINGS = {
    "steps": 40,
    "batch_size": 2,
    "chip_size": 64,
    "evaluate_every": 16,
    "checkpoint_every": 8,
}
ARGUMENTS = {"encoder": "tu-mobilenetv3_small_050", "bottleneck": 32, "head_width": 8}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Return a generated scene with its road lines."""
    folder = tmp_path_factory.mktemp("scene")
    paths = write_scene(generate_scene(shape=(128, 128), seed=1, style="mixed"), folder)
    return f"lines:{paths['scene']}+{paths['roads']}"


def command(dataset, folder):
    settings = [f"--set={name}={value}" for name, value in SETTINGS.items()]
    network = 'arguments={encoder="tu-mobilenetv3_small_050", bottleneck=32, head_width=8}'
    return [
        sys.executable, "-c", "from roadex.cli import main; main()",
        "train", dataset, "--validation", dataset,
        "-o", str(folder / "m.safetensors"), "--run-folder", str(folder / "run"),
        "--set", network, *settings,
    ]  # fmt: skip


def run(arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(arguments, env=environment, start_new_session=True)


def wait_for(path, seconds=120):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.01)


def columns(path, *names):
    header, *rows = (line.split(",") for line in path.read_text().split())
    return [[row[header.index(name)] for name in names] for row in rows]


def test_training_killed_and_resumed_ends_as_the_uninterrupted_one(dataset, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(command(dataset, whole)).wait() == 0
    process = run(command(dataset, killed))
    wait_for(killed / "run" / "checkpoint.pt")
    time.sleep(0.3)  # somewhere between two checkpoints
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (killed / "m.safetensors").exists()
    assert run(command(dataset, killed)).wait() == 0

    first, second = (load_file(folder / "m.safetensors") for folder in (whole, killed))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
    for log, names in (
        ("steps.csv", ("step", "loss", "learning_rate")),
        ("evaluations.csv", ("step", "loss", "iou")),
    ):
        logs = [columns(folder / "run" / log, *names) for folder in (whole, killed)]
        assert logs[0] == logs[1], log


def train_in_group(folder, dataset, config, group):
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    losses = []
    sources = [WeightedScenes(find_labelled_scenes(dataset), 1.0)]
    state = train(
        sources, config, folder=folder, scaling=Scaling(), group=group,
        on_step=lambda progress: losses.append(progress.loss),
        evaluate=lambda _network, step: {"iou": 1.0 / step},
    )  # fmt: skip
    weights = torch.cat([p.detach().flatten() for p in state.network.parameters()])
    result = {"weights": weights, "losses": losses, "history": state.history}
    torch.save(result, folder / f"result_{group.rank}.pt")


def results(dataset, folder, processes, **settings):
    folder.mkdir()
    config = TrainConfig(
        arguments=ARGUMENTS, steps=6, batch_size=4, chip_size=64, loader_processes=0,
        evaluate_every=3, checkpoint_every=3, **settings,
    )  # fmt: skip
    run_in_group(partial(train_in_group, folder, dataset, config), processes)
    return [torch.load(path) for path in sorted(folder.glob("result_*.pt"))]


def test_two_processes_train_as_one_with_the_batch_in_two_parts(dataset, tmp_path):
    (one,) = results(dataset, tmp_path / "one", 1, accumulation=2)
    two = results(dataset, tmp_path / "two", 2)
    assert len(two) == 2
    for result in two:
        assert result["losses"] == pytest.approx(one["losses"], rel=1e-4)
        assert result["history"] == two[0]["history"]
        torch.testing.assert_close(result["weights"], one["weights"], rtol=1e-3, atol=1e-5)
    assert torch.equal(two[0]["weights"], two[1]["weights"])
    assert [path.name for path in (tmp_path / "two").glob("*.pt") if "result" not in path.name] == [
        "checkpoint.pt"
    ]


def fail(group):
    if group.rank == 1:
        msg = "the second process has had enough"
        raise TrainingError(msg)


def test_failure_of_a_process_is_said_in_one_line():
    with pytest.raises(TrainingError, match="second process has had enough"):
        run_in_group(fail, 2)


def test_batch_too_small_for_the_processes_is_said(dataset, tmp_path):
    with pytest.raises((ConfigError, TrainingError), match="multiple of 3"):
        results(dataset, tmp_path / "three", 3)


def test_smoke_training_proves_the_loop(tmp_path):
    torch.set_num_threads(1)
    shown = io.StringIO()
    model = run_smoke(tmp_path, lambda: LogDisplay(shown))
    assert Path(model).exists()
    assert "training works" in shown.getvalue()
