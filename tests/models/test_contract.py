"""What every registered network promises."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from roadex.errors import ModelError
from roadex.models import create_network, network_arguments, network_entry, network_names
from roadex.models.modelfile import load_model, save_model

QUICK = {"dlinknet34", "linknet", "unet-quarter", "fcn-skips", "smp:unet/mit_b0"}
"""One per family in every run; .ci/run takes them all."""
BESIDE_THE_REGISTRY = (
    "smp:unet/mit_b0",
    "smp:unetplusplus/resnet18",
    "smp:fpn/mobilenet_v2",
    "smp:segformer/mit_b0",
)


def _marked(name):
    return name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)


@pytest.fixture(
    scope="module", params=[_marked(n) for n in (*network_names(), *BESIDE_THE_REGISTRY)]
)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def network(name):
    """A network in training mode, with weights drawn from a fixed seed."""
    torch.manual_seed(0)
    return create_network(name)


def _chips(n=1, bands=3, height=64, width=96):
    generator = torch.Generator().manual_seed(7)
    return torch.rand((n, bands, height, width), generator=generator) * 2 - 1


def _logits(network, chips):
    with torch.inference_mode():
        return network.eval()(chips)


def test_logits_are_float32_one_channel_of_the_chips_size(network):
    logits = _logits(network, _chips())
    assert logits.shape == (1, 1, 64, 96)
    assert logits.dtype == torch.float32


def test_odd_sizes_are_padded_and_cut_back(network):
    logits = _logits(network, _chips(height=51, width=70))
    assert logits.shape == (1, 1, 51, 70)
    assert torch.isfinite(logits).all()


def test_padding_leaves_chips_of_fitting_size_alone(network):
    side = network.stride
    chips = _chips(height=side, width=side)
    with torch.inference_mode():
        assert torch.equal(_logits(network, chips), network.eval().logits(chips))


def test_same_chips_give_the_same_bits(network):
    chips = _chips()
    assert torch.equal(_logits(network, chips), _logits(network, chips))


def test_a_chip_does_not_depend_on_its_batch(network):
    chips = _chips(n=2)
    alone = torch.cat([_logits(network, chips[:1]), _logits(network, chips[1:])])
    # Not bit by bit: the libraries sum in another order for another batch size.
    tolerance = 1e-4 * float(alone.abs().max())
    torch.testing.assert_close(_logits(network, chips), alone, rtol=0, atol=tolerance)


def test_last_layer_has_no_activation(network):
    kinds = nn.Conv2d, nn.ConvTranspose2d
    parts = getattr(network, "members", [network])
    last = [[m for m in part.modules() if isinstance(m, kinds)][-1] for part in parts]
    logits = _logits(network, _chips())
    for layer in last:
        _negate(layer)
    negated = _logits(network, _chips())
    for layer in last:
        _negate(layer)
    assert torch.equal(negated, -logits)


@torch.no_grad()
def _negate(layer):
    for parameter in layer.parameters():
        parameter.neg_()


def test_gradient_reaches_every_parameter(network):
    network.train().zero_grad()
    # Two chips of 128: batch norm needs several values at the deepest stage.
    network(_chips(n=2, height=128, width=128)).square().mean().backward()
    without = [k for k, p in network.named_parameters() if p.grad is None]
    assert without == []
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())
    network.zero_grad()


def test_saved_and_loaded_network_gives_the_same_bits(name, network, make_metadata, tmp_path):
    metadata = make_metadata(network=name)
    path = save_model(network, metadata, tmp_path / "saved.safetensors", dtype=torch.float32)
    chips = _chips(height=64, width=64)
    assert torch.equal(_logits(load_model(path).network, chips), _logits(network, chips))


def test_arguments_are_known(name):
    assert set(network_entry(name).arguments) <= set(network_arguments(name))
    assert "in_channels" not in network_arguments(name)


@pytest.mark.parametrize("bands", [1, 4])
@pytest.mark.parametrize("name", [_marked(n) for n in network_names()])
def test_other_band_counts_are_taken(name, bands):
    network = create_network(name, in_channels=bands).eval()
    assert _logits(network, _chips(bands=bands, height=32, width=32)).shape == (1, 1, 32, 32)
    with pytest.raises(ValueError, match=rf"expected chips \(N, {bands}, H, W\)"):
        network(_chips(bands=bands + 1))


def test_unknown_network_is_named_with_the_nearest():
    with pytest.raises(ModelError, match="did you mean 'dlinknet34'"):
        create_network("dlinknet43")


def test_unknown_argument_is_named_with_the_known_ones():
    with pytest.raises(ModelError, match=r"no argument 'widht'; it takes: width, norm"):
        create_network("unet", widht=2)


def test_half_an_smp_name_is_refused():
    with pytest.raises(ModelError, match="write smp:ARCH/ENCODER"):
        create_network("smp:unet")


def test_smp_architecture_that_does_not_take_an_encoder_is_a_user_error():
    with pytest.raises(ModelError, match="cannot build smp:unetplusplus/mit_b0"):
        create_network("smp:unetplusplus/mit_b0")
