"""The averaged weights of a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

Tensors: TypeAlias = tuple[Tensor, ...] | list[Tensor]
Average: TypeAlias = Callable[[Tensors, Tensors, Tensor | int], None]


def ramped_average(decay: float) -> Average:
    """Return an exponential moving average that forgets the first steps of a training.

    With a fixed decay of 0.998 half of the average after 350 steps is still the network as it was
    before the first one. So the decay after n updates is at most ``(1 + n) / (10 + n)`` [1]_: the
    average reaches back over about a tenth of the steps done, until that is more than ``decay``
    allows.

    Parameters
    ----------
    decay
        Decay per step in the long run, in [0, 1]. 0 keeps the last weights alone.

    Returns
    -------
    average
        What :class:`torch.optim.swa_utils.AveragedModel` takes as ``multi_avg_fn``.

    References
    ----------
    .. [1] TensorFlow, ``tf.train.ExponentialMovingAverage``, argument ``num_updates``.
    """

    def average(averaged: Tensors, current: Tensors, n_averaged: Tensor | int) -> None:
        n = int(n_averaged)
        get_ema_multi_avg_fn(min(decay, (1 + n) / (10 + n)))(averaged, current, n_averaged)

    return average
