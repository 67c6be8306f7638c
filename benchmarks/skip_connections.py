"""What short skip connections do to the updates in the middle of a deep network.

Drozdzal et al. 2016 (arXiv 1608.04117) report that without short skips the middle of their network
hardly updates, and that a shallow network does not mind. This measures it on ``fcn-skips`` at two
depths with the published optimiser, on chips with straight roads drawn into noise.

    python benchmarks/skip_connections.py

Prints the tables of ``docs/skip-connections.md``; about five minutes on one core.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from roadex.models import create_network

VARIANTS = {
    "long + short": {"long_skip": True, "short_skip": True},
    "short only": {"long_skip": False, "short_skip": True},
    "long only": {"long_skip": True, "short_skip": False},
}
DEPTHS = {"3-8-10-3-10-8-3": (3, 8, 10, 3, 10, 8, 3), "1-1-1-1-1-1-1": (1,) * 7}
N_SEEDS = 3
N_STEPS = 40
N_MEASURED = 20
"""The last steps, whose updates are averaged."""

CHIP_SIZE = 64
BATCH_SIZE = 8


@dataclass
class Run:
    """Per stage: gradient over weights before training, update over weights per step at its end."""

    gradient: dict[str, float] = field(default_factory=dict)
    update: dict[str, float] = field(default_factory=dict)
    loss: float = 0.0


def chips_with_roads(seed: int) -> tuple[Tensor, Tensor]:
    """Return chips of noise with three straight roads each, and their masks."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.arange(CHIP_SIZE) - CHIP_SIZE / 2
    angles = torch.rand((BATCH_SIZE, 3, 1, 1), generator=generator) * torch.pi
    offsets = (torch.rand((BATCH_SIZE, 3, 1, 1), generator=generator) - 0.5) * CHIP_SIZE
    distance = axis[:, None] * angles.sin() + axis[None, :] * angles.cos() - offsets
    roads = (distance.abs() < 3).any(dim=1, keepdim=True).float()
    noise = torch.randn((BATCH_SIZE, 3, CHIP_SIZE, CHIP_SIZE), generator=generator)
    return roads + noise, roads


def stage_weights(network: nn.Module) -> dict[str, list[Tensor]]:
    """Return the weights of each stage's convolutions, without those on the short skips."""
    stages = {f"down {i + 1}": stage for i, stage in enumerate(network.downs)}
    stages["across"] = network.across
    stages |= {f"up {i + 1}": stage for i, stage in enumerate(network.ups)}
    return {
        name: [p for key, p in stage.named_parameters() if p.ndim == 4 and "shortcut" not in key]
        for name, stage in stages.items()
    }


def norm(tensors: list[Tensor]) -> float:
    """Return the Euclidean norm of all tensors together."""
    return sum(float(t.detach().double().square().sum()) for t in tensors) ** 0.5


def train(arguments: dict[str, object], seed: int) -> Run:
    """Train for some steps and measure."""
    torch.manual_seed(seed)
    network = create_network("fcn-skips", dropout=0.0, **arguments).train()
    stages = stage_weights(network)
    optimiser = torch.optim.RMSprop(network.parameters(), lr=1e-3, alpha=0.9)
    run = Run(update=dict.fromkeys(stages, 0.0))
    for step in range(N_STEPS):
        chips, roads = chips_with_roads(1000 * seed + step)
        loss = functional.binary_cross_entropy_with_logits(network(chips), roads)
        optimiser.zero_grad()
        loss.backward()
        if step == 0:
            run.gradient = {n: norm([p.grad for p in w]) / norm(w) for n, w in stages.items()}
        before = {n: [p.detach().clone() for p in w] for n, w in stages.items()}
        optimiser.step()
        if step >= N_STEPS - N_MEASURED:
            for name, weights in stages.items():
                pairs = zip(weights, before[name], strict=True)
                moved = norm([new.detach() - old for new, old in pairs]) / norm(before[name])
                run.update[name] += moved / N_MEASURED
        run.loss = float(loss.detach())
    return run


def print_table(runs: dict[str, list[Run]], part: str) -> None:
    """Print the mean over the seeds per stage and variant."""
    print(f"\n| stage | {' | '.join(runs)} |\n|---|{'--:|' * len(runs)}")
    for stage in runs["long + short"][0].gradient:
        means = (sum(getattr(run, part)[stage] for run in runs[v]) / N_SEEDS for v in runs)
        print(f"| {stage} | {' | '.join(f'{value:.1e}' for value in means)} |")


def main() -> None:
    torch.set_num_threads(1)
    for depth, repeats in DEPTHS.items():
        runs = {
            variant: [train(arguments | {"repeats": repeats}, seed) for seed in range(N_SEEDS)]
            for variant, arguments in VARIANTS.items()
        }
        print(f"\n## {depth}\n\nGradient / weights, before training:")
        print_table(runs, "gradient")
        print(f"\nUpdate / weights, per step, mean of steps {N_STEPS - N_MEASURED + 1}-{N_STEPS}:")
        print_table(runs, "update")
        losses = (f"{v} {sum(run.loss for run in runs[v]) / N_SEEDS:.3f}" for v in runs)
        print(f"\nLoss at step {N_STEPS}: {', '.join(losses)}", flush=True)


if __name__ == "__main__":
    main()
