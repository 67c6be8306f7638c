"""Which settings have an effect in which command."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic

from roadex.config.changing import ChangeConfig
from roadex.config.comparing import CompareConfig
from roadex.config.run import RunConfig
from roadex.config.scoring import ScoreConfig
from roadex.config.sources import Layers, S
from roadex.config.training import TrainConfig


@dataclass(frozen=True, slots=True)
class VerbSettings(Generic[S]):
    """The settings of a command."""

    verb: str
    kind: type[S]
    uses: tuple[str, ...] = ()
    """Paths of the groups and settings that have an effect; none means all."""

    def layers(self) -> Layers[S]:
        """Return an empty collection of the settings a user gives."""
        return Layers(self.kind, verb=self.verb, uses=self.uses)


_WORKERS = tuple(
    f"cluster.{name}"
    for name in (
        "scheduler", "scheduler_file", "jobqueue", "workers", "retries", "tiles_in_flight",
        "worker_timeout_s", "dashboard",
    )
)  # fmt: skip
_INFERENCE = ("tiling", "predict", *_WORKERS, "cluster.gpus", "cluster.store")

RUN = VerbSettings("run", RunConfig, ("tiling", "predict", "cluster", "vector", "output"))
PLAN = VerbSettings("plan", RunConfig, RUN.uses)
PREDICT = VerbSettings("predict", RunConfig, _INFERENCE)
VECTORIZE = VerbSettings("vectorize", RunConfig, (*_WORKERS, "vector", "output"))
MERGE = VerbSettings("merge", RunConfig, ("merge", "output"))
REBUILD = VerbSettings("rebuild", RunConfig, ("output",))
DEMO = VerbSettings("demo", RunConfig, (*_INFERENCE, "vector", "output"))
DOCTOR = VerbSettings("doctor", RunConfig, (*_WORKERS, "cluster.gpus", "cluster.store"))
COMPARE = VerbSettings("compare", CompareConfig)
CHANGE = VerbSettings("change", ChangeConfig)
CONVERT = VerbSettings("convert", RunConfig, ("output",))
TRAIN = VerbSettings("train", TrainConfig)
SCORE = VerbSettings("score", ScoreConfig)
ASSESS = VerbSettings(
    "assess",
    ScoreConfig,
    (
        "line_buffer_m", "line_heading_deg", "line_step_m", "bootstrap_samples", "confidence",
        "seed",
    ),
)  # fmt: skip

VERB_SETTINGS: MappingProxyType[str, VerbSettings[Any]] = MappingProxyType(
    {
        each.verb: each
        for each in (
            RUN,
            PLAN,
            PREDICT,
            VECTORIZE,
            MERGE,
            REBUILD,
            COMPARE,
            CHANGE,
            CONVERT,
            DEMO,
            TRAIN,
            SCORE,
            ASSESS,
        )
    }
)
"""Commands that take settings by ``--set`` and ``--config``, by name."""
