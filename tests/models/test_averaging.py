"""Averages of models: the mean of weights, refused where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from roadex.averaging_job import average_models
from roadex.errors import ModelError
from roadex.models import create_network
from roadex.models.averaging import average_networks
from roadex.models.modelfile import ModelMetadata, load_model, save_model

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


def test_model_file_says_what_it_was_made_of_and_has_thresholds_of_its_own(make_model, tmp_path):
    rng = np.random.default_rng(0)
    for part in ("sat", "mask"):
        (tmp_path / "data" / part).mkdir(parents=True)
    Image.fromarray(rng.integers(0, 255, (96, 96, 3), np.uint8)).save(tmp_path / "data/sat/a.png")
    road = np.zeros((96, 96), np.uint8)
    road[40:50] = 1
    Image.fromarray(road).save(tmp_path / "data/mask/a.png")

    first, second = make_model("a", 0, gsd_range_m=(0.7, 1.1)), make_model("b", 1)
    output = tmp_path / "both.safetensors"
    figures = average_models(
        [first, second], output, shares=[1, 2], validation=[str(tmp_path / "data")]
    )
    metadata = load_model(output).metadata
    assert metadata.name == "both"
    assert metadata.gsd_range_m == (0.7, 1.2)
    assert metadata.threshold_high == pytest.approx(figures["threshold"], abs=1e-3)
    assert metadata.threshold_low == pytest.approx(0.6 * figures["threshold"], abs=1e-3)
    made_of = metadata.training["average_of"]
    assert [part["share"] for part in made_of] == [1, 2]
    assert made_of[1]["sha256"] == load_model(second).sha256
