"""Average states of trainings: by given shares, or the mixture that places left out like best.

    python workflows/gpu-training/average.py places.zip mixed.safetensors STATE... [--shares S...]

Without ``--shares`` the mixture is built greedily, as a soup of models: it begins with the best
state and takes in, again and again and with repetition, the state that raises the mean IoU over
the sets most, until none does.

References
----------
.. [1] M. Wortsman et al., "Model soups", ICML 2022; selection with replacement as in
       R. Caruana et al., "Ensemble Selection from Libraries of Models", ICML 2004.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # roadex of this checkout
sys.path.insert(0, str(Path(__file__).parent))

from kit.measure import best_threshold, count_sets
from kit.models import errors_in_one_line, open_model
from kit.places import Place, by_set, read_archive

import roadex
from roadex.models.averaging import average_networks
from roadex.models.base import SegmentationNetwork
from roadex.models.modelfile import Model, save_model

LOW_SHARE = 0.6
SMALLEST_GAIN = 0.0005


class Judge:
    """Measures mixtures of states, each once."""

    def __init__(
        self,
        models: Sequence[Model],
        sets: Mapping[str, Sequence[Place]],
        device: torch.device,
    ) -> None:
        self._models, self._sets, self._device = models, sets, device
        self._known: dict[tuple[float, ...], dict[str, float]] = {}

    def mixture(self, shares: Sequence[float]) -> SegmentationNetwork:
        """Return the mixture of the models that have a share above 0."""
        taken = [pair for pair in zip(self._models, shares, strict=True) if pair[1] > 0]
        network = average_networks(*zip(*taken, strict=True))
        return network.to(self._device, memory_format=torch.channels_last)

    def figures(self, shares: Sequence[float]) -> dict[str, float]:
        """Return the best common threshold, mean IoU there, and IoU of every set."""
        key = tuple(share / sum(shares) for share in shares)
        if key not in self._known:
            counts = count_sets(self.mixture(shares), self._sets, self._device)
            threshold, mean = best_threshold(list(counts.values()))
            each = {f"iou_{name}": round(c.iou(threshold), 4) for name, c in counts.items()}
            self._known[key] = {"iou": round(mean, 4), "threshold": threshold} | each
            print([round(share, 3) for share in key], self._known[key], flush=True)
        return self._known[key]


def parts_of(models: Sequence[Model], shares: Sequence[float]) -> list[dict[str, str | float]]:
    """Return what the description of a mixture says of its parts."""
    return [
        {
            "name": model.metadata.name,
            "share": round(share / sum(shares), 4),
            "sha256": model.sha256,
        }
        for model, share in zip(models, shares, strict=True)
        if share > 0
    ]


def search(judge: Judge, n_states: int, *, most_parts: int) -> list[float]:
    """Return the shares of the greedy mixture."""

    def with_one_more(parts: Sequence[float], index: int) -> list[float]:
        return [part + (i == index) for i, part in enumerate(parts)]

    def best_next(parts: Sequence[float]) -> list[float]:
        candidates = [with_one_more(parts, index) for index in range(n_states)]
        return max(candidates, key=lambda shares: judge.figures(shares)["iou"])

    parts = best_next([0.0] * n_states)
    while sum(parts) < most_parts:
        candidate = best_next(parts)
        if judge.figures(candidate)["iou"] < judge.figures(parts)["iou"] + SMALLEST_GAIN:
            break
        parts = candidate
    return [part / sum(parts) for part in parts]


def main() -> None:
    """Average what the command line names and write the model file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, help="what pack.py wrote")
    parser.add_argument("output", type=Path)
    parser.add_argument("states", nargs="+", help="models of one network")
    parser.add_argument("--shares", type=float, nargs="+", help="one per state")
    parser.add_argument("--name", default="places", help="name of the model")
    parser.add_argument("--judge", default="val/", help="beginning of the names of sets")
    parser.add_argument("--most-parts", type=int, default=8)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="of a CPU")
    options = parser.parse_args()
    if options.shares and len(options.shares) != len(options.states):
        parser.error(f"{len(options.states)} states need as many shares")
    torch.set_num_threads(options.threads)
    models = [open_model(name) for name in options.states]
    sets = by_set(read_archive(options.archive, prefix=options.judge))
    judge = Judge(models, sets, torch.device(options.device))
    shares = options.shares or search(judge, len(models), most_parts=options.most_parts)
    figures = judge.figures(shares)
    described = replace(
        models[0].metadata,
        name=options.name,
        threshold_low=round(LOW_SHARE * figures["threshold"], 3),
        threshold_high=figures["threshold"],
        tta="none",
        training={**models[0].metadata.training, "average_of": parts_of(models, shares)},
        validation=figures,
        roadex_version=roadex.__version__,
    )
    save_model(judge.mixture(shares), described, options.output)
    print(options.output)


if __name__ == "__main__":
    with errors_in_one_line():
        main()
