"""All settings of one ``roadex run``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from roadex.config.base import Settings
from roadex.config.cluster import ClusterConfig
from roadex.config.constants import TILE_ALIGNMENT
from roadex.config.inference import PredictConfig, TilingConfig
from roadex.config.vector import MergeConfig, OutputConfig, VectorConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig(Settings):
    """All settings of one ``roadex run``, and of the verbs that do parts of it."""

    tiling: TilingConfig = field(default_factory=TilingConfig)
    predict: PredictConfig = field(default_factory=PredictConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    vector: VectorConfig = field(default_factory=VectorConfig)
    merge: MergeConfig = field(default_factory=MergeConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def contradictions(self) -> Iterator[str]:
        """Yield what is wrong between settings: tiles on which a network is not shift-exact."""
        for name in ("chip_size", "halo"):
            value = getattr(self.tiling, name)
            if value % TILE_ALIGNMENT:
                yield f"{{tiling.{name}}} must be a multiple of {TILE_ALIGNMENT}, got {value}"
