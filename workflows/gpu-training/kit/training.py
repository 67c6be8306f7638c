"""One training: network, averaged weights, optimizer, and what a checkpoint holds of them."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kit.chips import Atlas, draw_chips
from kit.look import vary_look

CHIP_SIZES = {320: 0.25, 384: 0.4, 448: 0.2, 512: 0.15}
"""Side of the chips of a batch in pixels, and how often it is drawn."""

SHARES = {
    "train/massachusetts": 0.16,
    "train/massachusetts-crops": 0.08,
    "train/dubai": 0.11,
    "train/vegas": 0.10,
    "train/shanghai": 0.14,
    "train/japan": 0.16,
    "train/drawn": 0.25,
}
"""Share of the chips from each set; a set that is not named here gets :data:`OTHER_SHARE`."""

OTHER_SHARE = 0.1
LOOK_SHARE = 0.92
"""Share of the batches whose chips are varied in look."""

FULL_DECAY_AFTER = 10


class Batch(NamedTuple):
    """Chips of one step, on the device."""

    images: Tensor
    """float32 ``(N, 3, S, S)`` from -1 to 1, as another camera might show them."""

    clean: Tensor
    """The same chips as they are, for teachers."""

    roads: Tensor
    """float32 ``(N, 1, S, S)``: 1 on roads."""

    valid: Tensor
    """float32 ``(N, 1, S, S)``: 0 where nothing is learned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Settings of a training."""

    steps: int = 4000
    time_limit_min: float = math.inf
    """The rate falls to its end with whichever of the two comes first."""

    seed: int = 0
    batch_mpx: float = 0.9
    """Millions of pixels per step, in chips of one size."""

    learning_rate: float = 3e-4
    encoder_factor: float = 0.4
    """Rate of the encoder as a share of that of the rest."""

    warmup_steps: int = 100
    last_rate: float = 0.02
    """Rate at the end, as a share of the highest: averaged states gain little from its tail."""

    weight_decay: float = 0.01
    gradient_norm: float = 5.0
    ema_decay: float = 0.998
    patched_share: float = 0.0
    """Share of the chips that get a rectangle of another one."""

    taught_share: float = 0.5
    """Share of the teachers in what is learned, where there are any; the rest are the labels."""

    def rate(self, step: int, progress: float) -> float:
        """Return the learning rate: linear warm-up, then cosine over ``progress`` from 0 to 1."""
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        warmup = min(1.0, (step + 1) / self.warmup_steps)
        return self.learning_rate * warmup * (self.last_rate + (1 - self.last_rate) * cosine)


class Training:
    """Network in training, its averaged twin, and the state of the optimizer.

    Parameters
    ----------
    teachers
        Networks whose mean probability on the chips as they are is learned beside the labels: what
        labels get wrong, a mixture of models often has right [1]_.

    References
    ----------
    .. [1] Q. Xie et al., "Self-training with Noisy Student", CVPR 2020.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        device: torch.device,
        teachers: Sequence[nn.Module] = (),
    ) -> None:
        self.recipe, self.device = recipe, device
        placed = {"device": device, "memory_format": torch.channels_last}
        self.teachers = [teacher.to(**placed).eval() for teacher in teachers]
        self.network = network.to(**placed).requires_grad_(True)
        self.averaged = copy.deepcopy(self.network).requires_grad_(False)
        factors: dict[float, list[nn.Parameter]] = {recipe.encoder_factor: [], 1.0: []}
        for name, parameter in self.network.named_parameters():
            factors[recipe.encoder_factor if "encoder." in name else 1.0].append(parameter)
        groups = [{"params": some, "factor": factor} for factor, some in factors.items() if some]
        self.optimizer = torch.optim.AdamW(
            groups, weight_decay=recipe.weight_decay, fused=device.type == "cuda"
        )
        self.step, self.used_s = 0, 0.0

    @property
    def progress(self) -> float:
        """How much of the training is done, 0 to 1."""
        in_time = self.used_s / 60 / self.recipe.time_limit_min
        return min(1.0, max(self.step / self.recipe.steps, in_time))

    def learn(self, batch: Batch) -> float:
        """Take one step and return its loss."""
        rate = self.recipe.rate(self.step, self.progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        self.network.train()
        target = self._taught(batch) if self.teachers else batch.roads
        with self._in_bfloat16():
            logits = self.network(batch.images)
        loss = bce_dice(logits.float(), target, batch.valid)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.gradient_norm)
        self.optimizer.step()
        self.step += 1
        self._average()
        return loss.item()

    def _in_bfloat16(self) -> torch.autocast:
        enabled = has_bfloat16(self.device)
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    @torch.no_grad()
    def _taught(self, batch: Batch) -> Tensor:
        with self._in_bfloat16():
            found = [teacher(batch.clean).float().sigmoid() for teacher in self.teachers]
        return batch.roads.lerp(torch.stack(found).mean(dim=0), self.recipe.taught_share)

    @torch.no_grad()
    def _average(self) -> None:
        warm = (1 + self.step) / (FULL_DECAY_AFTER + self.step)
        decay = min(self.recipe.ema_decay, warm)
        pairs = list(zip(self._tensors(self.averaged), self._tensors(self.network), strict=True))
        floats = [pair for pair in pairs if pair[0].is_floating_point()]
        averaged, current = (list(tensors) for tensors in zip(*floats, strict=True))
        torch._foreach_lerp_(averaged, current, 1 - decay)
        for counter, now in pairs:
            if not counter.is_floating_point():
                counter.copy_(now)

    @staticmethod
    def _tensors(network: nn.Module) -> list[Tensor]:
        return [*network.parameters(), *network.buffers()]

    def save(self, path: Path) -> None:
        """Write a checkpoint, atomically."""
        content = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "used_s": self.used_s,
        }
        partial = path.with_name(f".{path.name}.partial")
        torch.save(content, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        content = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(content["network"])
        self.averaged.load_state_dict(content["averaged"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.step, self.used_s = content["step"], content["used_s"]


def bce_dice(logits: Tensor, roads: Tensor, valid: Tensor) -> Tensor:
    """Return binary cross-entropy plus dice over the batch; pixels that are not valid are out."""
    entropy = functional.binary_cross_entropy_with_logits(logits, roads, reduction="none")
    entropy = (entropy * valid).sum() / valid.sum().clamp(min=1)
    probability, roads = torch.sigmoid(logits) * valid, roads * valid
    overlap = (probability * roads).sum()
    dice = (2 * overlap + 1) / (probability.sum() + roads.sum() + 1)
    return entropy + 1 - dice


def has_bfloat16(device: torch.device) -> bool:
    """Return whether the device multiplies bfloat16 in hardware."""
    if device.type != "cpu":
        return True
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())


def make_batch(atlas: Atlas, shares: Mapping[str, float], recipe: Recipe, step: int) -> Batch:
    """Return the batch of a step: a function of seed and step alone, so resuming repeats it."""
    rng = np.random.default_rng([recipe.seed, step])
    size = int(rng.choice(list(CHIP_SIZES), p=list(CHIP_SIZES.values())))
    n_chips = max(2, round(recipe.batch_mpx * 1e6 / size**2))
    images, roads, valid = draw_chips(atlas, shares, rng, n_chips=n_chips, size=size)
    if recipe.patched_share > 0:
        images, roads, valid = patch(images, roads, valid, rng, share=recipe.patched_share)
    varied = vary_look(images, rng) if rng.random() < LOOK_SHARE else images
    scaled, clean = (
        (chips / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        for chips in (varied, images)
    )
    return Batch(scaled, clean, roads, valid)


def patch(
    images: Tensor, roads: Tensor, valid: Tensor, rng: np.random.Generator, *, share: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Set a rectangle of the next chip into some chips: places in other surroundings [1]_.

    References
    ----------
    .. [1] S. Yun et al., "CutMix", ICCV 2019; for segmentation G. French et al., "Semi-supervised
           semantic segmentation needs strong, varied perturbations", BMVC 2020.
    """
    size = images.shape[-1]
    mask = np.zeros((len(images), 1, size, size), np.bool_)
    for index in np.flatnonzero(rng.random(len(images)) < share):
        height, width = (int(size * rng.uniform(0.3, 0.8)) for _ in range(2))
        top, left = (int(rng.integers(size - n + 1)) for n in (height, width))
        mask[index, 0, top : top + height, left : left + width] = True
    taken = torch.from_numpy(mask).to(images.device)
    mixed = [torch.where(taken, part.roll(1, 0), part) for part in (images, roads, valid)]
    return mixed[0], mixed[1], mixed[2]


def batches(
    atlas: Atlas,
    shares: Mapping[str, float],
    recipe: Recipe,
    first_step: int,
    *,
    n_ahead: int,
) -> Iterator[Batch]:
    """Yield the batches from a step on, without end; ``n_ahead`` of them are made in threads.

    On a GPU each is made on a stream beside that of the training: a thread that waits for its batch
    does not wait for the step in computation.
    """
    if n_ahead == 0:
        for step in range(first_step, 1 << 40):
            yield make_batch(atlas, shares, recipe, step)
    is_cuda = atlas.pixels.device.type == "cuda"

    def make(step: int) -> Batch:
        stream = torch.cuda.Stream() if is_cuda else None
        with torch.cuda.stream(stream) if is_cuda else nullcontext():
            batch = make_batch(atlas, shares, recipe, step)
        if stream is not None:
            stream.synchronize()
        return batch

    with ThreadPoolExecutor(max_workers=n_ahead) as pool:
        waiting: list[Future[Batch]] = []
        for step in range(first_step, 1 << 40):
            waiting.append(pool.submit(make, step))
            if len(waiting) > n_ahead:
                yield waiting.pop(0).result()
