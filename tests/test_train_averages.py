"""The averaged weights of a training."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from roadex.training.averages import ramped_average


def _average(decay, values):
    """Return the average after the weight of a module had each of the values."""
    module = nn.Linear(1, 1, bias=False)
    averaged = AveragedModel(module, multi_avg_fn=ramped_average(decay))
    for value in values:
        nn.init.constant_(module.weight, value)
        averaged.update_parameters(module)
    return averaged.module.weight.item()


def test_weights_before_the_first_steps_are_soon_forgotten():
    # With a fixed decay of 0.998 the first value would still count for 0.998**50, about 0.9.
    assert _average(0.998, [1.0] + [0.0] * 50) < 1e-3


def test_the_decay_is_ramped_up_as_published_and_then_what_was_asked_for():
    # The first update copies; the next ones have n = 1, 2, 3.
    expected = 1.0
    for n in (1, 2, 3):
        decay = min(0.2, (1 + n) / (10 + n))
        expected = decay * expected
    assert _average(0.2, [1.0, 0.0, 0.0, 0.0]) == pytest.approx(expected, rel=1e-6)


def test_without_decay_the_last_weights_are_kept():
    assert _average(0.0, [3.0, 1.0, 2.0]) == pytest.approx(2.0)


def test_statistics_are_averaged_like_weights():
    module = nn.BatchNorm1d(1)
    averaged = AveragedModel(module, multi_avg_fn=ramped_average(0.998), use_buffers=True)
    for value in [5.0] + [1.0] * 60:
        module.running_mean.fill_(value)
        averaged.update_parameters(module)
    torch.testing.assert_close(averaged.module.running_mean, torch.ones(1), rtol=0, atol=2e-3)
