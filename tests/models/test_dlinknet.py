"""D-LinkNet over other encoders, and encoder weights from local files."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from roadex.errors import ModelError
from roadex.models import create_network
from roadex.models.dlinknet import centre_width
from roadex.models.encoders import adapt_first_convolution


@pytest.mark.parametrize(
    ("channels", "width"),
    [(256, 256), (512, 512), (768, 256), (1280, 256), (2048, 512), (4096, 512)],
)
def test_only_wide_centres_get_a_bottleneck(channels, width):
    assert centre_width(channels) == width


def test_bottleneck_can_be_chosen_or_left_out():
    with torch.device("meta"):
        wide = create_network("dlinknet", encoder="mobilenet_v2", bottleneck=None)
        narrow = create_network("dlinknet", encoder="mobilenet_v2", bottleneck=64)
    assert wide.decoder.center.convs[0].in_channels == 1280
    assert narrow.decoder.center.convs[0].in_channels == 64


def test_rates_are_chosen_by_depth():
    with torch.device("meta"):
        deep = create_network("dlinknet")
        shallow = create_network("dlinknet", encoder_depth=4)
    assert [c.dilation[0] for c in deep.decoder.center.convs] == [1, 2, 4, 8]
    assert [c.dilation[0] for c in shallow.decoder.center.convs] == [1, 2, 4, 8, 16]
    assert shallow.stride == 16


@pytest.mark.parametrize("encoder", ["mobilenet_v2", "mit_b0", "tu-resnet18"])
def test_encoders_of_other_families_fit(encoder):
    network = create_network("dlinknet", encoder=encoder).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 1, 64, 64)


def test_unknown_encoder_is_a_user_error():
    with pytest.raises(ModelError, match="unknown encoder 'resnet43'"):
        create_network("dlinknet", encoder="resnet43")


def test_encoder_without_shallow_form_is_a_user_error():
    with pytest.raises(ModelError, match="no shallow form"):
        create_network("dlinknet", encoder="mobilenet_v2", encoder_depth=4)


@pytest.fixture
def resnet18_file(tmp_path):
    """ResNet-18 weights as a torchvision file has them: 16 bits, with the classifier."""
    torch.manual_seed(3)
    encoder = create_network("dlinknet", encoder="resnet18").encoder
    tensors = {k: v.half() if v.is_floating_point() else v for k, v in encoder.state_dict().items()}
    path = tmp_path / "resnet18.safetensors"
    save_file(tensors | {"fc.weight": torch.zeros(10, 512)}, path)
    return path


@pytest.mark.parametrize("name", ["dlinknet", "smp:unet/resnet18", "linknet"])
def test_encoder_weights_come_from_a_local_file(name, resnet18_file):
    arguments = {"encoder": "resnet18"} if name == "dlinknet" else {}
    network = create_network(name, encoder_weights=resnet18_file, **arguments)
    encoder = network.network.encoder if name.startswith("smp:") else network.encoder
    torch.manual_seed(3)
    expected = create_network("dlinknet", encoder="resnet18").encoder.layer4[1].conv2.weight
    assert torch.equal(encoder.layer4[1].conv2.weight, expected.half().float())
    assert network.adaptation == ""


def test_grey_scene_gives_what_grey_rgb_gave():
    torch.manual_seed(0)
    weight, grey = torch.randn(4, 3, 7, 7), torch.randn(1, 1, 16, 16)
    adapted, words = adapt_first_convolution(weight, 1)
    rgb = torch.nn.functional.conv2d(grey.repeat(1, 3, 1, 1), weight)
    torch.testing.assert_close(torch.nn.functional.conv2d(grey, adapted), rgb, rtol=1e-4, atol=1e-4)
    assert "1 band" in words


def test_further_bands_change_nothing_before_training():
    torch.manual_seed(0)
    weight, chip = torch.randn(4, 3, 7, 7), torch.randn(1, 5, 16, 16)
    adapted, words = adapt_first_convolution(weight, 5)
    before = torch.nn.functional.conv2d(chip[:, :3], weight)
    torch.testing.assert_close(torch.nn.functional.conv2d(chip, adapted), before)
    assert "zero for bands 4-5" in words


def test_adaptation_is_said(resnet18_file):
    network = create_network(
        "dlinknet", in_channels=4, encoder="resnet18", encoder_weights=resnet18_file
    )
    assert "zero for bands 4-4" in network.adaptation
    assert not network.encoder.conv1.weight[:, 3].any()


def test_weights_of_another_encoder_are_refused(resnet18_file):
    with pytest.raises(ModelError, match=r"does not fit this encoder: layer1\.2"):
        create_network("dlinknet", encoder="resnet34", encoder_weights=resnet18_file)


def test_missing_weights_are_a_user_error(tmp_path):
    with pytest.raises(ModelError, match="cannot read weights from"):
        create_network("dlinknet", encoder="resnet18", encoder_weights=tmp_path / "none.pth")
