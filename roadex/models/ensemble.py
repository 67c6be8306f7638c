"""Several networks as one: their mean probability.

Networks of other kinds err in other places, so the mean of two is often better than either; it
costs what they cost together (Hansen & Salamon, "Neural Network Ensembles", PAMI 1990).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from roadex.errors import ModelError
from roadex.models.base import SegmentationNetwork

MEMBERS: tuple[Mapping[str, Any], ...] = (
    {"network": "dlinknet", "arguments": {"encoder": "mobilenet_v2"}},
    {"network": "dlinknet", "arguments": {"encoder": "efficientnet_lite0"}},
)

_LARGEST_LOGIT = 16.0
"""Logits beyond this say no more: their probability is 0 or 1 to 7 digits."""


class Ensemble(SegmentationNetwork):
    """Networks side by side on the same chips.

    Parameters
    ----------
    in_channels
        Bands.
    members
        ``network`` (a name) and ``arguments`` of each, as :func:`roadex.models.create_network`
        takes them. None of them is an ensemble itself.
    shares
        Weights of the members in the mean, one each; only their ratios count. Empty is equal.

    Raises
    ------
    ModelError
        If there are no members, or members or shares are not what they should be.
    """

    def __init__(
        self,
        in_channels: int = 3,
        *,
        members: Sequence[Mapping[str, Any]] = MEMBERS,
        shares: Sequence[float] = (),
    ) -> None:
        super().__init__(in_channels)
        _check(members, shares)
        self.described = [dict(one) for one in members]
        from roadex.models import create_network

        self.members = nn.ModuleList(
            create_network(one["network"], in_channels=in_channels, **one.get("arguments", {}))
            for one in members
        )
        self.stride = math.lcm(*(int(network.stride) for network in self.members))  # type: ignore[arg-type]
        given = tuple(shares) or (1.0,) * len(members)
        self.shares = tuple(share / sum(given) for share in given)

    def logits(self, chips: Tensor) -> Tensor:
        """Return logits ``(N, 1, H, W)`` of the mean probability."""
        each = [network.logits(chips).float() for network in self.members]  # type: ignore[operator]
        limited = [logits.clamp(-_LARGEST_LOGIT, _LARGEST_LOGIT) for logits in each]
        pairs = list(zip(self.shares, limited, strict=True))
        # log p - log (1 - p), each from sums of what the members say: exact near 0 and 1.
        road = torch.stack([share * torch.sigmoid(logits) for share, logits in pairs]).sum(dim=0)
        other = torch.stack([share * torch.sigmoid(-logits) for share, logits in pairs]).sum(dim=0)
        return torch.log(road) - torch.log(other)


def _check(members: Sequence[Mapping[str, Any]], shares: Sequence[float]) -> None:
    if not members:
        msg = "an ensemble needs members"
        raise ModelError(msg)
    for one in members:
        if not isinstance(one, Mapping) or not isinstance(one.get("network"), str):
            msg = f"a member of an ensemble is a network and its arguments, not {str(one)[:60]!r}"
            raise ModelError(msg)
        if set(one) - {"network", "arguments"} or one["network"] == "ensemble":
            msg = f"no member of an ensemble: {str(one)[:60]!r}"
            raise ModelError(msg)
    if shares and (len(shares) != len(members) or min(shares) <= 0):
        msg = f"{len(members)} members need as many shares above 0, got {list(shares)}"
        raise ModelError(msg)
