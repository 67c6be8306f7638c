"""What a model says about itself; its file, network and weights are not needed for that."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import roadex
from roadex.config import TTA_NAMES
from roadex.errors import ModelError
from roadex.models.entries import parse_entries

_MOST_BANDS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMetadata:
    """What a model says about itself.

    ``bands``, ``scale`` and ``offset`` are in the order in which the network takes its bands.
    """

    name: str
    """Short name, as users type it."""

    network: str
    """Registered name of the network, see :func:`roadex.models.network_names`."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Options of :func:`roadex.models.create_network`, without ``encoder_weights``."""

    bands: tuple[str, ...] = ("red", "green", "blue")
    """Names of the bands, in the network's order."""

    scale: tuple[float, ...] = (1 / 127.5,) * 3
    """Per band, with ``offset``: the network takes ``x * scale + offset``, ``x`` in 0-255."""

    offset: tuple[float, ...] = (-1.0,) * 3

    gsd_m: float
    """Metres per pixel the model is best at; scenes are brought to it."""

    gsd_range_m: tuple[float, float]
    """Smallest and largest metres per pixel it was trained on."""

    stretch: tuple[tuple[float, float], ...] = ()
    """Per band: the values (0-255) of the 1st and 99th percentile of the imagery it was trained on.
    Scenes of other types than 8 bits are brought to them; without it to 0 and 255."""

    threshold_low: float = 0.5
    """Hysteresis: road is what is above ``threshold_high``, and what is above this beside it."""

    threshold_high: float = 0.5

    tta: str = "none"
    """Test-time augmentation the thresholds were tuned with: ``none``, ``flip`` or ``d4``."""

    training: Mapping[str, Any] = field(default_factory=dict)
    """Data, licence, recipe, hours, adaptation of the first convolution."""

    validation: Mapping[str, Any] = field(default_factory=dict)
    """Figures, and the data they were measured on."""

    roadex_version: str = field(default_factory=lambda: roadex.__version__)
    """Version of roadex that wrote the model."""

    def __post_init__(self) -> None:
        n_bands = len(self.bands)
        low, high = self.gsd_range_m
        problems = {
            "needs at least one band": n_bands == 0,
            f"has {n_bands} bands, no more than {_MOST_BANDS} are read": n_bands > _MOST_BANDS,
            "needs a stretch from a lower to a higher value for each band": bool(self.stretch)
            and not (len(self.stretch) == n_bands and all(a < b for a, b in self.stretch)),
            f"needs {n_bands} scales and offsets, one per band": not (
                len(self.scale) == len(self.offset) == n_bands
            ),
            f"needs gsd_m within gsd_range_m and above 0, got {self.gsd_m} in {low}-{high}": (
                not 0 < low <= self.gsd_m <= high
            ),
            f"needs 0 < threshold_low <= threshold_high < 1, got {self.threshold_low}, "
            f"{self.threshold_high}": not 0 < self.threshold_low <= self.threshold_high < 1,
            f"knows tta {', '.join(TTA_NAMES)}, not {self.tta!r}": self.tta not in TTA_NAMES,
            "must not name encoder_weights: the weights are in the file": (
                "encoder_weights" in self.arguments
            ),
            "must not name in_channels: they are the bands": "in_channels" in self.arguments,
        }
        for problem, is_present in problems.items():
            if is_present:
                msg = f"metadata of model {self.name!r}: {problem}"
                raise ModelError(msg)

    @property
    def in_channels(self) -> int:
        """Number of bands the network takes."""
        return len(self.bands)

    @property
    def channel_order(self) -> str:
        """Initials of the bands: ``"RGB"``, ``"BGR"`` for networks trained through OpenCV."""
        return "".join(band[0].upper() for band in self.bands)

    def to_json(self) -> str:
        """Return the metadata as JSON, keys in the order of the class.

        An empty ``stretch`` is left out, so that versions which do not know it read the model.
        """
        values = dataclasses.asdict(self)
        if not self.stretch:
            del values["stretch"]
        return json.dumps(values, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote.

        Entries this version does not know are an error: they could change what the model needs.
        """
        values = parse_entries(text, {item.name for item in dataclasses.fields(cls)})
        return cls(**values)
