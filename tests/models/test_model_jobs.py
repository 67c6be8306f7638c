"""Models made of models: averages, and the same weights for another pixel size and threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from roadex.errors import ModelError
from roadex.models import create_network
from roadex.models.averaging import average_networks
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import load_model, save_model
from roadex.synthetic import generate_scene, write_scene
from roadex.training.tuning import average_models, tune_model

ARGUMENTS = {"encoder": "tu-mobilenetv3_small_050", "bottleneck": 32, "head_width": 8}


@pytest.fixture
def make_model(tmp_path):
    def make(name, seed, **metadata):
        torch.manual_seed(seed)
        network = create_network("dlinknet", **ARGUMENTS)
        for buffer in network.buffers():
            if buffer.is_floating_point():
                buffer.uniform_(0.5, 1.5)
        description = ModelMetadata(
            name=name, network="dlinknet", arguments=ARGUMENTS, gsd_m=1.0, gsd_range_m=(0.8, 1.2)
        )
        path = tmp_path / f"{name}.safetensors"
        return save_model(network, replace(description, **metadata), path, dtype=torch.float32)

    return make


@pytest.fixture
def road(tmp_path):
    """Return a dataset of one image, with a road across it."""
    rng = np.random.default_rng(0)
    for part in ("sat", "mask"):
        (tmp_path / "data" / part).mkdir(parents=True)
    Image.fromarray(rng.integers(0, 255, (96, 96, 3), np.uint8)).save(tmp_path / "data/sat/a.png")
    mask = np.zeros((96, 96), np.uint8)
    mask[40:50] = 1
    Image.fromarray(mask).save(tmp_path / "data/mask/a.png")
    return str(tmp_path / "data")


def test_every_weight_and_statistic_is_the_mean(make_model):
    models = [load_model(make_model(name, seed)) for name, seed in (("a", 0), ("b", 1))]
    average = average_networks(models, [3, 1]).state_dict()
    one, two = (model.network.state_dict() for model in models)
    n_different = 0
    for name, value in average.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.75 * one[name] + 0.25 * two[name])
            n_different += not torch.equal(value, one[name])
    assert n_different > 100


def test_models_that_differ_are_refused(make_model):
    other = make_model("coarse", 0, gsd_m=2.0, gsd_range_m=(1.0, 3.0))
    models = [load_model(path) for path in (make_model("fine", 0), other)]
    with pytest.raises(ModelError, match=r"coarse\.safetensors cannot be averaged: their gsd_m"):
        average_networks(models, [1, 1])


def test_model_file_says_what_it_was_made_of_and_has_thresholds_of_its_own(
    make_model, road, tmp_path
):
    first, second = make_model("a", 0, gsd_range_m=(0.7, 1.1)), make_model("b", 1)
    output = tmp_path / "both.safetensors"
    figures = average_models([first, second], output, shares=[1, 2], validation=[road])
    metadata = load_model(output).metadata
    assert metadata.name == "both"
    assert metadata.gsd_range_m == (0.7, 1.2)
    assert metadata.threshold_high == pytest.approx(figures["threshold"], abs=1e-3)
    assert metadata.threshold_low == pytest.approx(0.6 * figures["threshold"], abs=1e-3)
    made_of = metadata.training["average_of"]
    assert [part["share"] for part in made_of] == [1, 2]
    assert made_of[1]["sha256"] == load_model(second).sha256


def test_ensemble_of_two_models_is_written_with_thresholds_of_its_own(make_model, road, tmp_path):
    paths = [make_model("a", 0), make_model("b", 1)]
    output = tmp_path / "both.safetensors"
    figures = average_models(
        paths, output, shares=(2.0, 1.0), validation=[road], of="probability", tta="none"
    )
    model = load_model(output)
    assert model.metadata.network == "ensemble"
    assert model.metadata.arguments["shares"] == pytest.approx([2 / 3, 1 / 3])
    assert model.metadata.threshold_high == pytest.approx(figures["threshold"], abs=1e-3)
    assert [part["share"] for part in model.metadata.training["average_of"]] == [2.0, 1.0]
    chips = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        one, two = (load_model(path).network(chips).sigmoid() for path in paths)
        found = model.network(chips).sigmoid()
    torch.testing.assert_close(found, (2 * one + two) / 3, rtol=0, atol=2e-3)  # weights in 16 bits


def test_tuned_model_has_the_best_pixel_size_its_threshold_and_the_same_weights(tmp_path):
    scene = generate_scene(shape=(192, 192), seed=3, style="suburban")
    files = write_scene(scene, tmp_path / "scene")
    place, output = f"lines:{files['scene']}+{files['roads']}", tmp_path / "here.safetensors"
    path = "roadex-light"
    low, high = load_model(path).metadata.gsd_range_m
    gsds_m = [low, (low + high) / 2, high]
    tried = tune_model(path, output, validation=[place], gsds_m=gsds_m, tta="none")
    assert len({figures["iou"] for figures in tried.values()}) == 3
    tuned, before = load_model(output), load_model(path)
    best = max(tried, key=lambda gsd_m: tried[gsd_m]["iou"])
    assert tuned.metadata.gsd_m == best
    assert tuned.metadata.validation["iou"] == pytest.approx(tried[best]["iou"], abs=1e-4)
    assert tuned.metadata.threshold_high == pytest.approx(tried[best]["threshold"], abs=1e-3)
    assert tuned.metadata.tta == "none"
    for name, tensor in before.network.state_dict().items():
        torch.testing.assert_close(tuned.network.state_dict()[name], tensor, rtol=1e-3, atol=1e-6)


def test_each_pixel_size_is_tried_as_if_it_were_the_only_one(make_model, road, tmp_path):
    path = make_model("a", 0)
    both = tune_model(path, tmp_path / "both.safetensors", validation=[road], gsds_m=[0.8, 1.2])
    one = tune_model(path, tmp_path / "one.safetensors", validation=[road], gsds_m=[1.2])
    assert one[1.2] == both[1.2]


def test_pixel_size_the_model_was_not_trained_on_is_refused(make_model, road, tmp_path):
    output = tmp_path / "never.safetensors"
    with pytest.raises(ModelError, match=r"trained on 0\.8 to 1\.2 m/pixel, not on 2"):
        tune_model(make_model("a", 0), output, validation=[road], gsds_m=[2.0])
    assert not output.exists()
