"""Statistics of other images: what a network trained elsewhere needs to see a place as its own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from roadex.models import create_network
from roadex.models.statistics import with_statistics_of


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return create_network("dlinknet", encoder="mobilenet_v2", head_width=16).eval()


def _norms(network):
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def test_first_normalisation_has_the_mean_and_variance_of_the_images(network):
    images = [torch.rand(3, 64, 64) + i for i in range(3)]
    adapted = with_statistics_of(network, images)
    with torch.inference_mode():
        first = network.encoder.features[0][0]
        seen = [first(image[None]) for image in images]
    mean = torch.stack([x.mean(dim=(0, 2, 3)) for x in seen]).mean(dim=0)
    variance = torch.stack([x.var(dim=(0, 2, 3)) for x in seen]).mean(dim=0)
    torch.testing.assert_close(_norms(adapted)[0].running_mean, mean)
    torch.testing.assert_close(_norms(adapted)[0].running_var, variance)


def test_the_network_itself_keeps_its_statistics_and_weights_are_shared_in_value(network):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    adapted = with_statistics_of(network, [torch.rand(3, 64, 64)])
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    for name, parameter in adapted.named_parameters():
        assert torch.equal(parameter, before[name]), name
    assert not any(module.training for module in adapted.modules())
    assert [norm.momentum for norm in _norms(adapted)] == [n.momentum for n in _norms(network)]


def test_a_change_of_brightness_is_undone_at_the_first_normalisation(network):
    image = torch.rand(3, 64, 64)
    with torch.inference_mode():
        fitted = with_statistics_of(network, [image])
        expected, unfitted = fitted(image[None]), fitted(2 * image[None])
        bright = with_statistics_of(network, [2 * image])(2 * image[None])
    largest = float(expected.abs().max())
    torch.testing.assert_close(bright, expected, rtol=0, atol=0.02 * largest)
    assert (unfitted - expected).abs().max() > 0.2 * largest


def test_no_image_is_an_error(network):
    with pytest.raises(ValueError, match="no image"):
        with_statistics_of(network, [])
