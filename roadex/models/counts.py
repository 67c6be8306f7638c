"""What a network costs: parameters and multiply-adds, and the table of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from roadex.models import REGISTRY, create_network

COUNTED_SIZE = 1024
"""Side of the chip for which multiply-adds are given: a DeepGlobe image."""


@dataclass(frozen=True, slots=True)
class NetworkCount:
    """Size and cost of one network."""

    parameters: int

    multiply_adds: int
    """Of convolutions and matrix products, for one chip of 1024 x 1024 pixels."""


def count_network(name: str, *, in_channels: int = 3, **arguments: Any) -> NetworkCount:
    """Count a network; nothing is computed.

    Parameters
    ----------
    name, in_channels, arguments
        As for :func:`roadex.models.create_network`.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    # Moved to the meta device afterwards: encoders of timm (mit_b2) cannot be built on it.
    network = create_network(name, in_channels=in_channels, **arguments).eval().to("meta")
    chip = torch.empty(1, in_channels, COUNTED_SIZE, COUNTED_SIZE, device="meta")
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(chip)
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    return NetworkCount(n_parameters, counter.get_total_flops() // 2)


OTHER_ENCODERS = (
    "mobilenet_v2",
    "efficientnet_lite0",
    "resnet18",
    "resnet50",
    "efficientnet-b3",
    "mit_b2",
    "tu-convnext_tiny",
)
"""Encoders that the documentation counts ``dlinknet`` over, besides its own."""


def markdown_encoders() -> str:
    """Return the table of ``dlinknet`` over other encoders, as it stands in the documentation."""
    rows = ["| encoder | parameters | GMAC at 1024 x 1024 |", "|---|--:|--:|"]
    for encoder in OTHER_ENCODERS:
        count = count_network("dlinknet", encoder=encoder)
        rows.append(f"| `{encoder}` | {count.parameters:,} | {count.multiply_adds / 1e9:.1f} |")
    return "\n".join(rows)


def markdown_networks() -> str:
    """Return the table of all registered networks, as it stands in the documentation."""
    rows = ["| network | parameters | GMAC at 1024 x 1024 | published figure | definition |"]
    rows.append("|---|--:|--:|---|---|")
    for name, entry in REGISTRY.items():
        count = count_network(name)
        cells = (
            f"`{name}`",
            f"{count.parameters:,}",
            f"{count.multiply_adds / 1e9:.1f}",
            entry.published or "-",
            entry.source,
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)
