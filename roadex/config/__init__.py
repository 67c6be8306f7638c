"""Every setting of roadex, one frozen dataclass per stage.

A default lives here and only here: the command line and TOML files read it from these classes.
Each class checks itself when it is built and raises :class:`~roadex.errors.ConfigError`.
"""

from roadex.config.base import read_toml, settings_from_text
from roadex.config.comparing import CompareConfig
from roadex.config.constants import (
    BATCH_SYSTEMS,
    DEFAULT_MODEL,
    NODATA,
    PROBABILITY_MAX,
    THRESHOLDS_TAG,
    TILE_ALIGNMENT,
    TTA_NAMES,
)
from roadex.config.run import RunConfig
from roadex.config.running import (
    AlignConfig,
    ClusterConfig,
    DemoConfig,
    GenerateConfig,
    PredictConfig,
    TilingConfig,
)
from roadex.config.scoring import ScoreConfig
from roadex.config.training import AugmentConfig, LineLabelConfig, TrainConfig
from roadex.config.vector import MergeConfig, OutputConfig, VectorConfig

__all__ = [
    "BATCH_SYSTEMS",
    "DEFAULT_MODEL",
    "NODATA",
    "PROBABILITY_MAX",
    "THRESHOLDS_TAG",
    "TILE_ALIGNMENT",
    "TTA_NAMES",
    "AlignConfig",
    "AugmentConfig",
    "ClusterConfig",
    "CompareConfig",
    "DemoConfig",
    "GenerateConfig",
    "LineLabelConfig",
    "MergeConfig",
    "OutputConfig",
    "PredictConfig",
    "RunConfig",
    "ScoreConfig",
    "TilingConfig",
    "TrainConfig",
    "VectorConfig",
    "read_toml",
    "settings_from_text",
]
