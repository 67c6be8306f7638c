"""Losses: the published values, and finite gradients whatever the batch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from roadex.errors import ConfigError
from roadex.training.losses import LOSSES, loss_by_name
from roadex.training.losses.bce_dice import bce_dice, dice_loss

# BCE + dice of the D-LinkNet authors' loss.py on fixed inputs (their code, PyTorch 2.13, float32).
REFERENCE = np.load(Path(__file__).parent / "data" / "dice_bce_loss_reference.npz")


@pytest.fixture
def reference_batch():
    probability = torch.from_numpy(REFERENCE["prob"]).double()
    target = torch.from_numpy(REFERENCE["target"]).double()
    return torch.logit(probability), target, torch.ones_like(target, dtype=torch.bool)


def test_published_loss_value_is_reproduced(reference_batch):
    assert bce_dice(*reference_batch).item() == pytest.approx(1.8391147, abs=2e-6)


def test_published_dice_term_is_reproduced(reference_batch):
    logits, target, _ = reference_batch
    assert dice_loss(torch.sigmoid(logits), target).item() == pytest.approx(0.8382423, abs=1e-6)


@pytest.fixture(params=sorted(LOSSES))
def loss(request):
    return loss_by_name(request.param)


def _batch(seed=0, road_share=0.2):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 1, 32, 32, generator=generator).requires_grad_()
    target = (torch.rand(2, 1, 32, 32, generator=generator) < road_share).float()
    return logits, target, torch.ones_like(target, dtype=torch.bool)


@pytest.mark.parametrize("target_value", [0.0, 1.0])
@pytest.mark.parametrize("valid_value", [True, False])
def test_uniform_batches_give_finite_loss_and_gradient(loss, target_value, valid_value):
    logits, target, valid = _batch()
    value = loss(logits, torch.full_like(target, target_value), torch.full_like(valid, valid_value))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()


def test_very_sure_logits_give_finite_loss(loss):
    logits, target, valid = _batch()
    assert torch.isfinite(loss(logits.detach() * 1e4, target, valid))


def test_invalid_pixels_change_nothing(loss):
    logits, target, valid = _batch()
    valid[:, :, :16] = False
    other = torch.where(valid, target, 1 - target)
    disturbed = torch.where(valid, logits, logits + 5)
    torch.testing.assert_close(loss(logits, target, valid), loss(disturbed, other, valid))


def test_invalid_pixels_get_no_gradient(loss):
    logits, target, valid = _batch()
    valid[:, :, :16] = False
    loss(logits, target, valid).backward()
    assert (logits.grad[~valid] == 0).all()
    assert (logits.grad[valid] != 0).any()


def test_right_answer_beats_wrong_answer(loss):
    _, target, valid = _batch()
    right = (target * 2 - 1) * 10
    assert loss(right, target, valid) < 0.01 < 1 < loss(-right, target, valid)


def test_unknown_loss_is_refused_with_the_known_names():
    with pytest.raises(ConfigError, match="bce-dice"):
        loss_by_name("nope")
