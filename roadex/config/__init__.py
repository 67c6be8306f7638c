"""Every setting of roadex, one frozen dataclass per stage.

A default lives here and only here: the command line, TOML files and the list of settings read it
from these classes, with what each setting can hold and what it means. Each class checks itself
when it is built and raises :class:`~roadex.errors.ConfigError`.
"""

from roadex.config.changing import ChangeConfig
from roadex.config.cluster import ClusterConfig
from roadex.config.comparing import CompareConfig
from roadex.config.constants import (
    BATCH_SYSTEMS,
    DEFAULT_MODEL,
    FLOAT16,
    FLOAT32,
    INT8,
    NODATA,
    PRECISIONS,
    PROBABILITY_MAX,
    THRESHOLDS_TAG,
    TILE_ALIGNMENT,
    TTA_NAMES,
    TTA_VIEWS,
)
from roadex.config.editing import RebuildConfig, SnapConfig
from roadex.config.inference import PredictConfig, TilingConfig
from roadex.config.run import RunConfig
from roadex.config.scoring import SampleConfig, ScoreConfig
from roadex.config.sources import Layers, read_toml
from roadex.config.synthetic import DemoConfig, GenerateConfig
from roadex.config.training import (
    AlignConfig,
    AugmentConfig,
    CorrectConfig,
    LineLabelConfig,
    TrainConfig,
)
from roadex.config.vector import MergeConfig, OutputConfig, VectorConfig

__all__ = [
    "BATCH_SYSTEMS",
    "DEFAULT_MODEL",
    "FLOAT16",
    "FLOAT32",
    "INT8",
    "NODATA",
    "PRECISIONS",
    "PROBABILITY_MAX",
    "THRESHOLDS_TAG",
    "TILE_ALIGNMENT",
    "TTA_NAMES",
    "TTA_VIEWS",
    "AlignConfig",
    "AugmentConfig",
    "ChangeConfig",
    "ClusterConfig",
    "CompareConfig",
    "CorrectConfig",
    "DemoConfig",
    "GenerateConfig",
    "Layers",
    "LineLabelConfig",
    "MergeConfig",
    "OutputConfig",
    "PredictConfig",
    "RebuildConfig",
    "RunConfig",
    "SampleConfig",
    "ScoreConfig",
    "SnapConfig",
    "TilingConfig",
    "TrainConfig",
    "VectorConfig",
    "read_toml",
]
