"""The encoders of roadex against those of segmentation-models-pytorch: same weights, same bits."""

import subprocess
import sys

import pytest
import timm
import torch
from safetensors.torch import save_file
from segmentation_models_pytorch.encoders import get_encoder

from roadex.inference.folding import fold_batch_norm
from roadex.models import create_network
from roadex.models.encoders import build_encoder


def randomised(module: torch.nn.Module) -> torch.nn.Module:
    """Return a module with statistics that are not those of a fresh one."""
    generator = torch.Generator().manual_seed(1)
    for norm in module.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.copy_(torch.randn(norm.num_features, generator=generator) / 10)
            norm.running_var.copy_(torch.rand(norm.num_features, generator=generator) + 0.5)
    return module.eval()


@pytest.mark.parametrize(
    ("name", "in_channels"),
    [
        ("mobilenet_v2", 3), ("mobilenet_v2", 4), ("resnet18", 3), ("resnet34", 3), ("resnet34", 4),
        ("resnet50", 3),
        # The deepest differ from that one in the number of their blocks alone.
        pytest.param("resnet101", 3, marks=pytest.mark.slow),
        pytest.param("resnet152", 3, marks=pytest.mark.slow),
    ],
)  # fmt: skip
@torch.inference_mode()
def test_features_are_those_of_the_library_bit_by_bit(name, in_channels):
    library = randomised(get_encoder(name, in_channels=in_channels, depth=5, weights=None))
    own, _ = build_encoder(name, in_channels=in_channels)
    assert not type(own).__module__.startswith("segmentation_models_pytorch")
    assert list(own.state_dict()) == list(library.state_dict())
    own.load_state_dict(library.state_dict())
    own.eval()
    chips = torch.randn(1, in_channels, 64, 96, generator=torch.Generator().manual_seed(2))
    expected, found = library(chips), own(chips)
    assert own.out_channels == library.out_channels
    assert len(expected) == len(found) == 6
    for a, b in zip(expected, found, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("in_channels", [3, 4])
@torch.inference_mode()
def test_features_of_efficientnet_lite0_are_those_of_timm_bit_by_bit(in_channels):
    library = randomised(
        timm.create_model("tf_efficientnet_lite0", in_chans=in_channels, features_only=True)
    )
    own, _ = build_encoder("efficientnet_lite0", in_channels=in_channels)
    assert list(own.state_dict()) == list(library.state_dict())
    own.load_state_dict(library.state_dict())
    own.eval()
    chips = torch.randn(1, in_channels, 64, 96, generator=torch.Generator().manual_seed(2))
    expected, found = library(chips), own(chips)
    assert own.out_channels == [in_channels, *library.feature_info.channels()]
    assert torch.equal(found[0], chips)
    for a, b in zip(expected, found[1:], strict=True):
        assert torch.equal(a, b)


def test_weights_of_a_classifier_leave_out_what_only_it_has(tmp_path):
    classifier = timm.create_model("tf_efficientnet_lite0")
    assert "conv_head.weight" in classifier.state_dict()
    path = tmp_path / "imagenet.safetensors"
    save_file(classifier.state_dict(), path)
    own, adaptation = build_encoder("efficientnet_lite0", in_channels=3, weights=path)
    assert adaptation == ""
    for key, value in own.state_dict().items():
        assert torch.equal(value, classifier.state_dict()[key])


@torch.inference_mode()
def test_a_shallow_resnet_has_no_stage_it_does_not_run():
    own, _ = build_encoder("resnet34", in_channels=3, depth=4)
    assert [tuple(f.shape[1:]) for f in own(torch.zeros(1, 3, 64, 64))] == [
        (3, 64, 64), (64, 32, 32), (64, 16, 16), (128, 8, 8), (256, 4, 4),
    ]  # fmt: skip
    assert not any(key.startswith("layer4") for key in own.state_dict())


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet34"])
@torch.inference_mode()
def test_a_network_folds_to_the_same_bits_as_with_the_library_encoder(name):
    network = create_network("dlinknet", encoder=name)
    library = create_network("dlinknet", encoder=name)
    library.encoder = get_encoder(name, in_channels=3, depth=5, weights=None)
    library.load_state_dict(randomised(network).state_dict())
    chips = torch.rand(1, 3, 64, 64)
    assert torch.equal(fold_batch_norm(network)(chips), fold_batch_norm(library.eval())(chips))


@torch.inference_mode()
def test_every_norm_of_efficientnet_lite0_is_folded():
    network = randomised(create_network("dlinknet", encoder="efficientnet_lite0"))
    folded = fold_batch_norm(network)
    assert not [m for m in folded.encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    chips = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(folded(chips), network(chips), rtol=1e-3, atol=1e-4)


def test_building_the_default_network_imports_no_model_library():
    code = (
        "import sys; from roadex.models.modelfile import load_model; load_model('roadex-light'); "
        "print([m for m in ('segmentation_models_pytorch', 'timm', 'torchvision') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
