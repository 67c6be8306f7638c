"""The networks of the D-LinkNet authors, held to the published definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from roadex.models import create_network
from roadex.models.checkpoints import rename

FIVE = (
    "dlinknet34",
    "dlinknet34-lesspool",
    pytest.param("linknet34", marks=pytest.mark.slow),
    pytest.param("dlinknet50", marks=pytest.mark.slow),
    pytest.param("dlinknet101", marks=pytest.mark.slow),
)


def _filled(name, weights):
    network = create_network(name).eval()
    network.load_state_dict(rename(weights, name))
    return network


@pytest.fixture(scope="module", params=FIVE)
def published(request, references):
    """Our network with the reference weights, the name of the original, and those weights."""
    original_name = references.NETWORKS[request.param]
    weights = references.state_dict(original_name)
    return _filled(request.param, weights), original_name, weights


@torch.inference_mode()
def test_logits_are_the_stored_ones(published, references):
    # Stored under PyTorch 2.13: another version moves logits of about +-100 in the last bits.
    network, original_name, _ = published
    logits = network(references.chip())[0, 0].numpy()
    sample, statistics = references.stored_logits(original_name)
    measured = [logits.min(), logits.mean(dtype=float), logits.max(), logits.std(dtype=float)]
    np.testing.assert_allclose(logits[::4, ::4], sample, rtol=1e-4, atol=5e-3)
    np.testing.assert_allclose(measured, statistics, rtol=1e-4, atol=5e-3)


@torch.inference_mode()
def test_logits_equal_the_original_layers_bit_by_bit(published, references, original):
    network, original_name, weights = published
    chip = references.chip(96, 64)
    assert torch.equal(network(chip), original.logits(original_name, weights, chip))


@pytest.mark.slow
@torch.inference_mode()
def test_a_wrong_dilation_would_be_noticed(references):
    network = _filled("dlinknet34", references.state_dict("DinkNet34"))
    last = network.decoder.center.convs[3]
    last.dilation = last.padding = (4, 4)
    logits = network(references.chip())[0, 0].numpy()
    sample, _ = references.stored_logits("DinkNet34")
    assert np.abs(logits[::4, ::4] - sample).max() > 10


@pytest.mark.slow
@torch.inference_mode()
def test_unet_of_the_authors_equals_the_original_layers_bit_by_bit(references, original):
    weights = references.state_dict("Unet")
    network = _filled("unet-dlinknet", weights)
    chip = references.chip(128, 256)
    assert torch.equal(network(chip), original.logits("Unet", weights, chip))
