"""The training kit of workflows/gpu-training: no roadex inside, but a model file of roadex out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from roadex.models.modelfile import load_model, model_path

KIT = Path(__file__).parents[1] / "workflows" / "gpu-training"
SIZE = 96


def run(script: str, *arguments: object) -> str:
    command = [sys.executable, str(KIT / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def train(archive: Path, folder: Path, *more: object) -> str:
    init = model_path("roadex-light")
    return run("train.py", archive, folder, "--init", init, "--batch-mpx", 0.2, *more)


def log_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets to learn from and one to judge by: a grey road through green noise."""
    root = tmp_path_factory.mktemp("kit")
    rng = np.random.default_rng(0)
    for name in ("here", "there", "judge"):
        for kind in ("sat", "mask"):
            (root / name / kind).mkdir(parents=True)
        for number in range(2):
            road = np.zeros((SIZE, SIZE), np.uint8)
            road[:, 20 + 30 * number :][:, :9] = 1
            noise = rng.integers(0, 60, (SIZE, SIZE, 1)) + np.array([40, 90, 40])
            image = np.where(road[..., None], 160, noise).astype(np.uint8)
            Image.fromarray(image).save(root / name / "sat" / f"{name}{number}.png")
            Image.fromarray(road).save(root / name / "mask" / f"{name}{number}.png")
    path = root / "places.zip"
    sets = [
        f"{role}/{name}={name}"
        for role, name in (("train", "here"), ("train", "there"), ("val", "judge"))
    ]
    run("pack.py", root, path, "--only", "nothing", "--add", *sets)
    return path


def test_a_bare_machine_needs_five_packages() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(KIT)!r}); import train, average; "
        "names = 'roadex rasterio geopandas scipy torchvision segmentation_models_pytorch'.split();"
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_exported_model_gives_the_same_logits_in_roadex(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(archive, tmp_path, "--steps", 2)
    model = load_model(tmp_path / "best.safetensors")
    monkeypatch.syspath_prepend(str(KIT))
    from kit.model_file import read_model
    from kit.network import build_network

    network = build_network(*read_model(tmp_path / "best.safetensors")).eval()
    chips = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(network(chips), model.network(chips), rtol=1e-4, atol=1e-4)
    assert model.metadata.training["steps"] == 2
    assert set(model.metadata.validation) == {"iou", "threshold", "iou_val/judge"}


@pytest.mark.slow
def test_training_goes_on_after_a_kill(archive: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, str(KIT / "train.py"), str(archive), str(tmp_path),
        "--init", str(model_path("roadex-light")), "--batch-mpx", "0.2", "--steps", "6",
        "--checkpoint-every", "0",
    ]  # fmt: skip
    checkpoint = tmp_path / "checkpoint.pt"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    done = torch.load(checkpoint, weights_only=True)["step"]
    assert done < 6
    train(archive, tmp_path, "--steps", 6)
    assert log_of(tmp_path)[-1]["step"] == 6
    assert (tmp_path / "best.safetensors").exists()


@pytest.mark.slow
def test_a_time_limit_alone_ends_a_training(archive: Path, tmp_path: Path) -> None:
    train(archive, tmp_path, "--time-limit", 0.02)
    assert 1 <= log_of(tmp_path)[-1]["step"] < 4000


@pytest.mark.slow
def test_an_excluded_place_is_judged_and_not_learned(archive: Path, tmp_path: Path) -> None:
    train(archive, tmp_path, "--steps", 1, "--exclude", "there")
    assert "iou_val/left-out" in log_of(tmp_path)[-1]
    model = load_model(tmp_path / "best.safetensors")
    assert model.metadata.training["data"] == ["train/here@0.1"]


@pytest.mark.slow
def test_shares_of_an_average_are_those_asked_for(archive: Path, tmp_path: Path) -> None:
    train(archive, tmp_path, "--steps", 1)
    light, trained = model_path("roadex-light"), tmp_path / "best.safetensors"
    mixed = tmp_path / "mixed.safetensors"
    run("average.py", archive, mixed, light, trained, "--shares", 1, 3)
    networks = [load_model(path).network.state_dict() for path in (light, trained, mixed)]
    key = "segmentation_head.conv3.bias"
    first, second, third = (network[key] for network in networks)
    torch.testing.assert_close(third, 0.25 * first + 0.75 * second)
    assert [part["share"] for part in load_model(mixed).metadata.training["average_of"]] == [
        0.25,
        0.75,
    ]


@pytest.mark.slow
def test_the_greedy_average_is_not_worse_than_its_parts(archive: Path, tmp_path: Path) -> None:
    train(archive, tmp_path, "--steps", 2)
    light, trained = model_path("roadex-light"), tmp_path / "best.safetensors"
    output = run("average.py", archive, tmp_path / "mixed.safetensors", light, trained)
    means = [json.loads(line.split("] ")[1].replace("'", '"'))["iou"]
             for line in output.splitlines() if line.startswith("[")]  # fmt: skip
    best = load_model(tmp_path / "mixed.safetensors").metadata.validation["iou"]
    assert best == max(means)


@pytest.mark.parametrize("turned", [False, True])
def test_image_and_label_are_cut_alike(turned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(KIT))
    from kit.chips import cut_chip, draw_cut, to_grounds
    from kit.places import Place

    label = np.zeros((SIZE, SIZE), np.uint8)
    label[30:50, 10:80] = 1
    label[60:, 60:] = 2
    image = np.repeat(np.where(label == 1, 200, 50).astype(np.uint8)[..., None], 3, axis=2)
    ground = to_grounds([Place("train/x", "x", image, label, 0.8)], torch.device("cpu"))[0]
    rng = np.random.default_rng(int(turned))
    pixels, road, valid = cut_chip(ground, draw_cut(ground, rng, 64), 64)
    bright = (pixels[:1] > 125).float()
    assert float((bright != road)[valid > 0].float().mean()) < 0.02
    assert 0.02 < float(road.mean()) < 0.9
