"""Training: it learns, goes on after a kill as if nothing had happened, stops when it must."""

import dataclasses
import os
import shutil
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from roadex.config import AugmentConfig, TrainConfig
from roadex.errors import OutputError, TrainingError
from roadex.models.modelfile import load_model
from roadex.models.scaling import Scaling
from roadex.probability.encoding import encode
from roadex.scoring.metrics.thresholds import LevelCounts
from roadex.training.datasets import find_labelled_scenes
from roadex.training.datasets.chip_windows import WeightedScenes
from roadex.training.evaluation import best_common_threshold, evaluate, iou_at
from roadex.training.job import run_training_job
from roadex.training.loop import train
from roadex.training.material import TrainingJob
from roadex.training.schedules import Cosine

CONFIG = TrainConfig.from_dict(
    {
        "arguments": {"encoder": "tu-mobilenetv3_small_050", "bottleneck": 32, "head_width": 8},
        "steps": 8,
        "batch_size": 2,
        "chip_size": 64,
        "evaluate_every": 4,
        "checkpoint_every": 1,
        "loader_processes": 0,
    }
)


@pytest.fixture(scope="module")
def roads(tmp_path_factory):
    """Return a folder of images with bright stripes that are roads."""
    folder = tmp_path_factory.mktemp("roads")
    rng = np.random.default_rng(0)
    for part in ("sat", "mask"):
        (folder / part).mkdir()
    for i in range(3):
        road = np.zeros((96, 96), bool)
        start = 20 + 20 * i
        road[start : start + 8] = True
        road[:, start : start + 8] = True
        image = rng.integers(40, 90, (96, 96, 3)).astype(np.uint8)
        image[road] += 120
        Image.fromarray(image).save(folder / "sat" / f"{i}.png")
        Image.fromarray(road.astype(np.uint8)).save(folder / "mask" / f"{i}.png")
    return folder


@pytest.fixture
def sources(roads):
    return [WeightedScenes(find_labelled_scenes(str(roads)), 1.0)]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class KilledError(Exception):
    """What the tests stop a training with."""


def kill_at(step):
    def on_step(progress):
        if progress.step == step:
            raise KilledError

    return on_step


def test_killed_training_ends_with_the_weights_of_an_uninterrupted_one(sources, tmp_path):
    folders = [tmp_path / name for name in ("whole", "parts")]
    for folder in folders:
        folder.mkdir()
    losses = {}
    whole = train(
        sources, CONFIG, folder=folders[0], scaling=Scaling(),
        on_step=lambda p: losses.setdefault(p.step, p.loss),
    )  # fmt: skip
    with pytest.raises(KilledError):
        train(sources, CONFIG, folder=folders[1], scaling=Scaling(), on_step=kill_at(4))
    seen = {}
    parts = train(
        sources, CONFIG, folder=folders[1], scaling=Scaling(),
        on_step=lambda p: seen.setdefault(p.step, p.loss),
    )  # fmt: skip
    assert seen == {step: losses[step] for step in seen}
    assert min(seen) == 4
    for name, tensor in whole.averaged.state_dict().items():
        assert torch.equal(tensor, parts.averaged.state_dict()[name]), name


def test_finished_training_is_not_done_again(sources, tmp_path):
    train(sources, CONFIG, folder=tmp_path, scaling=Scaling())
    train(sources, CONFIG, folder=tmp_path, scaling=Scaling(), on_step=kill_at(1))


def test_checkpoint_of_another_network_is_refused(sources, tmp_path):
    train(sources, CONFIG, folder=tmp_path, scaling=Scaling())
    other = dataclasses.replace(CONFIG, arguments={**CONFIG.arguments, "head_width": 16})
    with pytest.raises(TrainingError, match="does not fit"):
        train(sources, other, folder=tmp_path, scaling=Scaling())


def test_loss_that_is_not_finite_stops_the_training(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "roadex.training.loop.loss_by_name", lambda _: lambda logits, *_: logits.sum() * torch.nan
    )
    with pytest.raises(TrainingError, match="loss is nan at step 0"):
        train(sources, CONFIG, folder=tmp_path, scaling=Scaling())


@pytest.mark.slow
def test_training_finds_stripes(sources, roads, tmp_path):
    config = dataclasses.replace(
        CONFIG, steps=300, batch_size=4, ema_decay=0.9, encoder_learning_rate_factor=1.0,
        learning_rate=3e-3, augment=AugmentConfig(scale_jitter=0.1, colour_strength=0.2),
        evaluate_every=300, checkpoint_every=300,
    )  # fmt: skip
    state = train(sources, config, folder=tmp_path, scaling=Scaling())
    counts = evaluate(
        state.averaged_network, find_labelled_scenes(str(roads)), scaling=Scaling(), gsd_m=1.0
    )
    assert iou_at(counts, 0.5) > 0.8


def test_learning_rate_rises_then_falls_to_nothing():
    config = dataclasses.replace(CONFIG, steps=100, warmup_share=0.1, learning_rate=1.0)
    rates = [Cosine(config).rate(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0, abs=1e-12)
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_job_writes_a_model_that_loads_with_its_figures_and_a_log(roads, tmp_path):
    job = TrainingJob(
        data=[str(roads)],
        output=tmp_path / "m.safetensors",
        validation=[str(roads)],
        run_folder=tmp_path / "run",
        config=CONFIG,
    )
    run_training_job(job)
    model = load_model(tmp_path / "m.safetensors")
    assert 0 <= model.metadata.validation["iou"] <= 1
    assert model.metadata.threshold_high == pytest.approx(
        model.metadata.validation["threshold"], abs=1e-3
    )
    assert model.metadata.tta == "flip"
    assert model.metadata.training["settings"]["steps"] == 8
    assert len((tmp_path / "run" / "evaluations.csv").read_text().splitlines()) == 3
    with pytest.raises(OutputError, match="--overwrite"):
        run_training_job(job)


@pytest.mark.parametrize("change", ["other data", "another share", "a replaced label"])
def test_a_checkpoint_of_other_data_is_refused(change, roads, tmp_path):
    config = dataclasses.replace(CONFIG, steps=2, checkpoint_every=1)
    common = {"run_folder": tmp_path / "run", "config": config}
    job = TrainingJob(data=[str(roads)], output=tmp_path / "m.safetensors", **common)
    run_training_job(job)
    data = str(roads)
    if change == "other data":
        data = str(shutil.copytree(roads, tmp_path / "other"))
    elif change == "another share":
        data = f"{roads}@0.5"
    else:
        label = sorted((roads / "mask").iterdir())[0]
        os.utime(label, ns=(0, label.stat().st_mtime_ns + 1))
    again = TrainingJob(data=[data], output=tmp_path / "n.safetensors", **common)
    with pytest.raises(TrainingError, match=r"trained on something else.*--run-folder"):
        run_training_job(again)
    assert not (tmp_path / "n.safetensors").exists()


def test_settings_changed_on_the_way_are_in_the_model(roads, tmp_path):
    config = dataclasses.replace(CONFIG, steps=2, checkpoint_every=1)
    job = TrainingJob(
        data=[str(roads)], output=tmp_path / "m.safetensors", run_folder=tmp_path / "run",
        config=config,
    )  # fmt: skip
    run_training_job(job)
    longer = dataclasses.replace(config, steps=3)
    run_training_job(dataclasses.replace(job, config=longer, overwrite=True))
    model = load_model(tmp_path / "m.safetensors")
    assert model.metadata.training["changed_on_the_way"] == ["steps: 2 -> 3"]


def test_threshold_of_several_datasets_is_the_best_on_average():
    truth = np.array([[True, True, False, False]])
    valid = np.ones_like(truth)
    counts = LevelCounts.of(encode(np.array([[0.9, 0.4, 0.6, 0.1]], np.float32)), truth, valid)
    assert iou_at(counts, 0.5) == pytest.approx(1 / 3)
    assert iou_at(counts, 0.3) == pytest.approx(2 / 3)
    assert 0.1 < best_common_threshold([counts]) <= 0.4
    high = LevelCounts.of(encode(np.array([[0.9, 0.9, 0.8, 0.8]], np.float32)), truth, valid)
    assert 0.8 < best_common_threshold([counts, high, high]) <= 0.9
