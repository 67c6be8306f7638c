"""Folded batch normalisation: nothing changes but the time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from roadex.inference.folding import fold_batch_norm
from roadex.models import create_network
from roadex.models.base import SegmentationNetwork


def _count(network):
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def _with_statistics(network):
    """Give every batch normalisation statistics and weights of its own."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return network.eval()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("dlinknet34", {}),
        ("dlinknet", {"encoder": "mobilenet_v2", "head_width": 16}),
        ("linknet", {}),
        ("smp:fpn/mobilenet_v2", {}),
    ],
)
def test_every_normalisation_is_folded_and_logits_are_the_same(name, arguments):
    network = _with_statistics(create_network(name, **arguments))
    chips = torch.rand(2, 3, 64, 96) * 2 - 1
    n_before = _count(network)
    with torch.inference_mode():
        expected = network(chips)
        folded = fold_batch_norm(network)
        torch.testing.assert_close(
            folded(chips), expected, rtol=0, atol=1e-4 * expected.abs().max()
        )
        assert torch.equal(network(chips), expected)
    assert _count(network) == n_before > _count(folded) == 0


class _Misleading(SegmentationNetwork):
    """Its normalisation stands behind the convolution and runs before it."""

    stride = 1

    def __init__(self):
        super().__init__(3)
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.normalisation = nn.BatchNorm2d(3)
        self.last = nn.Conv2d(3, 1, 1)

    def logits(self, chips):
        return self.last(self.convolution(self.normalisation(chips)))


def test_a_network_that_runs_in_another_order_is_left_alone():
    network = _with_statistics(_Misleading())
    assert fold_batch_norm(network) is network
    assert _count(network) == 1
