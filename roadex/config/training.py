"""Settings of training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from roadex.config.base import Settings, one_of, require
from roadex.config.constants import TILE_ALIGNMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig(Settings):
    """Random changes to training chips. Flips and quarter turns are always on."""

    style: str = "roadex"
    """``roadex``, or ``published``: the colours, shifts and scales of D-LinkNet; then only
    ``hue_wrap`` and ``width_jitter_px`` of what follows count."""

    hue_wrap: str = "correct"
    """``original`` keeps a fault of the published code: hues below a negative shift jump."""

    scale_jitter: float = 0.35
    """Chips are scaled by exp(u), u uniform in ± this: makes other pixel sizes work."""

    colour_probability: float = 0.5
    """Probability of each of the colour steps (gain and cast, contrast, gamma, ...)."""

    colour_strength: float = 1.0
    """Factor on the range of every colour step; 0 switches them off."""

    grey_probability: float = 0.05
    blur_probability: float = 0.2
    noise_probability: float = 0.2
    jpeg_probability: float = 0.2
    shadow_probability: float = 0.0
    """Probability of dark stripes, as buildings and trees throw them across roads."""

    width_jitter_px: int = 0
    """Labels are made wider or narrower by up to this many pixels on each side."""

    def __post_init__(self) -> None:
        one_of("style", self.style, ("roadex", "published"))
        one_of("hue_wrap", self.hue_wrap, ("correct", "original"))
        for name in ("colour", "grey", "blur", "noise", "jpeg", "shadow"):
            value = getattr(self, f"{name}_probability")
            require(0 <= value <= 1, f"{name}_probability must be in [0, 1], got {value}")
        require(
            self.width_jitter_px >= 0,
            f"width_jitter_px must not be negative, got {self.width_jitter_px}",
        )
        require(
            0 <= self.scale_jitter < 2, f"scale_jitter must be in [0, 2), got {self.scale_jitter}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLabelConfig(Settings):
    """How road lines become labels of a scene. Lengths are in metres."""

    width_m: float = 7.0
    """Width at which lines are burnt where no attribute says it: that of the labels of
    Massachusetts Roads."""

    width_attribute: str = "width_m"
    """Attribute with the width of each line in metres, where the file has it."""

    ignore_m: float = 2.0
    """Band along both sides of a burnt road that carries no label: its true edge is unknown."""

    layer: str = ""
    """Layer of the vector file; empty: the only one with lines, or ``road_edges``."""

    def __post_init__(self) -> None:
        require(self.width_m > 0, f"width_m must be positive, got {self.width_m}")
        require(self.ignore_m >= 0, f"ignore_m must not be negative, got {self.ignore_m}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig(Settings):
    """How a network is trained. One step is one update of the weights."""

    network: str = "dlinknet"
    """A name from ``roadex models list``."""

    arguments: dict[str, Any] = field(default_factory=lambda: {"encoder": "mobilenet_v2"})
    """What the network is built with."""

    bands: tuple[str, ...] = ("red", "green", "blue")
    """Names of the bands the network takes, in its order, such as red, green, blue, nir."""

    encoder_weights: str | None = None
    """A ``.safetensors`` file to start the encoder from; None starts from scratch."""

    loss: str = "bce-dice"
    steps: int = 4000
    epochs: int = 0
    """Passes over the data; above 0 they take the place of ``steps``."""

    sampling: str = "random"
    """``random``: windows anywhere, datasets in proportion to their shares; ``epochs``: every
    window of a grid once per epoch, in another order each time."""

    batch_size: int = 8
    """Chips per step, over all processes and parts."""

    accumulation: int = 1
    """Parts in which a batch is computed one after the other: less memory, the same step."""
    chip_size: int = 384
    """Side of a training chip in pixels; a multiple of 32."""

    gsd_m: float = 1.0
    """Ground sample distance chips are brought to, and that of the finished model."""

    input_range: float = 1.0
    """Image values 0 to 255 reach the network as minus this to this."""

    optimizer: str = "adamw"
    """``adamw`` or ``adam``."""

    schedule: str = "cosine"
    """``cosine``: up along a line, down along a half cosine to 0; ``divide-by-5``: constant,
    divided by 5 when the training loss of an epoch stops falling, as D-LinkNet was trained."""

    learning_rate: float = 1e-3
    """Highest learning rate."""

    encoder_learning_rate_factor: float = 0.3
    """Share of the learning rate that the encoder gets: less where it starts from good weights."""

    warmup_share: float = 0.05
    """Share of the steps over which the learning rate rises from 0."""

    weight_decay: float = 1e-2
    gradient_norm: float = 5.0
    """Gradients are scaled down to this norm where theirs is larger."""

    ema_decay: float = 0.998
    """Decay per step of the averaged weights, which are the ones evaluated and kept; less in the
    first steps, see :func:`roadex.training.averages.ramped_average`."""

    precision: str = "float32"
    """``float32`` or ``bfloat16`` (autocast; worth it on GPUs and CPUs with AVX512-BF16 or AMX)."""

    tta: str = "d4"
    """Test-time augmentation of the last evaluation, which chooses the thresholds of the model."""

    seed: int = 0
    evaluate_every: int = 500
    """Steps between two evaluations on the validation data."""

    patience: int = 0
    """Evaluations without a better IoU after which training stops; the weights of the best one
    are kept. 0 trains to the end and keeps the last weights."""

    checkpoint_every: int = 100
    """Steps between two checkpoints; a killed training goes on from the last one."""

    loader_processes: int = 1
    """Processes that read and augment chips beside the training process."""

    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        for name in (
            "steps", "batch_size", "evaluate_every", "checkpoint_every", "learning_rate",
            "input_range",
        ):  # fmt: skip
            value = getattr(self, name)
            require(value > 0, f"{name} must be positive, got {value}")
        for name in ("epochs", "patience"):
            value = getattr(self, name)
            require(value >= 0, f"{name} must not be negative, got {value}")
        require(
            self.chip_size > 0 and self.chip_size % TILE_ALIGNMENT == 0,
            f"chip_size must be a multiple of {TILE_ALIGNMENT}, got {self.chip_size}",
        )
        one_of("precision", self.precision, ("float32", "bfloat16"))
        one_of("sampling", self.sampling, ("random", "epochs"))
        one_of("optimizer", self.optimizer, ("adamw", "adam"))
        one_of("schedule", self.schedule, ("cosine", "divide-by-5"))
        require(
            self.accumulation > 0 and self.batch_size % self.accumulation == 0,
            f"accumulation must divide batch_size ({self.batch_size}), got {self.accumulation}",
        )
        require(
            self.sampling == "random" or self.augment.scale_jitter == 0,
            "sampling epochs cuts a fixed grid of windows: set augment.scale_jitter to 0",
        )
