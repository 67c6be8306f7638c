"""Several networks side by side are their mean probability."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from roadex.errors import ModelError
from roadex.models import create_network
from roadex.models.averaging import ensemble_of
from roadex.models.ensemble import Ensemble
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import load_model, save_model

UNET = {"network": "unet", "arguments": {"width": 0.0625}}
LINKNET = {"network": "dlinknet", "arguments": {"encoder": "efficientnet_lite0"}}


@pytest.fixture
def make_model(tmp_path):
    def make(name, member, **changes):
        torch.manual_seed(len(name))
        network = create_network(member["network"], **member["arguments"])
        metadata = ModelMetadata(name=name, **member, gsd_m=1.0, gsd_range_m=(0.8, 1.2))
        path = tmp_path / f"{name}.safetensors"
        save_model(network, replace(metadata, **changes), path, dtype=torch.float32)
        return load_model(path)

    return make


@torch.inference_mode()
def test_probability_is_the_mean_by_shares(make_model):
    models = [make_model("unet", UNET), make_model("linknet", LINKNET)]
    ensemble = ensemble_of(models, [3, 1])
    chips = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    one, two = (model.network(chips).sigmoid() for model in models)
    assert not torch.allclose(one, two, atol=1e-3)
    torch.testing.assert_close(ensemble(chips).sigmoid(), 0.75 * one + 0.25 * two)
    assert ensemble(chips[..., :45, :70]).shape == (2, 1, 45, 70)


@torch.inference_mode()
def test_sure_members_give_finite_logits_and_their_mean():
    ensemble = Ensemble(members=[UNET, UNET])
    for network, value in zip(ensemble.members, (-1e4, 1e4), strict=True):
        network.logits = lambda chips, value=value: torch.full_like(chips[:, :1], value)
    assert ensemble(torch.zeros(1, 3, 32, 32)).abs().max() < 1e-6
    ensemble.members[0].logits = lambda chips: torch.full_like(chips[:, :1], 1e4)
    both = ensemble(torch.zeros(1, 3, 32, 32))
    assert torch.isfinite(both).all()
    assert both.sigmoid().min() > 1 - 1e-6


def test_stride_is_a_multiple_of_all():
    deep = {"network": "dlinknet", "arguments": {"encoder": "resnet18"}}
    strides = [create_network(m["network"], **m["arguments"]).stride for m in (UNET, deep)]
    stride = Ensemble(members=[UNET, deep]).stride
    assert [stride % other for other in strides] == [0, 0]


@torch.inference_mode()
def test_model_file_holds_all_of_them(make_model, tmp_path):
    models = [make_model("unet", UNET), make_model("linknet", LINKNET)]
    ensemble = ensemble_of(models, [3, 1])
    metadata = replace(
        models[0].metadata,
        network="ensemble",
        arguments={"members": ensemble.described, "shares": list(ensemble.shares)},
    )
    save_model(ensemble, metadata, tmp_path / "both.safetensors", dtype=torch.float32)
    read = load_model(tmp_path / "both.safetensors").network
    chips = torch.rand(1, 3, 64, 64)
    assert torch.equal(read(chips), ensemble.eval()(chips))


@pytest.mark.parametrize(
    ("members", "shares", "words"),
    [
        ([], (), "needs members"),
        (["unet"], (), "a network and its arguments"),
        ([{"network": "ensemble"}], (), "no member"),
        ([UNET | {"weights": "http://somewhere"}], (), "no member"),
        ([UNET], (1, 2), "1 members need as many shares"),
        ([UNET, UNET], (1, 0), "shares above 0"),
        ([{"network": "nonesuch"}], (), "unknown network"),
    ],
)
def test_what_is_no_ensemble_is_refused(members, shares, words):
    with pytest.raises(ModelError, match=words):
        Ensemble(members=members, shares=shares)


def test_models_of_other_pixel_size_or_input_are_not_put_side_by_side(make_model):
    light = make_model("unet", UNET)
    for changes in ({"gsd_m": 0.9}, {"offset": (-0.5, -0.5, -0.5)}):
        with pytest.raises(ModelError, match=f"their {next(iter(changes))} differs"):
            ensemble_of([light, make_model("linknet", LINKNET, **changes)], [1, 1])
