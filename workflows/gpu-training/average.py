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
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent))

from kit.measure import best_threshold, count_sets
from kit.model_file import State, mix, read_model, sha256_of, write_model
from kit.network import build_network
from kit.places import Place, by_set, read_archive

LOW_SHARE = 0.6
SMALLEST_GAIN = 0.0005


class Judge:
    """Measures mixtures of states, each once."""

    def __init__(
        self,
        metadata: Mapping[str, Any],
        states: Sequence[State],
        sets: Mapping[str, Sequence[Place]],
        device: torch.device,
    ) -> None:
        self._metadata, self._states, self._sets, self._device = metadata, states, sets, device
        self._known: dict[tuple[float, ...], dict[str, float]] = {}

    def state(self, shares: Sequence[float]) -> State:
        """Return the mixture of all states by shares."""
        return mix(self._states, shares)

    def figures(self, shares: Sequence[float]) -> dict[str, float]:
        """Return the best common threshold, mean IoU there, and IoU of every set."""
        key = tuple(share / sum(shares) for share in shares)
        if key not in self._known:
            network = build_network(self._metadata, self.state(shares)).to(self._device).eval()
            counts = count_sets(network, self._sets, self._device)
            threshold, mean = best_threshold(list(counts.values()))
            each = {f"iou_{name}": round(c.iou(threshold), 4) for name, c in counts.items()}
            self._known[key] = {"iou": round(mean, 4), "threshold": threshold} | each
            print([round(share, 3) for share in key], self._known[key], flush=True)
        return self._known[key]


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
    parser.add_argument("states", type=Path, nargs="+", help="model files of one network")
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
    read = [read_model(path) for path in options.states]
    metadata, states = read[0][0], [state for _, state in read]
    sets = by_set(read_archive(options.archive, prefix=options.judge))
    judge = Judge(metadata, states, sets, torch.device(options.device))
    shares = options.shares or search(judge, len(states), most_parts=options.most_parts)
    figures = judge.figures(shares)
    parts = [
        {
            "name": described["name"],
            "share": round(share / sum(shares), 4),
            "sha256": sha256_of(path),
        }
        for (described, _), share, path in zip(read, shares, options.states, strict=True)
        if share > 0
    ]
    training = dict(metadata["training"]) | {"average_of": parts}
    changes = {
        "name": options.name,
        "threshold_low": round(LOW_SHARE * figures["threshold"], 3),
        "threshold_high": figures["threshold"],
        "tta": "none",
        "training": training,
        "validation": figures,
    }
    write_model(options.output, dict(metadata) | changes, judge.state(shares))
    print(options.output)


if __name__ == "__main__":
    main()
