"""Models that a training begins with or learns from: those of roadex whose input the kit makes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from roadex.errors import ModelError, RoadexError, one_line
from roadex.models import create_network
from roadex.models.base import SegmentationNetwork
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import Model, load_model, read_metadata

LIKE = "roadex-light"
"""Model whose bands, scaling, stretch and pixel size describe networks that start from scratch."""

N_BANDS = 3

Start = tuple[SegmentationNetwork, ModelMetadata]
"""A network to train, and its description; ``training`` in it holds only what it comes from."""


def open_model(name_or_path: str | Path) -> Model:
    """Load a model file, or a packaged model by its name.

    Raises
    ------
    ModelError
        If it cannot be loaded, or its input is not three bands scaled to -1..1.
    """
    model = load_model(name_or_path)
    like, metadata = read_metadata(LIKE), model.metadata
    is_fit = len(metadata.bands) == N_BANDS and np.allclose(
        [metadata.scale, metadata.offset], [like.scale, like.offset]
    )
    if not is_fit:
        msg = (
            f"{name_or_path} takes {', '.join(metadata.bands)} times {metadata.scale[0]:.5g} plus "
            f"{metadata.offset[0]:g}; this kit trains networks with three bands scaled to -1..1"
        )
        raise ModelError(msg)
    return model


def start_from_model(name_or_path: str | Path) -> Start:
    """Return the network of a model; errors as of :func:`open_model`."""
    model = open_model(name_or_path)
    origin = {
        "licence": model.metadata.training.get("licence", ""),
        "initial": {"name": model.metadata.name, "sha256": model.sha256},
    }
    return model.network, replace(model.metadata, training=origin)


def start_from_scratch(
    name: str, arguments: Mapping[str, Any], encoder_weights: Path | None, *, seed: int
) -> Start:
    """Return a network with random weights, but for those of its encoder where a file has them.

    Raises
    ------
    ModelError
        If there is no such network or argument, or the weights do not fit the encoder.
    """
    given = {} if encoder_weights is None else {"encoder_weights": encoder_weights}
    training = {"encoder_weights": encoder_weights.name} if encoder_weights else {}
    metadata = replace(
        read_metadata(LIKE), network=name, arguments=arguments, training=training, validation={}
    )
    torch.manual_seed(seed)
    try:
        network = create_network(name, in_channels=N_BANDS, **arguments, **given)
    except (TypeError, ValueError, KeyError, RuntimeError) as error:
        msg = f"network {name} cannot be built with {dict(arguments)}: {error}"
        raise ModelError(msg) from error
    return network, metadata


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """End the program with one line where roadex says what is wrong."""
    try:
        yield
    except RoadexError as error:
        sys.exit(f"Error: {one_line(str(error))}")
