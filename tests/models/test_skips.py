"""Short skip connections keep the gradient of a deep network even; see docs/skip-connections.md."""

from __future__ import annotations

import pytest
import torch

from roadex.models import create_network

SHALLOW = (1,) * 7


def _gradient_spread(name, **arguments):
    """Return the gradient over the weights of the first stage, relative to the last one."""
    torch.manual_seed(0)
    network = create_network(name, dropout=0.0, **arguments).train()
    chips = torch.randn((4, 3, 64, 64), generator=torch.Generator().manual_seed(1))
    network(chips).square().mean().backward()
    first = network.downs[0][0].weight
    last = next(p for p in network.ups[-1].parameters() if p.ndim == 4)
    return _relative_gradient(first) / _relative_gradient(last)


def _relative_gradient(weight):
    return float(weight.grad.norm() / weight.detach().norm())


@pytest.mark.slow
def test_without_short_skips_the_gradient_of_the_deep_network_explodes():
    assert _gradient_spread("fcn-skips") < 10
    assert _gradient_spread("fcn-skips-long") > 1e5


def test_a_shallow_network_needs_no_short_skips():
    assert _gradient_spread("fcn-skips-long", repeats=SHALLOW) < 10


def test_repeats_are_checked():
    with pytest.raises(ValueError, match="repeats must be 7 positive numbers"):
        create_network("fcn-skips", repeats=(3, 8, 10))
