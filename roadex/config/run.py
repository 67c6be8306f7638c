"""All settings of one ``roadex run``."""

from __future__ import annotations

from dataclasses import dataclass, field

from roadex.config.base import Settings
from roadex.config.running import ClusterConfig, PredictConfig, TilingConfig
from roadex.config.vector import MergeConfig, OutputConfig, VectorConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig(Settings):
    """All settings of one ``roadex run``."""

    tiling: TilingConfig = field(default_factory=TilingConfig)
    predict: PredictConfig = field(default_factory=PredictConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    vector: VectorConfig = field(default_factory=VectorConfig)
    merge: MergeConfig = field(default_factory=MergeConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
