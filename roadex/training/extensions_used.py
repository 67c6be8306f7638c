"""Which packages a training used besides roadex, for the model file to say."""

from __future__ import annotations

from collections.abc import Iterable

from roadex.config import TrainConfig
from roadex.extensions import Family, extension_records
from roadex.models import has_network
from roadex.training.datasets import layout_records
from roadex.training.datasets.description import split_share
from roadex.training.losses import LOSSES


def extensions_used(config: TrainConfig, data: Iterable[str]) -> list[dict[str, str]]:
    """Return network, loss, augmentations and dataset layouts that are not roadex's own.

    Parameters
    ----------
    config
        Settings of the training.
    data
        Datasets as they were given, with their shares.
    """
    networks = [] if has_network(config.network) else [config.network]
    losses = [] if config.loss in LOSSES else [config.loss]
    layouts = [record for item in data for record in layout_records(split_share(item)[0])]
    return [
        *extension_records(Family.NETWORKS, networks),
        *extension_records(Family.LOSSES, losses),
        *extension_records(Family.AUGMENTATIONS, config.augment.add or ()),
        *(record for i, record in enumerate(layouts) if record not in layouts[:i]),
    ]
