"""Settings of training, and of the labels it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from roadex.config.base import Settings
from roadex.config.constants import DEFAULT_MODEL, TILE_ALIGNMENT, Tta
from roadex.config.kinds import (
    Count,
    Limits,
    NotNegative,
    Positive,
    Seed,
    Share,
    Unit,
    Unset,
    Whole,
)

Decay = Annotated[float, Limits(at_least=0, below=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig(Settings):
    """Random changes to training chips. Flips and quarter turns are always on."""

    style: Literal["roadex", "published"] = "roadex"
    """Set of augmentations: roadex, or published (the colours, shifts and scales of D-LinkNet).
    With the latter only hue_wrap and width_jitter_px of what follows count."""

    hue_wrap: Literal["correct", "original"] = "correct"
    """Handling of hues: original keeps a fault of the published code, where hues below a negative
    shift jump."""

    scale_jitter: Annotated[float, Limits(at_least=0, below=2)] = 0.35
    """Chips are scaled by exp(u), u uniform within ± this: makes other pixel sizes work."""

    colour_probability: Share = 0.5
    """Probability of each of the colour steps (gain and cast, contrast, gamma, ...)."""

    colour_strength: NotNegative = 1.0
    """Factor on the range of every colour step; 0 switches them off."""

    grey_probability: Share = 0.05
    """Probability of grey chips."""

    blur_probability: Share = 0.2
    """Probability of blur."""

    noise_probability: Share = 0.2
    """Probability of noise."""

    jpeg_probability: Share = 0.2
    """Probability of JPEG artefacts."""

    shadow_probability: Share = 0.0
    """Probability of dark stripes, such as the shadows of buildings and trees across roads."""

    width_jitter_px: Whole = 0
    """Labels are made wider or narrower by up to this many pixels on each side."""

    add: Annotated[tuple[str, ...] | None, Unset("none")] = None
    """Augmentations of installed extensions, done in this order after all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLabelConfig(Settings):
    """How road lines become labels of a scene. Lengths are in metres."""

    width_m: Positive = 7.0
    """Width at which lines without a width attribute are burnt; 7 m is that of the labels of
    Massachusetts Roads."""

    width_attribute: str = "width_m"
    """Attribute with the width of each line in metres, where the file has it."""

    ignore_m: NotNegative = 2.0
    """Band along both sides of a burnt road that carries no label: its true edge is unknown."""

    layer: str = ""
    """Layer of the vector file; empty: the only one with lines, or ``road_edges``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig(Settings):
    """How a network is trained. One step is one update of the weights."""

    network: str = "dlinknet"
    """Network to train: a name from ``roadex models list``."""

    arguments: dict[str, Any] = field(default_factory=lambda: {"encoder": "mobilenet_v2"})
    """Options of the network; see ``roadex models show NETWORK``."""

    bands: tuple[str, ...] = ("red", "green", "blue")
    """Names of the bands the network takes, in its order."""

    encoder_weights: Annotated[str | None, Unset("random weights")] = None
    """Weights (.safetensors) to start the encoder from."""

    loss: str = "bce-dice"
    """Loss function: bce, bce-dice, bce-dice-cldice, or one of an installed extension."""

    steps: Count = 4000
    """Steps of the training."""

    epochs: Whole = 0
    """Passes over the data; above 0 they replace ``steps``."""

    sampling: Literal["random", "epochs"] = "random"
    """Choice of chips: random (windows anywhere, datasets by their shares) or epochs (every window
    of a grid once per epoch, in random order)."""

    batch_size: Count = 8
    """Chips per step, over all processes and parts."""

    accumulation: Count = 1
    """Parts in which a batch is computed one after the other: less memory, the same step."""

    chip_size: Annotated[int, Limits(above=0, multiple_of=TILE_ALIGNMENT), Unit("px")] = 384
    """Side of a training chip."""

    gsd_m: Positive = 1.0
    """Metres per pixel that chips are brought to; also that of the finished model."""

    input_range: Positive = 1.0
    """Image values 0 to 255 reach the network as minus this to this."""

    optimizer: Literal["adamw", "adam"] = "adamw"
    """Optimizer of the weights."""

    schedule: Literal["cosine", "divide-by-5"] = "cosine"
    """Learning rate over the training: cosine (a linear rise, then half a cosine down to 0) or
    divide-by-5 (constant, divided by 5 when the loss of an epoch stops falling, as D-LinkNet was
    trained)."""

    learning_rate: Positive = 1e-3
    """Highest learning rate."""

    encoder_learning_rate_factor: NotNegative = 0.3
    """Factor on the learning rate of the encoder: less where it starts from good weights."""

    warmup_share: Decay = 0.05
    """Share of the steps over which the learning rate rises from 0."""

    weight_decay: NotNegative = 1e-2
    """Weight decay of the optimizer."""

    gradient_norm: Positive = 5.0
    """Gradients are scaled down to this norm where theirs is larger."""

    ema_decay: Decay = 0.998
    """Decay per step of the averaged weights, which are evaluated and kept; less in the first
    steps, see :func:`roadex.training.averages.ramped_average`."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the training: float32 or bfloat16 (autocast; pays on GPUs, and on CPUs with
    AVX512-BF16 or AMX)."""

    tta: Tta = "flip"
    """Test-time augmentation of the last evaluation, which chooses the thresholds of the model."""

    seed: Seed = 0
    """Random seed."""

    evaluate_every: Count = 500
    """Steps between two evaluations on the validation data."""

    patience: Whole = 0
    """Evaluations without a better IoU after which training stops and keeps the best weights; 0
    trains to the end and keeps the last ones."""

    checkpoint_every: Count = 100
    """Steps between two checkpoints; a killed training resumes from the last one."""

    loader_processes: Whole = 1
    """Processes that read and augment chips beside the training process."""

    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def contradictions(self) -> Iterator[str]:
        """Yield what is wrong between settings."""
        if self.batch_size % self.accumulation:
            yield f"{{accumulation}} must divide {{batch_size}} ({self.batch_size})" + (
                f", got {self.accumulation}"
            )
        if self.sampling == "epochs" and self.augment.scale_jitter != 0:
            yield "{sampling} epochs cuts a fixed grid of windows: set {augment.scale_jitter} to 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectConfig(Settings):
    """How ``roadex correct`` trains a model on."""

    steps: Count = 200
    """Steps of the training."""

    learning_rate: Positive = 4e-4
    """Highest learning rate."""

    edit_share: Share = 0.6
    """Share of the chips that are cut where something was corrected; the others come from anywhere
    in the scene, so that the model keeps what it knows."""

    batch_size: Count = 4
    """Chips per step."""

    chip_size: Annotated[int, Limits(above=0, multiple_of=TILE_ALIGNMENT), Unit("px")] = 320
    """Side of a training chip."""

    seed: Seed = 0
    """Random seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignConfig(Settings):
    """How ``roadex align`` moves labels."""

    model: str = DEFAULT_MODEL
    """Finds the roads: a name from ``roadex models list``, or a model file."""

    tta: Tta = "none"
    """Test-time augmentation: none, 4 flips (``flip``), 8 flips and rotations (``d4``), or 4
    flips of those chips only in which the first view shows anything (``adaptive``)."""

    max_shift_m: Annotated[float, Limits(above=0, at_most=20)] = 3.0
    """Longest shift of a label, in each of the four directions."""
